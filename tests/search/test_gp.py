"""hpogrid's own Gaussian process, beside that of scikit-learn."""

from __future__ import annotations

import math
import random
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hpogrid.errors import UserError
from hpogrid.search import make_searcher
from hpogrid.search.base import FAILED, Outcome, Problem
from hpogrid.search.gp import GpSearcher
from hpogrid.search.prior import Believer, read_prior
from hpogrid.search.proposer import Proposer
from hpogrid.space.condition import Condition
from hpogrid.space.parameter import Categorical, Float, Integer
from hpogrid.space.scale import Linear
from hpogrid.space.space import Space
from tests.lazy import Lazy
from tests.search.spaces import live

if TYPE_CHECKING:
    from hpogrid.search import candidates, gaussian
else:
    candidates, gaussian = Lazy("hpogrid.search.candidates"), Lazy("hpogrid.search.gaussian")
optimize, stats = Lazy("scipy.optimize"), Lazy("scipy.stats")

NUMBERS = np.array([False, False])
UNIT = Float(scale=Linear(0, 1))


@pytest.fixture
def hyper() -> gaussian.Hyper:
    return gaussian.Hyper(np.array([0.3, 0.8]), scale=2.0, noise=0.01)


def some(count: int, seed: int = 1) -> tuple[gaussian.Array, gaussian.Array]:
    """Points of two numbers, and a loss for each."""
    points = np.random.default_rng(seed).random((count, 2))
    return points, gaussian.standardised(np.sin(6 * points[:, 0]) + points[:, 1])


def test_it_expects_what_scikit_learns_does(hyper: gaussian.Hyper) -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor  # all workers would load it
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern

    points, losses = some(30)
    kernel = ConstantKernel(hyper.scale) * Matern(hyper.lengths, nu=2.5) + ConstantKernel(1.0)
    other = GaussianProcessRegressor(kernel, alpha=hyper.noise + 1e-6, optimizer=None)
    elsewhere, _ = some(50, seed=2)
    mean, deviation = gaussian.GaussianProcess(hyper, points, losses, NUMBERS).at(elsewhere)
    expected = other.fit(points, losses).predict(elsewhere, return_std=True)
    np.testing.assert_allclose(mean, expected[0], atol=1e-9)
    np.testing.assert_allclose(deviation, expected[1], atol=1e-7)


def test_the_hyperparameters_are_a_maximum_and_their_slopes_are_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points, losses = some(40)
    seen: list[Any] = []
    real = optimize.minimize

    def spy(cost: Any, start: Any, **options: Any) -> Any:
        seen.append(cost)
        return real(cost, start, **options)

    monkeypatch.setattr("hpogrid.search.gaussian.optimize.minimize", spy)
    hyper = gaussian.fit(gaussian.squares(points, points, NUMBERS), losses)
    logs = np.array([0.2, -0.4, 0.3, -2.0])
    steps = list(1e-6 * np.eye(4))
    by_hand = [(seen[0](logs + step)[0] - seen[0](logs - step)[0]) / 2e-6 for step in steps]
    np.testing.assert_allclose(seen[0](logs)[1], by_hand, rtol=1e-5)
    found = np.log([*hyper.lengths, hyper.scale, hyper.noise])
    assert all(seen[0](found)[0] <= seen[0](found + 1e5 * step)[0] for step in steps)
    assert hyper.lengths[0] < hyper.lengths[1]  # the first one is the one that matters


def test_points_that_are_nearly_the_same_are_modelled(hyper: gaussian.Hyper) -> None:
    points, losses = some(20)
    points, losses = np.vstack([points, points + 1e-12]), np.append(losses, losses + 1e-3)
    for one in (hyper, gaussian.Hyper(np.array([20.0, 20.0]), scale=1e6, noise=0.0)):
        mean, deviation = gaussian.GaussianProcess(one, points, losses, NUMBERS).at(points)
        assert np.isfinite(mean).all()
        assert (deviation > 0).all()


