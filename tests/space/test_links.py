"""Conditions, products and references."""

from __future__ import annotations

from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.space.condition import Condition
from hpogrid.space.parameter import (
    Categorical,
    Constant,
    Float,
    Integer,
    Ordinal,
    Parameter,
    Reference,
)
from hpogrid.space.scale import Linear
from hpogrid.space.space import Space


def whole(**more: Any) -> Integer:
    return Integer(scale=Linear(0, 9), **more)


def when(op: Any, on: str, value: Any) -> Condition:
    return Condition(op=op, on=on, value=value)


def applied(parameters: dict[str, Parameter], **suggested: Any) -> dict[str, Any]:
    return Space(parameters).apply(suggested).applied


@pytest.mark.parametrize(
    ("op", "value", "true_of"),
    [
        ("equal", 5, [5, 5.0]),
        ("not_equal", 5, [4, 4.0, 9, "5", "a", True, None, [5]]),
        ("in", [4, "a"], [4, 4.0, "a"]),
        ("not_in", [4, "a"], [5, 5.0, 9, "5", True, None, [5]]),
        ("gt", 4, [5, 5.0, 9]),
        ("ge", 5, [5, 5.0, 9]),
        ("lt", 5, [4, 4.0]),
        ("le", 5, [4, 4.0, 5, 5.0]),
    ],
)
def test_comparisons(op: Any, value: Any, true_of: list[Any]) -> None:
    everything: list[Any] = [4, 4.0, 5, 5.0, 9, "5", "a", True, None, [5]]
    condition = when(op, "x", value)
    holds = [found for found in everything if condition.holds({"x": found})]
    assert list(map(repr, holds)) == list(map(repr, true_of))
    assert not condition.holds({})


def test_true_is_not_one() -> None:
    assert not when("equal", "x", 1).holds({"x": True})
    assert not when("equal", "x", [1, {"a": 1}]).holds({"x": [1, {"a": True}]})
    assert when("equal", "x", [1, {"a": 1}]).holds({"x": [1.0, {"a": 1.0}]})
    assert not when("ge", "x", 0).holds({"x": True})


