import spy
from jsonargparse import auto_cli


def train(
    lr: float = 0.1,
    shift: float = 0.0,
    n: int = 1,
    flag: bool = False,
    name: str = "x",
    layers: list[float] = [1.0],  # noqa: B006
    momentum: float | None = None,
):
    spy.received(lr=lr, shift=shift, n=n, flag=flag, name=name, layers=layers, momentum=momentum)


if __name__ == "__main__":
    auto_cli(train)