def test_expected_improvement_far_from_and_near_the_best() -> None:
    for mean, deviation in ((0.3, 0.5), (2.0, 0.5), (-1.0, 0.2), (9.0, 1.0), (30.0, 1.0)):
        found = gaussian.log_expected_improvement(np.array([mean]), np.array([deviation]), 0.0)
        z = -mean / deviation
        if z > -7:
            expected = deviation * (stats.norm.pdf(z) + z * stats.norm.cdf(z))
            assert found[0] == pytest.approx(math.log(expected), abs=0.1)
        else:
            leading = stats.norm.logpdf(z) - 2 * math.log(-z) + math.log(deviation)
            assert found[0] == pytest.approx(leading, rel=0.01)


def test_bad_losses_count_as_no_worse_than_thrice_the_median() -> None:
    told = gaussian.standardised(np.array([1.0, 2.0, 3.0, 9.0, 1e30]))
    assert told[3] == told[4] > told[2] > told[0]
    assert told.mean() == pytest.approx(0)
    assert gaussian.standardised(np.full(5, 7.0)).tolist() == [0.0] * 5


def test_none_is_as_far_from_a_value_as_categories_are_from_each_other() -> None:
    kinds = np.array([True, False])
    points = np.array([[0.0, 0.25], [2.0, 0.75], [2.0, math.nan], [0.0, math.nan]])
    found = gaussian.squares(points, points, kinds)
    assert found[0].tolist() == [[0, 0], [1, 0.25], [1, 1], [0, 1]]
    assert found[3].tolist() == [[0, 1], [1, 1], [1, 0], [0, 0]]


def test_candidates_are_points_of_the_space() -> None:
    space = Space(
        {"x": UNIT, "n": Integer(scale=Linear(3, 9)), "c": Categorical(choices=("a", "b", "c"))}
    )
    drawn, rng = candidates.Candidates(space.axes), np.random.default_rng(1)
    anywhere = drawn.anywhere(rng, 300)
    around = drawn.encode([{"x": 0.99, "n": 6, "c": 1}])
    for points in (anywhere, drawn.near(rng, around, 300, 0.1)):
        for row in points:
            np.testing.assert_allclose(drawn.encode([drawn.decode(row)])[0], row)
        assert {value for (value,) in points[:, 2:].tolist()} == {0.0, 1.0, 2.0}
    near = drawn.near(rng, around, 300, 0.001)
    assert (near != around).any(axis=1).mean() > 0.8
    assert {drawn.decode(row)["n"] for row in near} == {5, 6}  # a step at least, and not outside


def test_the_first_points_are_spread_evenly() -> None:
    space = Space({"x": UNIT, "y": UNIT})
    seen = live(Proposer(space, make_searcher("gp", Problem(space, ("min",), 3, 8), {})), _none, 8)
    latents = [space.encode(point.suggested) for point, _ in seen]
    for name in ("x", "y"):
        assert sorted(int(8 * axis[name]) for axis in latents) == list(range(8))


def _none(config: dict[str, Any]) -> float:
    return 0.0


def _bowl(config: dict[str, Any]) -> float:
    return float((config["x"] - 0.3) ** 2)


def test_points_that_run_keep_others_away() -> None:
    space = Space({"x": UNIT})
    searcher = make_searcher("gp", Problem(space, ("min",), 1, 100), {"n_initial_points": 5})
    proposer = Proposer(space, searcher)
    live(proposer, _bowl, 12)
    at_once = [proposer.ask() for _ in range(6)]
    latents = [space.encode(point.suggested)["x"] for point in at_once if point is not None]
    assert len(set(latents)) == 6
    assert max(latents) - min(latents) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("conditions", [False, True])
