# expect: {"metric": "error", "mode": "min", "space": {"lr": [0.01, 1, "log"], "width": [4, 16, "int"]}}
from typing import Annotated

import typer

import hpogrid

app = typer.Typer()


@app.command()
def train(
    lr: Annotated[float, typer.Option(help="rate")] = 0.1,
    width: int = typer.Option(8, "--width", "-w"),
    name: str = "run",
):
    hpogrid.report(error=lr * width)


if __name__ == "__main__":
    app()
