"""What users believe: how it is read, and how it is followed."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.search import make_searcher
from hpogrid.search.base import BaseSearcher, Outcome, Problem
from hpogrid.search.prior import NO_PRIOR, Among, Around, Believer, Prior, read_prior
from hpogrid.search.proposer import Proposer
from hpogrid.space.condition import Condition
from hpogrid.space.latent import to_unit
from hpogrid.space.parameter import (
    Categorical,
    Constant,
    Float,
    Integer,
    Lattice,
    Ordinal,
    Reference,
)
from hpogrid.space.scale import Linear, Log, Normal
from hpogrid.space.space import Space
from hpogrid.space.value import as_number
from tests.search.spaces import live

SPACE = Space(
    {
        "lr": Float(scale=Log(1e-5, 1e-1)),
        "x": Float(scale=Linear(-100, 100)),
        "q": Float(scale=Linear(0, 1), lattice=Lattice(0.25)),
        "tail": Float(scale=Normal(0, 1)),
        "layers": Integer(scale=Linear(1, 8)),
        "units": Integer(scale=Log(8, 512)),
        "size": Ordinal(choices=("s", "m", "l")),
        "optimiser": Categorical(choices=("adam", "sgd", None)),
        "momentum": Float(
            scale=Linear(0, 1), when=Condition(op="equal", on="optimiser", value="sgd")
        ),
        "all": Categorical(choices=("a", "b"), grid=True),
        "epochs": Constant(value=40),
        "again": Reference(of="layers"),
    }
)


def distribution(method: str, **dimension: Any) -> dict[str, Any]:
    return {"method": method, "dimension": dimension}


# --- reading ------------------------------------------------------------------------------------


def test_nothing_believed_is_no_prior() -> None:
    assert read_prior({}, SPACE) == NO_PRIOR
    assert read_prior({"epochs": 40}, SPACE) == NO_PRIOR


def test_what_is_believed_comes_first_and_the_rest_is_in_the_middle() -> None:
    prior = read_prior({"lr": 3e-4, "layers": 2.0, "size": "l", "optimiser": None}, SPACE)
    [first] = prior.first
    assert first.applied["lr"] == 3e-4
    assert (first.applied["layers"], first.applied["size"]) == (2, "l")
    assert first.applied["optimiser"] is None
    assert first.applied["x"] == 0
    assert "momentum" not in first.suggested
    assert set(prior.beliefs) == {"lr", "layers", "size", "optimiser"}


def test_a_value_may_belong_to_another_branch_than_the_first_point() -> None:
    prior = read_prior({"optimiser": "adam", "momentum": 0.9}, SPACE)
    assert prior.first[0].applied["momentum"] is None
    assert set(prior.beliefs) == {"optimiser", "momentum"}


def test_a_whole_configuration_is_one() -> None:
    """Also what is fixed, what every trial has, and what its branch has not."""
    point = SPACE.apply(SPACE.defaults() | {"lr": 0.01, "all": "b"})
    given = {name: value for name, value in point.applied.items() if name != "again"}
    prior = read_prior(given, SPACE)
    assert prior.first == (point,)
    assert set(prior.beliefs) == set(SPACE.axes) - {"momentum"}


@pytest.mark.parametrize(
    ("name", "given", "centre", "width"),
    [
        ("x", 50, 0.75, 0.1),
        ("lr", 1e-3, 0.5, 0.1),
        ("layers", 1, 1 / 16, 0.1),
        ("size", "m", 0.5, 1 / 6),
        ("x", distribution("normal", mu=50, sigma=10), 0.75, 0.05),
        ("x", distribution("normal", mu=0, sigma=1e-3), 0.5, 0.01),
        ("x", distribution("uniform", low=0, high=100), 0.75, 0.17),
        ("x", distribution("uniformint", low=0, high=100), 0.75, 0.17),
        ("x", distribution("normal", mu=100, sigma=1e6), 1.0, 0.5),
        ("lr", distribution("lognormal", mu=-3, sigma=0.4, base=10), 0.5, 0.1),
        ("lr", distribution("loguniform", low=1e-4, high=1e-2), 0.5, 0.17),
        ("q", distribution("quniform", low=0, high=1, q=0.25), 0.5, 0.25),
        ("layers", distribution("uniform", low=1, high=8), 0.5, 0.25),
        ("layers", distribution("normal", mu=3, sigma=0.1), 0.3125, 1 / 16),
        ("units", distribution("loguniform", low=32, high=128), 0.5, 0.11),
        ("tail", distribution("normal", mu=0, sigma=1), 0.5, 0.34),
    ],
)
def test_numbers_are_believed_on_the_unit_interval(
    name: str, given: Any, centre: float, width: float
) -> None:
    belief = read_prior({name: given}, SPACE).beliefs[name]
    assert isinstance(belief, Around)
    assert belief.centre == pytest.approx(centre, abs=0.01)
    assert belief.width == pytest.approx(width, abs=0.01)


def test_categories_keep_some_probability() -> None:
    belief = read_prior({"optimiser": "sgd"}, SPACE).beliefs["optimiser"]
    assert isinstance(belief, Among)
    assert belief.probabilities == pytest.approx((0.2 / 3, 0.8 + 0.2 / 3, 0.2 / 3))
    given = distribution("categorical", categories=["sgd", None, None, None])
    belief = read_prior({"optimiser": given}, SPACE).beliefs["optimiser"]
    assert isinstance(belief, Among)
    assert belief.probabilities == pytest.approx((0.2 / 3, 0.2 + 0.2 / 3, 0.6 + 0.2 / 3))
    assert belief.likeliest == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rl": 1}, "unknown parameter 'rl'"),
        ({"lr": 1}, "'lr': 1 is outside 1e-05 to 0.1"),
        ({"lr": "high"}, "'lr': 'high' is not a number"),
        ({"layers": 2.5}, "'layers': 2.5 is not a whole number"),
        ({"q": 0.3}, "'q': 0.3 is not on the lattice"),
        ({"optimiser": "adamw"}, "'optimiser': 'adamw' is not one of 'adam', 'sgd', None"),
        ({"epochs": 41}, "'epochs': 41 is not 40, which is fixed"),
        ({"lr": distribution("normall")}, "'lr': unknown method 'normall'"),
        (
            {"lr": distribution("normal", mu=0)},
            "'lr': object missing required field sigma",
        ),
        ({"x": distribution("normal", mu=-101, sigma=9)}, "-101, is outside -100 to 100"),
        ({"optimiser": distribution("uniform", low=0, high=1)}, "'optimiser': a distribution is"),
        ({"lr": distribution("fixed", value=1e-3)}, "'lr': a distribution is"),
        ({"lr": distribution("categorical", categories=[1e-3])}, "'lr': a distribution is"),
        ({"size": distribution("categorical", categories=["s"])}, "'size': a distribution is"),
        ({"optimiser": distribution("categorical", categories=["x"])}, "'x' is not one of"),
        ({"all": distribution("categorical", categories=["a"])}, "'all': a distribution is"),
    ],
)
def test_what_is_not_in_the_space_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as error:
        read_prior(given, SPACE)
    assert str(error.value).startswith("prior: ")
    assert words in str(error.value)


# --- following ----------------------------------------------------------------------------------


def believer(given: dict[str, Any]) -> Believer:
    return Believer(read_prior(given, SPACE).beliefs, SPACE)


def chance(one: Believer, known: int) -> float:
    return sum(one.ready(random.Random(seed), known) for seed in range(2000)) / 2000


def latents(**values: Any) -> dict[str, float | int]:
    return SPACE.encode(SPACE.apply(SPACE.defaults() | values).suggested)


def test_it_is_time_for_it_ever_less_often() -> None:
    one = believer({"x": 50})
    assert chance(one, 0) == pytest.approx(0.5, abs=0.04)
    assert chance(one, 6) == pytest.approx(0.25, abs=0.04)
    assert chance(one, 300) == pytest.approx(0.01, abs=0.01)


def test_what_is_seen_near_it_and_elsewhere_decides() -> None:
    good, bad, same = (believer({"x": 50}) for _ in range(3))
    for index in range(4):
        near, far = latents(x=48 + index), latents(x=-90 + 30 * index)
        for one, gain in ((good, -1.0), (bad, 1.0), (same, 0.0)):
            one.learn(near, gain)
            one.learn(far, 0.0)
    assert chance(good, 6) == pytest.approx(0.5, abs=0.04)
    assert chance(bad, 6) < 0.03
    assert chance(same, 6) == pytest.approx(0.25, abs=0.04)


def test_what_was_learnt_can_be_replaced() -> None:
    one, other = believer({"x": 50}), believer({"x": 50})
    told = [(latents(x=50), 1.0), (latents(x=0), 0.0)]
    one.learn(latents(x=50), -1.0)
    one.learn_again(told)
    for point, loss in told:
        other.learn(point, loss)
    assert chance(one, 2) == chance(other, 2)


def test_of_a_parameter_that_a_point_has_not_nothing_is_believed() -> None:
    """Its latent is in the middle, far from what is believed."""
    one = believer({"optimiser": "adam", "momentum": 0.95})
    one.learn(latents(optimiser="adam"), 1.0)
    one.learn(latents(optimiser="sgd", momentum=0.5), 0.0)
    assert chance(one, 1) < 0.2  # it counts as near, and is worse


def test_points_are_drawn_as_they_are_believed() -> None:
    prior = read_prior({"x": 50, "layers": 2, "optimiser": "sgd", "momentum": 0.9}, SPACE)
    searcher = make_searcher("random", Problem(SPACE, ("min",), 3, 50, prior), {})
    assert isinstance(searcher, BaseSearcher)
    drawn = [found for seed in range(3000) if (found := searcher._believed(seed)) is not None]
    assert 1300 < len(drawn) < 1700
    points = [SPACE.decode(found, {"all": "a"}).applied for found in drawn]
    within = sum(abs(as_number(point["x"]) - 50) < 20 for point in points)
    assert within / len(points) == pytest.approx(0.68, abs=0.05)
    sgd = [point for point in points if point["optimiser"] == "sgd"]
    assert len(sgd) / len(points) == pytest.approx(0.867, abs=0.03)
    assert all(as_number(point["momentum"]) > 0.4 for point in sgd)
    assert {point["layers"] for point in points} >= {1, 2, 3}
    assert 0.2 < sum(as_number(point["lr"]) < 1e-3 for point in points) / len(points) < 0.8


def test_a_proposal_that_was_dropped_is_followed_by_the_algorithm() -> None:
    prior = read_prior({"x": 50}, SPACE)
    searcher = make_searcher("random", Problem(SPACE, ("min",), 3, 50, prior), {})
    assert isinstance(searcher, BaseSearcher)
    searcher.suggest()
    assert all(searcher._believed(seed) is None for seed in range(50))
    searcher.start(latents())
    assert any(searcher._believed(seed) is not None for seed in range(50))


@pytest.mark.parametrize("best", [50, -80])
def test_a_right_one_saves_trials_and_a_wrong_one_costs_few(best: int) -> None:
    """How many trials random search takes to come within 3 of the best, on an axis of 200."""

    def needed(prior: Prior, seed: int) -> int:
        space = Space({name: SPACE.parameters[name] for name in ("x", "lr")})
        problem = Problem(space, ("min",), seed, 500, prior)
        proposer = Proposer(space, make_searcher("random", problem, {}), prior.first)
        for number in range(1, 501):
            point = proposer.ask()
            assert point is not None
            loss = abs(as_number(point.applied["x"]) - best)
            if loss < 3:
                return number
            proposer.tell(point.suggested, Outcome((loss,)))
        return 500

    prior = read_prior({"x": 45}, SPACE)
    alone = sorted(needed(NO_PRIOR, seed) for seed in range(31))[15]
    helped = sorted(needed(prior, seed) for seed in range(31))[15]
    assert helped < 0.7 * alone if best == 50 else helped <= 1.2 * alone


def test_a_search_of_several_metrics_goes_by_the_first() -> None:
    prior = read_prior({"x": 50}, SPACE)
    problem = Problem(SPACE, ("max", "min"), 1, 50, prior)
    proposer = Proposer(SPACE, make_searcher("random", problem, {}), prior.first)
    for number in range(8):
        point = proposer.ask()
        assert point is not None
        near = abs(as_number(point.applied["x"]) - 50) < 30
        proposer.tell(point.suggested, Outcome((float(near), float(number))))
    searcher = proposer.searcher
    assert isinstance(searcher, BaseSearcher)
    assert searcher._believer is not None
    assert set(searcher._believer._near) <= {-1.0, 0.0}
    assert to_unit(SPACE.axes["x"], prior.beliefs["x"].likeliest) == 0.75
    assert live(proposer, lambda config: None, 1)