def test_it_finds_a_minimum_that_random_draws_do_not(conditions: bool) -> None:
    kind = Categorical(choices=("bowl", "flat"))
    when = Condition(op="equal", on="kind", value="bowl") if conditions else None
    scale = Linear(-5, 5)
    space = Space(
        {"kind": kind, **{name: Float(scale=scale, when=when) for name in ("x", "y", "z")}}
    )

    def loss(config: dict[str, Any]) -> float:
        if config["kind"] == "flat":
            return 20.0
        return sum((float(config[name]) - 1.5) ** 2 for name in ("x", "y", "z"))

    best = {}
    for name in ("gp", "random"):
        searcher = make_searcher(name, Problem(space, ("min",), 1, 40), {})
        seen = live(Proposer(space, searcher), loss, 40)
        best[name] = min(loss(point.applied) for point, _ in seen)
    assert best["gp"] < 0.1 < 0.5 < best["random"]


def test_many_points_are_modelled_by_the_best_and_the_latest() -> None:
    space, rng = Space({"x": UNIT, "y": UNIT}), random.Random(1)
    searcher: Any = make_searcher("gp", Problem(space, ("min",), 1, 1000), {})
    proposer = Proposer(space, searcher)
    for _ in range(searcher.most_points + 100):
        point = space.sample(rng)
        proposer.tell(point.suggested, _outcome(point.applied))
    kept = searcher._kept(searcher.most_points + 100)
    assert len(kept) <= searcher.most_points
    best = min(range(len(searcher._told)), key=searcher._told.__getitem__)
    assert best in kept
    found = proposer.ask()
    assert found is not None
    values = _outcome(found.applied).values
    assert values is not None
    assert values[0] < 0.02


def _outcome(config: Any) -> Outcome:
    return Outcome(((config["x"] - 0.3) ** 2 + (config["y"] - 0.6) ** 2,))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_best_point_beside_those_that_fail_is_found(seed: int) -> None:
    """What fails has no loss, though nothing would be as good as what is beyond the border."""
    space = Space({"x": UNIT, "y": UNIT})

    def loss(config: dict[str, Any]) -> float | None:
        x, y = float(config["x"]), float(config["y"])
        return None if x > 0.6 else (x - 0.9) ** 2 + (y - 0.3) ** 2

    proposer = Proposer(space, make_searcher("gp", Problem(space, ("min",), seed, 40), {}))
    losses = [loss(point.applied) for point, _ in live(proposer, loss, 40)]
    assert min(found for found in losses if found is not None) == pytest.approx(0.09, abs=0.003)


@pytest.mark.parametrize("chance", [0.1, 0.25])
def test_failures_by_chance_are_noise(chance: float) -> None:
    rng = np.random.default_rng(3)
    points, failed = rng.random((80, 2)), (rng.random(80) < chance).astype(float)
    assert np.exp(_log_chances(points, failed, rng.random((50, 2)))).min() > 0.8


def test_failures_beyond_a_border_are_not() -> None:
    rng = np.random.default_rng(3)
    points, elsewhere = rng.random((80, 2)), rng.random((50, 2))
    found = np.exp(_log_chances(points, (points[:, 0] > 0.7).astype(float), elsewhere))
    assert found[elsewhere[:, 0] > 0.8].max() < 0.1
    assert found[elsewhere[:, 0] < 0.6].min() > 0.9


def _log_chances(points: Any, failed: Any, elsewhere: Any) -> Any:
    apart = gaussian.squares(points, points, NUMBERS)
    hyper = gaussian.fit(apart, gaussian.standardised(failed))
    return gaussian.Chances(hyper, points, failed, NUMBERS).log_at(elsewhere)


def test_it_begins_to_model_with_points_that_failed_and_forgets_old_ones() -> None:
    space = Space({"x": UNIT})
    searcher: Any = make_searcher("gp", Problem(space, ("min",), 1, 1000), {})
    searcher.most_points = 20
    for number in range(10):
        assert not searcher._ready()
        done = Outcome((number / 10,)) if number < 3 else FAILED
        searcher.observe({"x": number / 10}, done)
    assert searcher._ready()
    axes = candidates.Candidates(space.axes)
    assert searcher._chances(axes) is not None
    for number in range(20):
        searcher.observe({"x": number / 40}, Outcome((number / 10,)))
    assert searcher._chances(axes) is None


