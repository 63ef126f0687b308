"""What holds for every parameter and every space, on random ones."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.errors import UserError
from hpogrid.space.latent import Category, IntegerRange, Unit
from hpogrid.space.parameter import Float, Integer, Lattice, Parameter
from hpogrid.space.scale import Linear, Log, LogNormal, Normal
from hpogrid.space.space import Point, Space
from hpogrid.space.value import as_number
from tests.space import strategies as some


def latent(item: Parameter, u: float) -> float | int:
    """The latent at a fraction of an axis; both ends are reached."""
    axis = item.axis
    if isinstance(axis, IntegerRange):
        return axis.low + round(u * (axis.high - axis.low))
    if isinstance(axis, Category):
        return round(u * (axis.count - 1))
    assert isinstance(axis, Unit)
    return u


@given(some.searched.filter(lambda item: not item.crossed), some.units)
def test_values_are_inside_the_closed_bounds(item: Parameter, u: float) -> None:
    value = item.decode(latent(item, u))
    if isinstance(item, Float | Integer):
        low, high = item.scale.bounds
        assert low <= as_number(value) <= high
        assert isinstance(value, int if isinstance(item, Integer) else float)
    else:
        assert value in (item.values() or ())


@given(some.linear | some.log | some.reverse_log)
def test_both_bounds_are_reached(scale: Any) -> None:
    assert scale.ppf(0.0) == scale.low
    assert scale.ppf(1.0) == scale.high


@given(some.scales, some.units, some.units)
def test_scales_are_monotone(scale: Any, one: float, other: float) -> None:
    assert scale.ppf(min(one, other)) <= scale.ppf(max(one, other))


@given(some.lattices(), some.units)
def test_lattice_points_are_multiples_of_the_step(item: Float, u: float) -> None:
    assert item.lattice is not None
    value = item.decode(latent(item, u))
    origin = item.scale.bounds[0] if item.lattice.anchor == "low" else 0.0
    steps = (value - origin) / item.lattice.step
    assert math.isclose(steps, round(steps), abs_tol=1e-6)


@given(some.lattices())
def test_all_lattice_points_are_listed_once_in_order(item: Float) -> None:
    listed = item.values()
    if listed is None:
        assert isinstance(item.scale, Normal | LogNormal)
        assert item.count() is None
        return
    points = list(map(as_number, listed))
    assert points == sorted(set(points))
    assert item.count() == len(points)
    assert item.decode(latent(item, 0.0)) == points[0]
    assert item.decode(latent(item, 1.0)) == points[-1]


@given(some.searched.filter(lambda item: not item.crossed), st.floats(1e-6, 1 - 1e-6))
def test_encode_is_the_inverse_of_decode(item: Parameter, u: float) -> None:
    value = item.decode(latent(item, u))
    again = item.decode(item.encode(value))
    if isinstance(item, Float) and item.lattice is None:
        assert math.isclose(
            as_number(value), as_number(again), rel_tol=1e-6, abs_tol=1e-6 * _width(item)
        )
    else:
        assert again == value
        assert type(again) is type(value)


def _width(item: Float) -> float:
    low, high = item.scale.reach
    return high - low


@given(some.searched.filter(lambda item: (item.count() or 1000) < 1000))
def test_every_value_of_a_finite_parameter_can_be_encoded(item: Parameter) -> None:
    if item.crossed:
        return
    for value in item.values() or ():
        assert item.decode(item.encode(value)) == value


@pytest.mark.parametrize("value", [True, "1", None, [1], math.nan, math.inf, -math.inf, 10**400])
@given(item=some.floats | some.integers())
def test_what_is_no_number_is_refused(item: Parameter, value: Any) -> None:
    with pytest.raises(ValueError, match="not a"):
        item.encode(value)


@given(some.linear | some.log | some.reverse_log, some.positive)
def test_values_outside_the_bounds_are_refused(scale: Any, by: float) -> None:
    by = max(by, 1e-6 * max(abs(scale.low), abs(scale.high)))  # more than by rounding
    for value in (scale.low - by, scale.high + by):
        with pytest.raises(ValueError, match="outside"):
            Float(scale=scale).encode(value)


@given(some.normal | some.log_normal)
def test_values_too_far_out_are_refused(scale: Any) -> None:
    far = 100 * max(map(abs, scale.reach))
    for item in (Float(scale=scale), Float(scale=scale, lattice=Lattice(1.0))):
        with pytest.raises(ValueError, match="too far out"):
            item.encode(float(math.ceil(far) + 1000))


@given(some.plain_spaces() | some.conditional_spaces())
def test_the_json_form_round_trips(space: Space) -> None:
    text = json.dumps(space.to_json())
    again = Space.from_json(json.loads(text))
    assert again == space
    assert json.dumps(again.to_json()) == text
    assert hash(again) == hash(space)


@given(some.plain_spaces() | some.conditional_spaces(), st.integers(0, 2**31))
def test_sampled_points_encode_and_decode_to_themselves(space: Space, seed: int) -> None:
    point = space.sample(random.Random(seed))
    assert set(point.suggested) <= set(space.parameters)
    assert space.identify(dict(reversed(point.applied.items()))) == point.key
    latents = space.encode(point.suggested)
    crossing = {name: point.suggested[name] for name in space.crossed}
    again = space.decode(latents, crossing)
    close = {name: pytest.approx(value) for name, value in _flat(point).items()}
    assert _flat(again) == close


def _flat(point: Point) -> dict[str, Any]:
    """The numbers of a point, and everything else as text."""
    return {
        name: value if isinstance(value, float) else msgspec.json.encode(value).decode()
        for name, value in point.applied.items()
    }


@given(some.conditional_spaces())
def test_size_counts_what_enumerate_lists(space: Space) -> None:
    points = [point.key for point in space.enumerate()]
    assert len(points) == len(set(points))
    assert space.size() == len(points)
    for seed in range(3):
        assert space.sample(random.Random(seed)).key in points


@given(some.plain_spaces(some.small))
def test_the_last_parameter_changes_fastest(space: Space) -> None:
    items = list(space.parameters.values())
    order = [
        [list(item.values() or ()).index(value) for item, value in zip(items, values, strict=True)]
        for values in (point.applied.values() for point in space.enumerate())
    ]
    assert order == sorted(order)
    assert space.size() == len(order)


def test_size_of_a_large_space_takes_no_time() -> None:
    steps = Float(scale=Linear(0.0, 1e9), lattice=Lattice(1e-3))
    space = Space({"n": Integer(scale=Linear(0, 10**15)), "x": steps})
    assert space.size() == (10**15 + 1) * (10**12 + 1)
    assert [point.applied for _, point in zip(range(2), space.enumerate(), strict=False)] == [
        {"n": 0, "x": 0.0},
        {"n": 0, "x": 0.001},
    ]


def test_an_endless_space_has_no_size_and_cannot_be_listed() -> None:
    space = Space({"n": Integer(scale=Linear(0, 1)), "x": Float(scale=Linear(0, 1))})
    assert not space.finite
    assert space.size() is None
    with pytest.raises(UserError, match="'x' has no finite list of values; give it a step"):
        next(space.enumerate())


def test_rounding_follows_the_decimal_digits() -> None:
    item = Float(scale=Linear(0.0, 1.0), lattice=Lattice(0.1))
    assert list(item.values() or ()) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    large = Float(scale=Log(0.1, 123456.7), lattice=Lattice(0.1))
    assert large.decode(1.0) == 123456.7


def test_a_lattice_is_clipped_to_the_multiples_inside_the_bounds() -> None:
    item = Float(scale=Linear(0.05, 0.99), lattice=Lattice(0.1))
    assert item.decode(0.0) == 0.1
    assert item.decode(1.0) == 0.9
    stepped = Float(scale=Linear(0.05, 0.99), lattice=Lattice(0.1, "low"))
    assert list(stepped.values() or ())[-1] == 0.95


def test_bounds_survive_the_rounding_of_their_lattice() -> None:
    item = Float(scale=Linear(1e-300, 1.0), lattice=Lattice(0.1, "low"))
    assert item.scale.bounds == (1e-300, 1.0)
    assert Float(scale=item.scale, lattice=item.lattice) == item
    fine = Float(scale=Linear(0.0, 7 * 0.1234567890123457), lattice=Lattice(0.1234567890123457))
    assert fine.decode(1.0) == 7 * 0.1234567890123457
    huge = Float(scale=Linear(0.0, 1.7e308), lattice=Lattice(1e308))
    assert list(huge.values() or ()) == [0.0, 1e308]
    assert Integer(scale=Linear(3, 4), step=5) == Integer(scale=Linear(3, 3))


@given(some.numbers, some.positive, st.floats(1e-3, 1e3))
def test_a_stepped_parameter_is_what_it_becomes(low: float, width: float, step: float) -> None:
    item = Float(scale=Linear(low, low + width), lattice=Lattice(step, "low"))
    assert Float(scale=item.scale, lattice=item.lattice) == item
    assert item.decode(latent(item, 1.0)) == item.scale.bounds[1]
