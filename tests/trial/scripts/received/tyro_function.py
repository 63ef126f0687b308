import spy
import tyro


def main(
    lr: float,
    shift: float,
    n: int,
    name: str,
    layers: list[float],
    flag: bool = False,
    momentum: float | None = None,
) -> None:
    spy.received(lr=lr, shift=shift, n=n, flag=flag, name=name, layers=layers, momentum=momentum)


if __name__ == "__main__":
    tyro.cli(main)
