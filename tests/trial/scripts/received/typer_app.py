from typing import Annotated

import spy
import typer

app = typer.Typer()


@app.command()
def main(
    name: Annotated[str, typer.Option()],
    lr: Annotated[float, typer.Option("--lr", "-l")] = 0.1,
    shift: float = typer.Option(0.0, help="how far"),
    n: int = typer.Option(1),
    flag: Annotated[bool, typer.Option("--on/--off")] = True,
    layers: tuple[float, float] = (1.0, 1.0),
    momentum: float | None = None,
):
    spy.received(lr=lr, shift=shift, n=n, flag=flag, name=name, layers=layers, momentum=momentum)


app()