def test_combinations() -> None:
    one, two = when("equal", "x", 1), when("equal", "y", 2)
    both = {"x": 1, "y": 2}
    neither = {"x": 0, "y": 0}
    assert Condition(op="all", of=(one, two)).holds(both)
    assert not Condition(op="all", of=(one, two)).holds({**both, "y": 0})
    assert Condition(op="any", of=(one, two)).holds({**neither, "y": 2})
    assert not Condition(op="any", of=(one, two)).holds(neither)
    assert Condition(op="not", of=(one,)).holds(neither)
    assert not Condition(op="not", of=(one,)).holds(both)
    assert Condition(op="not", of=(Condition(op="all", of=(one, two)),)).names() == {"x", "y"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"op": "all"}, "'all' takes conditions under 'of'"),
        ({"op": "not", "of": (when("gt", "x", 1), when("gt", "x", 2))}, "exactly one"),
        ({"op": "any", "on": "x", "of": (when("gt", "x", 1),)}, "no 'on'"),
        ({"op": "equal", "value": 1}, "the name of a parameter under 'on'"),
        ({"op": "equal", "on": "x", "of": (when("gt", "x", 1),)}, "no 'of'"),
        ({"op": "in", "on": "x", "value": 1}, "'in' takes a list"),
        ({"op": "gt", "on": "x", "value": "1"}, "'gt' takes a number"),
        ({"op": "ge", "on": "x", "value": True}, "'ge' takes a number"),
    ],
)
def test_malformed_conditions(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Condition(**fields)


def test_what_becomes_of_an_inactive_parameter() -> None:
    off = when("equal", "a", 1)
    space: dict[str, Parameter] = {
        "null": whole(when=off),
        "drop": whole(when=off, inactive="drop"),
        "default": whole(when=off, inactive="default", otherwise=7),
        "a": whole(),
    }
    found = Space(space).apply({"null": 2, "drop": 3, "default": 4, "a": 0})
    assert found.applied == {"null": None, "default": 7, "a": 0}
    assert found.suggested == {"a": 0}
    assert list(found.applied) == ["null", "default", "a"]
    on = Space(space).apply({"null": 2, "drop": 3, "default": 4, "a": 1})
    assert on.applied == {"null": 2, "drop": 3, "default": 4, "a": 1}


def test_what_derives_from_an_inactive_parameter_is_inactive() -> None:
    space: dict[str, Parameter] = {
        "a": whole(when=when("equal", "switch", True)),
        "product": whole(multiply="a"),
        "again": whole(multiply="product", inactive="drop"),
        "name": Reference(of="a", inactive="default", otherwise=1),
        "switch": Categorical(choices=(True, False)),
    }
    found = applied(space, a=2, product=3, again=4, switch=False)
    assert found == {"a": None, "product": None, "name": 1, "switch": False}
    found = applied(space, a=2, product=3, again=4, switch=True)
    assert found == {"a": 2, "product": 6, "again": 24, "name": 2, "switch": True}


def test_nothing_compares_with_an_inactive_parameter_unless_it_has_a_default() -> None:
    off = when("equal", "switch", True)
    space: dict[str, Parameter] = {
        "switch": Categorical(choices=(True, False)),
        "a": whole(when=off),
        "b": whole(when=off, inactive="default", otherwise=3),
        "unequal": whole(when=when("not_equal", "a", 5)),
        "outside": whole(when=when("not_in", "a", [5])),
        "null": whole(when=when("equal", "a", None)),
        "negated": whole(when=Condition(op="not", of=(when("equal", "a", 5),))),
        "default": whole(when=when("equal", "b", 3)),
    }
    names = ("a", "b", "unequal", "outside", "null", "negated", "default")
    found = applied(space, switch=False, **dict.fromkeys(names, 1))
    assert found == {
        "switch": False,
        "a": None,
        "b": 3,
        "unequal": None,
        "outside": None,
        "null": None,
        "negated": 1,
        "default": 1,
    }


def test_products_record_the_factor_and_the_product() -> None:
    space = Space({"hidden": whole(multiply="heads"), "heads": whole()})
    point = space.apply({"hidden": 6, "heads": 4})
    assert point.suggested == {"hidden": 6, "heads": 4}
    assert point.applied == {"hidden": 24, "heads": 4}


def test_conditions_see_products_not_factors() -> None:
    space: dict[str, Parameter] = {
        "c": whole(when=when("equal", "b", 24)),
        "b": whole(multiply="a"),
        "a": Constant(value=4),
    }
    assert applied(space, b=6, c=1) == {"c": 1, "b": 24, "a": 4}
    assert applied(space, b=5, c=1) == {"c": None, "b": 20, "a": 4}


def test_products_with_all_that_is_a_number() -> None:
    for source in (
        Constant(value=2),
        Categorical(choices=(2, 2.5)),
        Ordinal(choices=(2,)),
        Float(scale=Linear(1, 2)),
    ):
        Space({"a": whole(multiply="b"), "b": Reference(of="c"), "c": source})


@pytest.mark.parametrize(
    "source", [Constant(value="2"), Categorical(choices=(1, "x")), Ordinal(choices=(True,))]
)
def test_products_with_what_is_no_number(source: Parameter) -> None:
    direct: dict[str, Parameter] = {"a": whole(multiply="b"), "b": source}
    through = {**direct, "a": whole(multiply="c"), "c": Reference(of="b")}
    for parameters in (direct, through):
        with pytest.raises(UserError, match="which is not always a number"):
            Space(parameters)


def test_products_out_of_range() -> None:
    large = Float(scale=Linear(1e200, 1e200))
    space = Space({"a": Float(scale=Linear(1e200, 1e200), multiply="b"), "b": large})
    with pytest.raises(UserError, match="'a': 1e\\+200 times 1e\\+200 is out of range"):
        space.apply({"a": 1e200, "b": 1e200})


def test_a_cycle_is_named() -> None:
    with pytest.raises(UserError, match=r"in a circle: a -> b -> c -> a|b -> c -> a -> b"):
        Space(
            {
                "a": whole(multiply="b"),
                "b": Reference(of="c"),
                "c": whole(when=when("gt", "a", 1)),
                "d": whole(multiply="a"),
            }
        )
    with pytest.raises(UserError, match="in a circle: a -> a"):
        Space({"a": whole(multiply="a")})


def test_a_long_chain_is_evaluated() -> None:
    names = [f"p{index}" for index in range(3000)]
    chain = {name: Reference(of=before) for name, before in zip(names[1:], names[:-1], strict=True)}
    assert applied({**chain, "p0": whole()}, p0=3)["p2999"] == 3


def test_a_dependence_on_what_is_not_there() -> None:
    with pytest.raises(UserError, match=r"unknown parameter 'modle.h': did you mean model.h\\?"):
        Space({"a": whole(multiply="modle.h"), "model.h": whole()})
    with pytest.raises(UserError, match="'a' depends on an unknown parameter 'zzz'; known: a"):
        Space({"a": whole(when=when("gt", "zzz", 1))})


def test_a_grid_parameter_has_no_condition() -> None:
    grid = Categorical(choices=(1, 2), grid=True, when=when("gt", "a", 1))
    with pytest.raises(UserError, match="'b': a condition and grid_search do not go together"):
        Space({"a": whole(), "b": grid})


def test_inactive_needs_a_condition_or_a_link() -> None:
    with pytest.raises(ValueError, match="needs a condition under 'when', or a link"):
        whole(inactive="drop")
    with pytest.raises(ValueError, match="go together"):
        whole(when=when("gt", "a", 1), inactive="default")
    with pytest.raises(ValueError, match="go together"):
        whole(when=when("gt", "a", 1), otherwise=3)


def test_crossings_are_every_combination() -> None:
    space = Space(
        {
            "a": Categorical(choices=(1, 2), grid=True),
            "x": whole(),
            "b": Categorical(choices=("u", "v"), grid=True),
        }
    )
    assert space.crossed == ("a", "b")
    assert list(space.axes) == ["x"]
    assert list(space.crossings()) == [{"a": a, "b": b} for a in (1, 2) for b in ("u", "v")]
    assert list(Space({"x": whole()}).crossings()) == [{}]
    point = space.decode({"x": 3}, {"a": 1, "b": "v"})
    assert point.applied == {"a": 1, "x": 3, "b": "v"}


def test_counting_too_much_is_refused() -> None:
    large = Integer(scale=Linear(0, 10**7))
    space = Space({"a": large, "b": whole(when=when("gt", "a", 5))})
    with pytest.raises(UserError, match="too many values to count"):
        space.size()
    assert Space(
        {"a": whole(), "b": Integer(scale=Linear(0, 10**7), when=when("gt", "a", 5))}
    ).size() == 6 + 4 * (10**7 + 1)
