"""The kinds of parameter. Each names its search axis, and turns a latent into a value and back."""

from __future__ import annotations

from hpogrid.space.base import BaseParameter
from hpogrid.space.discrete import Categorical, Constant, Ordinal, Reference
from hpogrid.space.numeric import Float, Integer, Lattice
from hpogrid.space.value import Value

Parameter = Float | Integer | Categorical | Ordinal | Constant | Reference

__all__ = [
    "BaseParameter",
    "Categorical",
    "Constant",
    "Float",
    "Integer",
    "Lattice",
    "Ordinal",
    "Parameter",
    "Reference",
    "Value",
]
