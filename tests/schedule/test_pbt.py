"""Population based training: who is paused, who copies whom, and what changes."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.errors import UserError
from hpogrid.schedule import check_pair, make_scheduler
from hpogrid.schedule.base import Scheduler
from hpogrid.schedule.pbt import PbtOptions, explore
from hpogrid.search.base import Problem
from hpogrid.space.dialects import read_space
from hpogrid.space.space import Point, Space
from hpogrid.space.value import Values, as_number


def make_space(**axes: object) -> Space:
    return read_space(axes, "space")[0]


def axis(method: str, **dimension: object) -> dict[str, object]:
    return {"method": method, "dimension": dimension}


SPACE = make_space(
    lr=axis("loguniform", low=1e-5, high=1e-1),
    width=axis("uniformint", low=2, high=64),
    step=axis("quniform", low=0.0, high=2.0, q=0.25),
    kind=axis("categorical", categories=["a", "b", None]),
    grid=axis("categorical", categories=[1, 2], grid_search=1),
)
LINE = make_space(x=axis("uniform", low=0, high=1))


def population(size: int, begun: int | None = None, **options: Any) -> tuple[Scheduler, list[str]]:
    """A scheduler that knows of ``begun`` trials (all) out of ``size``, and their names."""
    problem = Problem(LINE, ("min",), 1, size)
    params = {"perturbation_interval": 2, **options}
    target = make_scheduler("pbt", params, problem)
    names = [f"0-{number}" for number in range(1, (begun or size) + 1)]
    for number, name in enumerate(names, start=1):
        values: Values = {"x": number / 10}
        target.on_start(name, Point(values, values), 0)
    return target, names


def test_a_trial_goes_on_between_intervals_and_while_nobody_waits() -> None:
    target, names = population(4)
    assert target.on_report(names[0], 1, 0.1) == "continue"
    assert target.on_report(names[0], 2, 0.1) == "continue"


def test_it_makes_room_while_others_wait_for_their_turn() -> None:
    target, [first, *_] = population(4, begun=1)
    assert target.on_report(first, 2, 0.1) == "pause"
    target.on_pause(first)
    assert target.release(True) is None  # the others go first
    release = target.release(False)
    assert release is not None
    assert (release.trial, release.source, release.go_on) == (first, None, True)


def test_the_worst_copies_one_of_the_best_with_changed_values() -> None:
    target, names = population(4)
    for rank, name in enumerate(names[:3]):
        target.on_report(name, 1, float(rank))
    assert target.on_report(names[3], 2, 3.0) == "pause"
    target.on_pause(names[3])
    release = target.release(False)
    assert release is not None
    assert (release.trial, release.source) == (names[3], names[0])
    assert release.point is not None
    assert release.point.suggested["x"] != 0.1
    assert 0 <= as_number(release.point.suggested["x"]) <= 1


def test_of_several_objectives_the_most_dominated_copies_what_the_fewest_dominate() -> None:
    target, names = population(4)
    for name, losses in zip(names, [(2.0, 2.0), (0.0, 9.0), (1.0, 1.0)], strict=False):
        target.on_report(name, 1, *losses)
    assert target.on_report(names[3], 2, 3.0, 3.0) == "pause"
    target.on_pause(names[3])
    release = target.release(False)
    assert release is not None
    assert (release.trial, release.source) == (names[3], names[2])


def test_it_is_compared_anew_before_it_copies_again() -> None:
    target, names = population(4)
    for name in names[:3]:
        target.on_report(name, 1, 0.0)
    target.on_report(names[3], 2, 3.0)
    target.on_pause(names[3])
    release = target.release(False)
    assert release is not None
    assert release.point is not None
    target.on_start(names[3], release.point, 2)
    assert target.on_report(names[3], 3, 9.0) == "continue"
    assert target.on_report(names[3], 4, 9.0) == "pause"


@pytest.mark.parametrize("unit", [10, 0.1, 1.7])
def test_the_interval_counts_the_resource(unit: float) -> None:
    target, names = population(4, perturbation_interval=5 * unit)
    looks: list[int] = []
    for count in range(1, 21):
        for rank, name in enumerate(names):
            if target.on_report(name, count * unit, float(rank)) == "pause":
                looks.append(count)
                target.on_pause(name)
                release = target.release(False)
                assert release is not None
                if release.point is not None:
                    target.on_start(name, release.point, count * unit)
    assert sorted(set(looks)) == [5, 10, 15, 20]


def test_nothing_is_copied_in_the_burn_in_period() -> None:
    target, names = population(4, burn_in_period=3)
    for name in names[:3]:
        target.on_report(name, 1, 0.0)
    target.on_report(names[3], 2, 3.0)
    target.on_pause(names[3])
    release = target.release(False)
    assert release is not None
    assert release.source is None


def test_trials_that_have_ended_are_neither_compared_nor_copied() -> None:
    target, names = population(4)
    for rank, name in enumerate(names):
        target.on_report(name, 1, float(rank))
    target.on_end(names[0])
    target.on_end(names[1])
    assert target.on_report(names[3], 2, 3.0) == "pause"
    target.on_pause(names[3])
    release = target.release(False)
    assert release is not None
    assert release.source == names[2]


@given(seed=st.integers(0, 10**6), resample=st.sampled_from([0.0, 0.3, 1.0]))
def test_changed_configurations_lie_in_the_space(seed: int, resample: float) -> None:
    rng = random.Random(seed)
    point = SPACE.sample(rng)
    near = explore(SPACE, point, PbtOptions(resample_probability=resample), rng)
    assert SPACE.decode(
        SPACE.encode(near.suggested), {"grid": near.suggested["grid"]}
    ).suggested == pytest.approx(near.suggested)
    assert near.suggested["grid"] == point.suggested["grid"]
    if resample == 0.0:
        assert near.suggested["kind"] == point.suggested["kind"]


def test_numbers_are_multiplied_within_their_bounds() -> None:
    options = PbtOptions(resample_probability=0.0, perturbation_factors=(1.2, 1.2))
    values: Values = {"lr": 1e-3, "width": 3, "step": 1.0, "kind": "a", "grid": 1}
    up = explore(SPACE, SPACE.apply(values), options, random.Random(0)).suggested
    assert up == {"lr": pytest.approx(1.2e-3), "width": 4, "step": 1.25, "kind": "a", "grid": 1}
    options = PbtOptions(resample_probability=0.0, perturbation_factors=(0.8, 0.8))
    down = explore(SPACE, SPACE.apply(values), options, random.Random(0)).suggested
    assert down == {"lr": pytest.approx(0.8e-3), "width": 2, "step": 0.75, "kind": "a", "grid": 1}
    low: Values = {**values, "lr": 1e-5, "width": 2, "step": 0.0}
    stuck = explore(SPACE, SPACE.apply(low), options, random.Random(0)).suggested
    assert stuck == {**low, "lr": pytest.approx(1e-5)}


def test_ordered_values_move_to_a_neighbour() -> None:
    space = Space.from_json(
        {"version": 1, "parameters": {"size": {"type": "ordinal", "choices": ["s", "m", "l"]}}}
    )
    options = PbtOptions(resample_probability=0.0, perturbation_factors=(1.2, 1.2))
    rng = random.Random(0)
    moved = [explore(space, space.apply({"size": size}), options, rng).suggested for size in "sml"]
    assert moved == [{"size": "m"}, {"size": "l"}, {"size": "l"}]


def test_an_algorithm_with_a_model_is_refused_with_the_reason() -> None:
    check_pair("pbt", "random")
    check_pair("bohbhyperband", "bohb")
    with pytest.raises(UserError, match="changes the parameters of running trials"):
        check_pair("pbt", "hyperopt")
    with pytest.raises(UserError, match="repetitions"):
        check_pair("pbt", "random", repeat=2)


@pytest.mark.parametrize(
    "options",
    [{"perturbation_interval": 0}, {"quantile_fraction": 0.6}, {"resample_probability": 2}],
)
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="scheduler_param of pbt"):
        population(2, **options)


@pytest.mark.parametrize(("burn_in", "source"), [(1, "0-1"), (2, "0-1"), (3, None)])
def test_the_burn_in_period_is_over_when_it_is_reached(burn_in: float, source: str | None) -> None:
    target, names = population(2, burn_in_period=burn_in)
    target.on_report(names[0], 2, 0.0)
    assert target.on_report(names[1], 2, 1.0) == "pause"
    target.on_pause(names[1])
    release = target.release(False)
    assert release is not None
    assert release.source == source
