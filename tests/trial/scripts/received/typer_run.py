from typing import List, Optional  # noqa: UP035

import spy
import typer


def main(
    lr: float = 0.1,
    shift: float = 0.0,
    n: int = 1,
    flag: bool = False,
    name: str = "x",
    layers: List[float] = [1.0],  # noqa: B006, UP006
    momentum: Optional[float] = None,  # noqa: UP045
):
    spy.received(lr=lr, shift=shift, n=n, flag=flag, name=name, layers=layers, momentum=momentum)


if __name__ == "__main__":
    typer.run(main)
