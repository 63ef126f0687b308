# expect: {"metric": "loss", "mode": "min", "space": {"learning_rate": [0.001, 0.1, "log"], "units": [8, 32, "int"]}, "printed": true}
from dataclasses import dataclass

from simple_parsing import ArgumentParser


@dataclass
class Options:
    """Of the training."""

    learning_rate: float = 0.01  # how fast
    units: int = 16
    log_dir: str = "logs"


parser = ArgumentParser()
parser.add_arguments(Options, dest="options")
options = parser.parse_args().options
print(f"loss={options.learning_rate * options.units}")
