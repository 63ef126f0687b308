"""The proposer: points first, crossed parameters, no point of a finite space twice."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from hpogrid.search.base import Outcome, Problem, Searcher
from hpogrid.search.proposer import Proposer
from hpogrid.search.random import RandomSearcher
from hpogrid.space.latent import Latents
from hpogrid.space.parameter import Categorical, Float, Integer, Ordinal
from hpogrid.space.scale import Linear
from hpogrid.space.space import Space
from hpogrid.space.value import as_number
from tests.search.spaces import example_space, finite_space, make


class Stubborn:
    """Always proposes the same, and counts how often it is asked."""

    remark = ""
    learns = False
    multifidelity: ClassVar[bool] = False

    def __init__(self, latents: Latents | None) -> None:
        self.latents = latents
        self.asked = 0
        self.started: list[Latents] = []
        self.observed: list[tuple[Latents, Outcome]] = []
        self.reported: list[tuple[Latents, Outcome, float]] = []

    def suggest(self) -> Latents | None:
        self.asked += 1
        return self.latents

    def start(self, point: Latents) -> None:
        self.started.append(point)

    def observe(self, point: Latents, outcome: Outcome) -> None:
        self.observed.append((point, outcome))

    def report(self, point: Latents, outcome: Outcome, resource: float) -> None:
        self.reported.append((point, outcome, resource))


def all_points(proposer: Proposer) -> list[dict[str, Any]]:
    points = []
    while (point := proposer.ask()) is not None:
        points.append(point.applied)
    return points


def test_points_come_first_in_their_order() -> None:
    space = example_space()
    first = [space.apply({"height": height, "width": 1.0}) for height in (5.0, 3.0)]
    proposer = Proposer(space, make("random", space), first)

    asked = [proposer.ask() for _ in range(3)]

    assert asked[:2] == first
    assert asked[2] not in first


def test_a_point_that_was_taken_elsewhere_is_left_out() -> None:
    space = finite_space()
    first = list(space.enumerate())[:2]
    proposer = Proposer(space, make("random", space), first)
    proposer.take(first[0].applied)

    assert proposer.ask() == first[1]


def test_a_searcher_that_repeats_itself_is_not_asked_for_ever() -> None:
    space = Space({"n": Integer(scale=Linear(0, 10**9))})
    searcher = Stubborn({"n": 3})
    proposer = Proposer(space, searcher)

    points = [proposer.ask() for _ in range(5)]

    assert len({point.applied["n"] for point in points if point}) == 5
    assert searcher.asked == 1 + 4 * 2
    assert len(searcher.started) == 5


def test_the_rest_of_a_finite_space_is_found_without_the_searcher() -> None:
    space = Space({"n": Integer(scale=Linear(1, 400))})
    proposer = Proposer(space, Stubborn({"n": 3}))

    values = [config["n"] for config in all_points(proposer)]

    assert sorted(values) == list(range(1, 401))
    assert values != sorted(values)


def test_an_exhausted_algorithm_ends_an_infinite_space() -> None:
    space = example_space()

    assert Proposer(space, Stubborn(None)).ask() is None


def test_crossed_parameters_take_every_combination_for_each_draw() -> None:
    space = Space(
        {
            "x": Float(scale=Linear(0, 1)),
            "a": Categorical(choices=(1, 2), grid=True),
            "b": Categorical(choices=("u", "v", "w"), grid=True),
        }
    )
    proposer = Proposer(space, make("random", space))

    points = [point.applied for _ in range(12) if (point := proposer.ask())]

    pairs = [(point["a"], point["b"]) for point in points]
    assert pairs[:6] == pairs[6:] == [(a, b) for a in (1, 2) for b in "uvw"]
    assert [len({point["x"] for point in part}) for part in (points[:6], points[6:])] == [1, 1]


def test_a_space_of_crossed_parameters_only_is_tried_once() -> None:
    space = Space({"a": Categorical(choices=(1, 2, 3), grid=True)})
    proposer = Proposer(space, make("optuna", space))

    assert [config["a"] for config in all_points(proposer)] == [1, 2, 3]


def test_a_condition_on_a_crossed_parameter() -> None:
    from hpogrid.space.condition import Condition

    when = Condition(op="equal", on="kind", value="sgd")
    space = Space(
        {
            "kind": Categorical(choices=("sgd", "adam"), grid=True),
            "momentum": Ordinal(choices=(0.0, 0.5, 0.9), when=when),
        }
    )
    for variant in ("random", "grid", "optuna", "nevergrad", "hyperopt"):
        proposer = Proposer(space, make(variant, space))
        configs = all_points(proposer)
        assert len(configs) == space.size() == 4
        assert sum(config["kind"] == "adam" for config in configs) == 1


def test_what_lies_outside_the_space_is_not_told() -> None:
    space = example_space()
    searcher = Stubborn({"height": 0.5, "width": 0.5})
    proposer = Proposer(space, searcher)
    proposer.tell({"height": 1000.0, "width": 1.0}, Outcome((1.0,)))
    proposer.report({"height": 1000.0, "width": 1.0}, Outcome((1.0,)), 3)
    proposer.tell({"height": 0.0, "width": 10.0}, Outcome((2.0,)))
    proposer.report({"height": 0.0, "width": 10.0}, Outcome((2.0,)), 3)

    middle = {"height": 0.5, "width": 0.5}
    assert searcher.observed == [(middle, Outcome((2.0,)))]
    assert searcher.reported == [(middle, Outcome((2.0,)), 3)]


def test_a_started_point_is_what_will_be_told() -> None:
    space = finite_space()
    searcher = RandomSearcher(Problem(space, ("min",), seed=3))
    proposer = Proposer(space, searcher)
    points = [point for _ in range(8) if (point := proposer.ask())]
    assert sum(len(same) for same in searcher._pending.values()) == 8
    for point in points:
        proposer.tell(point.suggested, Outcome((1.0,)))

    assert searcher._pending == {}


@pytest.mark.parametrize(
    "variant",
    ["random", "optuna", "hyperopt", "nevergrad", "bohb"],
)
def test_thousands_of_repeats_leave_nothing_behind(variant: str) -> None:
    space = Space({"n": Integer(scale=Linear(1, 60))})
    searcher: Searcher = make(variant, space)
    proposer = Proposer(space, searcher)
    for _ in range(60):
        point = proposer.ask()
        assert point is not None
        proposer.tell(point.suggested, Outcome((as_number(point.applied["n"]),)))

    assert proposer.ask() is None
    assert getattr(searcher, "_pending") == {}  # noqa: B009
    assert getattr(searcher, "_running", {}) == {}
