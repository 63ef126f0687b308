"""The kernel densities of BOHB, beside those of SciPy."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from hpogrid.search import make_searcher
from hpogrid.search.base import Outcome, Problem
from hpogrid.search.bohb import BohbSearcher, Density, make_density
from hpogrid.space.parameter import Float
from hpogrid.space.scale import Linear
from hpogrid.space.space import Space
from tests.lazy import Lazy

stats = Lazy("scipy.stats")

POINTS = [(0.1, 0.0), (0.3, 2.0), (0.35, 2.0), (0.9, 1.0)]


def test_a_density_is_the_mean_of_products_of_kernels() -> None:
    density = Density(POINTS, counts=(0, 3), widths=(0.2, 0.3))
    for here in (0.0, 0.32, 1.0):
        for kind in (0.0, 1.0, 2.0):
            kernels = [
                stats.norm.pdf(here, there, 0.2) * (0.7 if kind == own else 0.15)
                for there, own in POINTS
            ]
            assert density.at((here, kind)) == pytest.approx(sum(kernels) / 4)


def test_widths_follow_the_normal_reference_rule() -> None:
    density = make_density(POINTS, counts=(0, 3), least=1e-3)
    mean = sum(x for x, _ in POINTS) / 4
    deviation = (sum((x - mean) ** 2 for x, _ in POINTS) / 4) ** 0.5
    assert density.widths[0] == pytest.approx(1.06 * deviation * 4 ** (-1 / 6))
    differ = 1 - (1 / 16 + 4 / 16 + 1 / 16)
    assert density.widths[1] == pytest.approx(1.06 * differ**0.5 * 4 ** (-1 / 6))

    assert make_density([(0.5, 1.0)] * 9, (0, 3), least=0.1).widths == [0.1, 0.1]
    as_uniform = make_density(POINTS, (0, 3), least=5.0).widths
    assert as_uniform == pytest.approx([5, 2 / 3])


def test_many_points_give_the_density_of_some_of_them() -> None:
    rng = random.Random(1)
    points = [(rng.gauss(0.5, 0.1),) for _ in range(5000)]
    density = make_density(sorted(points), (0,), least=1e-3)
    assert len(density.points) < 200
    assert density.at((0.5,)) == pytest.approx(stats.norm.pdf(0.5, 0.5, 0.1), rel=0.1)


def test_draws_come_from_the_kernels_within_the_space() -> None:
    rng = random.Random(1)
    density = Density([(0.05, 2.0)], counts=(0, 4), widths=(0.1, 0.4))
    drawn = [density.draw(rng, 3.0) for _ in range(4000)]
    low, high = (0 - 0.05) / 0.3, (1 - 0.05) / 0.3
    assert (
        stats.kstest([x for x, _ in drawn], stats.truncnorm(low, high, 0.05, 0.3).cdf).pvalue > 1e-3
    )
    kinds = Counter(kind for _, kind in drawn)
    for kind, share in {0.0: 0.1, 1.0: 0.1, 2.0: 0.7, 3.0: 0.1}.items():
        assert kinds[kind] / 4000 == pytest.approx(share, abs=0.03)


def test_the_largest_budget_with_enough_of_both_is_the_model() -> None:
    space = Space({"x": Float(scale=Linear(0, 1))})
    searcher = make_searcher("bohb", Problem(space, ("min",), 1), {"random_fraction": 0})
    assert isinstance(searcher, BohbSearcher)
    for index in range(12):  # at one epoch low values are good, at nine high ones
        point = {"x": index / 12}
        searcher.start(point)
        searcher.report(point, Outcome((index / 12,)), 1)
        if index == 4:
            early = searcher._model()
            assert early is not None
            assert min(early[0].points)[0] == 0, "one epoch, when that is all there is"
        if index >= 8:
            searcher.report(point, Outcome((1 - index / 12,)), 9)
    model = searcher._model()
    assert model is not None
    good, _ = model
    assert min(good.points)[0] >= 10 / 12


def test_a_third_of_the_proposals_is_drawn_from_the_whole_space() -> None:
    space = Space({"x": Float(scale=Linear(0, 1))})
    searcher = make_searcher("bohb", Problem(space, ("min",), 1), {"min_bandwidth": 1e-9})
    for _ in range(20):
        searcher.observe({"x": 0.5}, Outcome((1.0,)))
    found = [point["x"] for _ in range(300) if (point := searcher.suggest()) is not None]
    drawn = [x for x in found if abs(x - 0.5) > 0.001]
    assert 75 <= len(drawn) <= 125
    assert min(drawn) < 0.1 < 0.9 < max(drawn)
