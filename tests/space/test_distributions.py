"""Draws of every method against SciPy: Kolmogorov-Smirnov, and chi-square on lattices."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hpogrid.space.dialects import method_dimension
from hpogrid.space.parameter import Float, Integer, Lattice
from hpogrid.space.scale import Linear, Log, ReverseLog
from hpogrid.space.space import Space
from tests.lazy import Lazy

stats = Lazy("scipy.stats")

DRAWS = 4000
SMALLEST_P = 1e-4  # seeds are fixed: a failure is a wrong distribution, not bad luck


def draws(method: str, **dimension: Any) -> list[Any]:
    space, _ = method_dimension.parse({"x": {"method": method, "dimension": dimension}}, "test")
    return sample(space)


def sample(space: Space) -> list[Any]:
    rng = random.Random(20240601)
    return [space.sample(rng).applied["x"] for _ in range(DRAWS)]


def check_pmf(found: list[Any], expected: dict[Any, float]) -> None:
    """Chi-square over the cells that are expected often enough; no value outside them."""
    counts = Counter(found)
    assert set(counts) <= set(expected)
    assert math.isclose(sum(expected.values()), 1.0, rel_tol=1e-9)
    common = [value for value, share in expected.items() if share * DRAWS >= 5]
    rest = 1.0 - sum(expected[value] for value in common)
    observed = [counts[value] for value in common]
    wanted = [expected[value] * DRAWS for value in common]
    if rest * DRAWS >= 1e-6:
        observed.append(DRAWS - sum(observed))
        wanted.append(rest * DRAWS)
    assert stats.chisquare(observed, wanted).pvalue > SMALLEST_P


def rounded(cdf: Any, q: float, first: int, last: int) -> dict[float, float]:
    """The probability of each multiple: of the draws that round to it, clipped at the ends."""
    edges = [-math.inf, *((index + 0.5) * q for index in range(first, last)), math.inf]
    shares = np.diff([cdf(edge) for edge in edges])
    lattice = Lattice(q)
    return {lattice.at(0.0, first + index): float(share) for index, share in enumerate(shares)}


CONTINUOUS = [
    ("uniform", {"low": -3, "high": 5}, lambda: stats.uniform(-3, 8)),
    ("loguniform", {"low": 1e-5, "high": 1e-1}, lambda: stats.loguniform(1e-5, 1e-1)),
    ("loguniform", {"low": 1e-5, "high": 1e-1, "base": 10}, lambda: stats.loguniform(1e-5, 1e-1)),
    ("normal", {"mu": 2, "sigma": 3}, lambda: stats.norm(2, 3)),
    ("lognormal", {"mu": 0.5, "sigma": 1.5}, lambda: stats.lognorm(1.5, scale=math.exp(0.5))),
    (
        "lognormal",
        {"mu": 0.5, "sigma": 1.5, "base": 10},
        lambda: stats.lognorm(1.5 * math.log(10), scale=10**0.5),
    ),
    (
        "lognormal",
        {"mu": 0.5, "sigma": 1.5, "base": 0.5},
        lambda: stats.lognorm(1.5 * math.log(2), scale=0.5**0.5),
    ),
]


@pytest.mark.parametrize(("method", "dimension", "expected"), CONTINUOUS)
def test_continuous_methods(
    method: str, dimension: dict[str, Any], expected: Callable[[], Any]
) -> None:
    assert stats.kstest(draws(method, **dimension), expected().cdf).pvalue > SMALLEST_P


QUANTISED = [
    ("quniform", {"low": 0, "high": 2, "q": 0.25}, lambda: stats.uniform(0, 2), 0, 8),
    ("quniform", {"low": -0.6, "high": 2.1, "q": 0.25}, lambda: stats.uniform(-0.6, 2.7), -2, 8),
    ("qloguniform", {"low": 1, "high": 64, "q": 1}, lambda: stats.loguniform(1, 64), 1, 64),
    ("qnormal", {"mu": 1, "sigma": 2, "q": 0.5}, lambda: stats.norm(1, 2), -60, 60),
    ("qlognormal", {"mu": 1, "sigma": 1, "q": 1}, lambda: stats.lognorm(1, scale=math.e), 0, 3000),
    (
        "qlognormal",
        {"mu": 1, "sigma": 0.5, "base": 2, "q": 1},
        lambda: stats.lognorm(0.5 * math.log(2), scale=2),
        0,
        3000,
    ),
]


@pytest.mark.parametrize(("method", "dimension", "whole", "first", "last"), QUANTISED)
def test_quantised_methods(
    method: str, dimension: dict[str, Any], whole: Callable[[], Any], first: int, last: int
) -> None:
    expected = rounded(whole().cdf, dimension["q"], first, last)
    check_pmf(draws(method, **dimension), expected)


def test_uniformint_includes_both_ends() -> None:
    check_pmf(draws("uniformint", low=3, high=9), dict.fromkeys(range(3, 10), 1 / 7))


def test_categorical_counts_repetitions_as_weights() -> None:
    check_pmf(draws("categorical", categories=["a", "b", "a"]), {"a": 2 / 3, "b": 1 / 3})
    check_pmf(draws("categorical", categories=[1, 2, 3]), dict.fromkeys((1, 2, 3), 1 / 3))


def test_grid_search_draws_every_value() -> None:
    expected = {"a": 0.5, "b": 0.5}
    check_pmf(draws("categorical", categories=["a", "b", "a"], grid_search=1), expected)


def test_fixed() -> None:
    assert set(draws("fixed", value=3)) == {3}


def test_a_lattice_from_low_is_even() -> None:
    item = Float(scale=Linear(0.1, 1.25), lattice=Lattice(0.25, "low"))
    found = sample(Space({"x": item}))
    check_pmf(found, dict.fromkeys((0.1, 0.35, 0.6, 0.85, 1.1), 0.2))


def test_whole_numbers_with_a_step_are_even() -> None:
    found = sample(Space({"x": Integer(scale=Linear(2, 9), step=3)}))
    check_pmf(found, dict.fromkeys((2, 5, 8), 1 / 3))


def test_whole_numbers_on_a_log_scale() -> None:
    found = sample(Space({"x": Integer(scale=Log(1, 40))}))
    cdf = stats.loguniform(0.5, 40.5).cdf
    check_pmf(found, {n: float(cdf(n + 0.5) - cdf(n - 0.5)) for n in range(1, 41)})


def test_reverse_log() -> None:
    found = sample(Space({"x": Float(scale=ReverseLog(0.5, 0.999))}))
    one_minus = [1.0 - value for value in found]
    assert stats.kstest(one_minus, stats.loguniform(0.001, 0.5).cdf).pvalue > SMALLEST_P
