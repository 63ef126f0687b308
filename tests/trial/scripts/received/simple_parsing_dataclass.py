from dataclasses import asdict, dataclass, field

import simple_parsing
import spy


@dataclass
class Config:
    lr: float = 0.1
    shift: float = 0.0
    n: int = 1
    flag: bool = False
    name: str = "x"
    layers: list[float] = field(default_factory=lambda: [1.0])
    momentum: float | None = None


spy.received(**asdict(simple_parsing.parse(Config)))
