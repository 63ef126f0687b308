from __future__ import annotations

import math
from typing import Any

import pytest

from hpogrid.report.axes import Axis, Scale, make_axis
from hpogrid.report.results import Column, Origin, Results
from hpogrid.space.space import Space
from tests.report.studies import LOSS, SPACE, make_study, make_trial


def axis(values: list[Any], name: str = "x", space: Space | None = None) -> Axis:
    trials = [
        make_trial(f"0-{i}", applied={name: value}, metrics={"loss": i})
        for i, value in enumerate(values)
    ]
    results = Results("p", [(Origin(), make_study(trials))], objectives=LOSS, space=space)
    return make_axis(results, Column(name, "parameter", name), values)


def test_a_log_parameter_lies_at_its_logarithm() -> None:
    found = axis([1e-4, 1e-3, None], "lr", SPACE)
    assert found.scale == "log"
    assert found.positions == pytest.approx([-4, -3, None])
    assert found.ticks()[1][:3] == ["0.0001", "0.0002", "0.0005"]


def test_a_reverse_log_parameter_lies_at_its_distance_from_one() -> None:
    found = axis([0.9, 0.99, 0.999], "momentum", SPACE)
    assert found.scale == "reverse log"
    assert found.positions == pytest.approx([1, 2, 3])
    places, labels = found.ticks()
    assert dict(zip(labels, places, strict=True))["0.99"] == pytest.approx(2)


def test_categories_keep_the_order_of_the_space_and_null_is_one() -> None:
    found = axis([None, "tanh", "relu"], "activation", SPACE)
    assert found.categories == ["relu", "tanh", "none"]
    assert found.positions == [2, 1, 0]
    assert found.ticks() == ([0, 1, 2], ["relu", "tanh", "none"])


def test_lists_are_categories() -> None:
    assert axis([[128], [64, 64]], "layers", SPACE).categories == ["[64,64]", "[128]"]


def test_a_value_that_is_not_in_the_space_is_a_category_more() -> None:
    assert axis(["elu"], "activation", SPACE).categories == ["relu", "tanh", "none", "elu"]


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1, 2, 3], "linear"),
        ([1e-4, 1], "log"),
        ([1e-4, 0.4, 0.6, 1], "linear"),
        ([1e-4, 1e-3, 1e-2, 1], "log"),
        ([0, 1e4], "linear"),
        ([1, "a"], "category"),
        ([True, False], "category"),
        ([None, 1.5], "linear"),
        ([], "linear"),
    ],
)
def test_without_a_space_the_values_say_which_scale(values: list[Any], scale: str) -> None:
    trials = [make_trial("0-0", applied={"x": 1})]
    results = Results("p", [(Origin(), make_study(trials))])
    assert make_axis(results, Column("x", "parameter", "x"), values).scale == scale


def test_mixed_categories_are_in_natural_order() -> None:
    assert axis([10, 9, "a", "b", 100]).categories == ["9", "10", "100", "a", "b"]


@pytest.mark.parametrize("values", [[5.0, 5.0], [], [None], [1e-300, 1e300], [-3, 1e9]])
def test_every_range_has_an_extent_and_labels(values: list[Any]) -> None:
    trials = [make_trial("0-0", applied={"x": 1})]
    results = Results("p", [(Origin(), make_study(trials))])
    found = make_axis(results, Column("x", "parameter", "x"), values)
    low, high = found.range
    assert low < high
    places, labels = found.ticks()
    assert len(places) == len(labels) >= 2
    assert len(set(labels)) == len(labels)
    assert all(low - 1e-9 <= place <= high + 1e-9 for place in places)


@pytest.mark.parametrize(
    "values",
    [[-1e17], [0.0], [1e308, -1e308], [5e-324, 0.0], [1.0, 1.0 + 2**-52], [1e-300, 1.0], [10**400]],
)
def test_every_axis_has_a_range_and_ticks(values: list[float]) -> None:
    found = axis(values)
    low, high = found.range
    assert 0 < high - low < float("inf")
    places, labels = found.ticks()
    assert len(places) == len(labels) < 50


@pytest.mark.parametrize(
    "values", [[-1076.0233998, -1076.0233992], [1 + 2e-9, 1 + 7e-9], [5e9 + 1, 5e9 + 3]]
)
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_ticks_of_numbers_that_lie_close_together_look_different(
    values: list[float], scale: Scale
) -> None:
    sign = -1 if scale == "log" and values[0] < 0 else 1
    places = [math.log10(sign * v) if scale == "log" else v for v in values]
    labels = Axis("x", scale, [*places]).ticks()[1]
    assert len(set(labels)) == len(labels) >= 2


def test_ticks_next_to_one_look_different() -> None:
    labels = axis([0.5, 1 - 1e-13], "momentum", SPACE).ticks()[1]
    assert len(set(labels)) == len(labels) >= 5


def test_values_that_read_alike_are_different_categories() -> None:
    found = axis([None, "none", "a", True, "true", 1, "1"])
    assert sorted(found.categories) == ['"1"', '"none"', '"true"', "1", "a", "none", "true"]
    assert len(set(found.positions)) == 7


def test_a_number_that_is_not_there_makes_no_categories() -> None:
    found = axis([1.0, "nan", "inf", 10**400, 2.0])
    assert found.scale == "linear"
    assert found.positions == [1.0, None, None, None, 2.0]
