"""What every algorithm proposes is inside the space, reaches all of it, and keeps its weights."""

from __future__ import annotations

import itertools
import random
import resource
from collections import Counter
from typing import Any

import pytest

from hpogrid.search.proposer import Proposer
from hpogrid.space.dialects import read_space
from hpogrid.space.latent import Category, IntegerRange, Unit, from_unit, to_unit
from hpogrid.space.parameter import Categorical, Float, Integer, Lattice, Ordinal
from hpogrid.space.scale import Linear, Log, Normal
from hpogrid.space.space import Space
from hpogrid.space.value import as_number, canonical
from tests.search.spaces import SLOW, VARIANTS, live, make

_QUICK = {"random", "tune", "optuna-random", "optuna-nsga2"}
_UNEVEN = {"grid"}  # it has every value once, whatever its weight


def marked(variants: Any) -> list[Any]:
    return [
        pytest.param(variant, marks=pytest.mark.engine) if variant in SLOW else variant
        for variant in variants
    ]


def reachable_space() -> Space:
    return Space(
        {
            "u": Float(scale=Linear(-2, 3)),
            "log": Float(scale=Log(1e-6, 1)),
            "tail": Float(scale=Normal(1, 2)),
            "q": Float(scale=Linear(0, 0.3), lattice=Lattice(0.1)),
            "step": Float(scale=Linear(0.1, 0.7), lattice=Lattice(0.2, "low")),
            "n": Integer(scale=Linear(1, 5)),
            "by": Integer(scale=Linear(2, 11), step=3),
            "logn": Integer(scale=Log(1, 4)),
            "c": Categorical(choices=("a", None, 1, True)),
            "w": Categorical(choices=("x", "y"), weights=(4.0, 1.0)),
            "o": Ordinal(choices=(1, 10, 100)),
        }
    )


FINITE: dict[str, list[Any]] = {
    "q": [0.0, 0.1, 0.2, 0.3],
    "step": [0.1, 0.3, 0.5, 0.7],
    "n": [1, 2, 3, 4, 5],
    "by": [2, 5, 8, 11],
    "logn": [1, 2, 3, 4],
    "w": ["x", "y"],
    "o": [1, 10, 100],
}


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param(name, marks=() if name in _QUICK else pytest.mark.engine)
        for name in VARIANTS
        if name not in _UNEVEN
    ],
)
def test_two_hundred_proposals_are_inside_and_reach_both_ends(variant: str) -> None:
    """One search is drawn to the lower end of every parameter, one of another seed to the upper."""
    space = reachable_space()
    trials = 8 if variant == "ax" else 40 if variant in SLOW else 100  # ax takes a minute for each
    values: dict[str, list[Any]] = {name: [] for name in space.parameters}
    for seed, sign in ((1, 1), (2, -1)):

        def loss(config: dict[str, Any], sign: int = sign) -> float:
            latents = space.encode(config)
            return sign * sum(to_unit(axis, latents[name]) for name, axis in space.axes.items())

        seen = live(Proposer(space, make(variant, space, seed)), loss, trials)
        assert len(seen) == trials
        for name, found in values.items():
            found += [point.applied[name] for point, _ in seen]
    for name, wanted in FINITE.items():
        assert {canonical(value) for value in values[name]} <= {canonical(v) for v in wanted}
        assert variant == "ax" or {wanted[0], wanted[-1]} <= set(values[name])
    choices = [canonical(value) for value in ("a", None, 1, True)]
    assert {canonical(value) for value in values["c"]} <= set(choices)
    assert -2 <= min(values["u"]) <= max(values["u"]) <= 3
    assert 1e-6 <= min(values["log"]) <= max(values["log"]) <= 1
    if variant != "ax":
        assert {choices[0], choices[-1]} <= {canonical(value) for value in values["c"]}
        assert min(values["u"]) < 0 < 1 < max(values["u"])
        assert min(values["log"]) < 1e-4 < 1e-2 < max(values["log"])
        assert min(values["tail"]) < 1 < max(values["tail"])


@pytest.mark.parametrize("variant", marked(name for name in VARIANTS if name not in _UNEVEN))
def test_repeated_categories_are_weights(variant: str) -> None:
    """Of 200 first proposals, by 20 seeds, y has one tenth: 20, with a deviation of 4.2."""
    categories = {"method": "categorical", "dimension": {"categories": ["x"] * 9 + ["y"]}}
    unit = {"method": "uniform", "dimension": {"low": 0, "high": 1}}
    space, _ = read_space({"c": categories, "u": unit}, "s")
    drawn = Counter[str]()
    for seed in range(20):
        seen = live(Proposer(space, make(variant, space, seed)), lambda config: 0.0, 5)
        drawn.update(str(point.applied["c"]) for point, _ in seen)
    assert sum(drawn.values()) == 100
    assert 1 <= drawn["y"] <= 25


@pytest.mark.parametrize("variant", marked(VARIANTS))
@pytest.mark.parametrize("low", [0, 1])
def test_wide_integers_cost_no_memory(variant: str, low: int) -> None:
    """Linear from 0, and on a log scale from 1; lists of values would have 2**53 entries."""
    scale: Any = Linear(0, 2**53 - 2) if low == 0 else Log(1, 2**53 - 2)
    space = Space({"seed": Integer(scale=scale), "x": Float(scale=Linear(0, 1))})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen = live(Proposer(space, make(variant, space)), lambda config: float(config["x"]), 12)
    assert len({point.applied["seed"] for point, _ in seen}) > (6 if variant != "grid" else 0)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2_000_000  # KiB
    for point, _ in seen:
        assert low <= as_number(point.applied["seed"]) <= 2**53 - 2
        assert type(point.applied["seed"]) is int


@pytest.mark.parametrize(
    "axis",
    [
        Unit(),
        IntegerRange(-3, 9),
        IntegerRange(0, 2**31 - 1),
        Category(4),
        Category(3, (5.0, 1.0, 1e-6)),
    ],
)
def test_every_axis_is_a_unit_interval(axis: Any) -> None:
    rng = random.Random(2)
    for latent in [axis.sample(rng) for _ in range(100)]:
        assert from_unit(axis, to_unit(axis, latent)) == latent
    ends = [from_unit(axis, u) for u in (0.0, 1.0)]
    assert ends == sorted(ends)
    counts = Counter(from_unit(axis, index / 7000) for index in range(7001))
    if isinstance(axis, Category) and axis.weights is not None:
        for index, other in itertools.pairwise(sorted(counts)):
            assert counts[index] >= counts[other]
