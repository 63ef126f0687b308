"""The functions of Ray Tune that make types, by its names and with its meaning.

Of whole numbers the upper bound is left out; with a quantum it is in (but of 1, which is none),
and each multiple is as likely.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Never

from hpogrid.space.dialects import python_types as ours
from hpogrid.space.dialects.python_types import plain_value, real_numbers, whole_numbers
from hpogrid.space.parameter import Categorical, Float, Integer, Lattice, Parameter
from hpogrid.space.scale import Linear, Normal
from hpogrid.space.value import Value

_NO_BASE: Any = None
"""The base of a logarithm, which Ray ignores as well."""


def loguniform(lower: float, upper: float, base: object = _NO_BASE) -> Float:
    """A real number whose logarithm is uniform."""
    return ours.loguniform(lower, upper)


def qloguniform(lower: float, upper: float, q: float, base: object = _NO_BASE) -> Float:
    """A log-uniform number rounded to multiples of ``q``; so must the bounds be."""
    return ours.qloguniform(lower, upper, q)


def randn(mean: float = 0.0, sd: float = 1.0) -> Float:
    """A normal number."""
    return Float(scale=Normal(*real_numbers(mean=mean, sd=sd)))


def qrandn(mean: float, sd: float, q: float) -> Float:
    """A normal number rounded to multiples of ``q``."""
    middle, sigma, step = real_numbers(mean=mean, sd=sd, q=q)
    return Float(scale=Normal(middle, sigma), lattice=Lattice(step))


def randint(lower: int, upper: int) -> Integer:
    """A whole number from ``lower`` to below ``upper``."""
    return ours.randint(lower, _below(lower, upper))


def lograndint(lower: int, upper: int, base: object = _NO_BASE) -> Integer:
    """A whole number below ``upper`` whose logarithm is uniform."""
    return ours.lograndint(lower, _below(lower, upper))


def qrandint(lower: int, upper: int, q: int = 1) -> Integer:
    """A multiple of ``q`` from ``lower`` to ``upper``, which 1 leaves out."""
    if q == 1:
        return randint(lower, upper)
    low, high, step = whole_numbers(lower=lower, upper=upper, q=q)
    if step < 1:
        raise ValueError(f"q {step} is not above 0")
    first, last = -(-low // step) * step, high // step * step
    if first > last:
        raise ValueError(f"no multiple of {step} lies between {low} and {high}; make q smaller")
    return Integer(scale=Linear(first, last), step=step)


def qlograndint(lower: int, upper: int, q: int, base: object = _NO_BASE) -> Integer:
    """A log-uniform whole number, where ``q`` is 1."""
    if q != 1:
        raise ValueError("whole numbers on a log scale have no quantum but 1 here; list them")
    return lograndint(lower, upper)


def grid_search(values: Sequence[Value]) -> Categorical:
    """Every value for every draw of the others."""
    return Categorical(choices=tuple(map(plain_value, values)), grid=True)


def sample_from(func: object) -> Never:
    """What a function draws."""
    raise ValueError("a function cannot be searched; give the parameter a type")


TYPES: dict[str, Callable[..., Parameter]] = {
    "uniform": ours.uniform,
    "quniform": ours.quniform,
    "choice": ours.choice,
    **{
        function.__name__: function
        for function in (
            loguniform,
            qloguniform,
            randn,
            qrandn,
            randint,
            lograndint,
            qrandint,
            qlograndint,
            grid_search,
            sample_from,
        )
    },
}


def _below(lower: object, upper: object) -> int:
    low, high = whole_numbers(lower=lower, upper=upper)
    if low >= high:
        raise ValueError(f"there is no whole number from {low} to below {high}")
    return high - 1
