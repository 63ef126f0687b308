from dataclasses import asdict, dataclass, field

import spy
from simple_parsing import ArgumentParser


@dataclass
class Optimiser:
    lr: float = 0.1
    shift: float = 0.0
    flag: bool = True
    layers: list[float] = field(default_factory=list)


parser = ArgumentParser()
parser.add_arguments(Optimiser, dest="optimiser")
parser.add_argument("--n", type=int)
parser.add_argument("--name")
parser.add_argument("--momentum", type=float)
args = parser.parse_args()
spy.received(**asdict(args.optimiser), n=args.n, name=args.name, momentum=args.momentum)
