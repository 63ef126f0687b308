# expect: {"metric": "f1", "mode": "max", "space": {"kernel": ["rbf", "linear"], "C": [0.1, 10, "log"]}}
from dataclasses import dataclass

import simple_parsing
from simple_parsing import choice

import hpogrid


@dataclass
class Svm:
    kernel: str = choice("rbf", "linear", default="rbf")
    C: float = 1.0
    shrinking: bool = True


svm = simple_parsing.parse(Svm)
hpogrid.report(f1=1 / (1 + svm.C))