def test_without_scipy_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    problem = Problem(Space({"x": UNIT}), ("min",), seed=1, trials=100)
    with pytest.raises(UserError, match=r"algorithm gp needs scipy: pip install 'hpogrid\[gp\]'"):
        make_searcher("gp", problem, {})


def test_what_is_believed_counts_beside_what_is_expected() -> None:
    """Ever less with the number of trials, and nothing of what a point does not have."""
    on = Condition(op="equal", on="kind", value="a")
    space = Space(
        {"kind": Categorical(choices=("a", "b")), "x": Float(scale=Linear(0, 1), when=on)}
    )
    prior = read_prior({"kind": "a", "x": 0.8}, space)
    searcher = make_searcher("gp", Problem(space, ("min",), 1, 50, prior), {})
    assert isinstance(searcher, GpSearcher)
    believer = searcher._believer
    assert isinstance(believer, Believer)
    points = np.array([[0, 0.8], [0, 0.9], [1, np.nan]])

    def belief(trials: int) -> list[float]:
        while len(searcher._points) < trials:
            searcher.observe(space.encode({"kind": "a", "x": 0.8}), Outcome((1.0,)))
        return [float(value) for value in searcher._belief(points, believer)]

    whole = [math.log(0.9), math.log(0.9) - 0.5, math.log(0.1)]
    assert belief(5) == pytest.approx([value / 2 for value in whole])
    assert belief(10) == pytest.approx([value / 4 for value in whole])


def crossing(latent: float) -> tuple[float, float]:
    """The losses after 1 and after 4: who begins well, ends badly."""
    return latent, 1 - latent


def test_it_finds_out_that_a_good_beginning_ends_badly() -> None:
    searcher = GpSearcher(Problem(Space({"x": UNIT}), ("min",), seed=1))
    for latent in (0.05, 0.2, 0.35, 0.5, 0.65, 0.8):
        early, late = crossing(latent)
        searcher.observe({"x": latent}, Outcome((late,), ((1.0, (early,)), (4.0, (late,)))))
    for latent in (0.85, 0.88, 0.9, 0.95, 0.98):
        early, _ = crossing(latent)
        searcher.observe({"x": latent}, Outcome((early,), ((1.0, (early,)),), cut=True))

    proposed = searcher.suggest()
    assert proposed is not None
    assert proposed["x"] > 0.85


@pytest.mark.parametrize("told", [False, True])
def test_what_running_points_have_come_to_counts(told: bool) -> None:
    searcher = GpSearcher(Problem(Space({"x": UNIT}), ("min",), seed=1))
    for number in range(10):
        latent = number / 30
        ends = Outcome((latent,), ((1.0, (latent,)), (4.0, (latent,))))
        searcher.observe({"x": latent}, ends)
    for latent in (0.7, 0.9):
        searcher.start({"x": latent})
        if told:
            searcher.report({"x": latent}, Outcome((-latent,)), 1.0)

    proposed = searcher.suggest()
    assert proposed is not None
    assert (proposed["x"] > 0.5) == told


def test_a_failed_point_has_come_to_nothing() -> None:
    searcher = GpSearcher(Problem(Space({"x": UNIT}), ("min",), seed=1))
    same = GpSearcher(Problem(Space({"x": UNIT}), ("min",), seed=1))
    for number in range(12):
        point = {"x": number / 12}
        for each in (searcher, same):
            each.start(point)
        searcher.report(point, Outcome((float(number),)), 1.0)
        for each in (searcher, same):
            each.observe(point, FAILED if number % 3 == 0 else Outcome((float(number),)))

    assert searcher.suggest() == same.suggest()
