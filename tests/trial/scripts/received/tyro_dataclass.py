import dataclasses

import spy
import tyro


@dataclasses.dataclass
class Args:
    flag: bool
    lr: float = 0.1
    shift: float = 0.0
    n: int = 3
    name: str = "x"
    layers: tuple[float, ...] = (1.0,)
    momentum: float | None = None


spy.received(**dataclasses.asdict(tyro.cli(Args)))
