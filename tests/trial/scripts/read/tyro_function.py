# refuse: --width
import tyro

import hpogrid


def main(width: int, lr: float = 0.1) -> None:
    hpogrid.report(loss=lr * width)


tyro.cli(main)
