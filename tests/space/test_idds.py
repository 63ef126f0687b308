"""The opt_space of iDDS."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.space.dialects import read_space
from hpogrid.space.dialects.idds import detect, parse, parse_segments, render
from hpogrid.space.parameter import Categorical, Float, Ordinal, Parameter
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space

LR = {"lr": {"method": "loguniform", "dimension": {"low": 1e-5, "high": 1e-2}}}
LR_SPACE = Space({"lr": Float(scale=Log(1e-5, 1e-2))})
N = {"n": {"method": "uniformint", "dimension": {"low": 1, "high": 3}}}
PLAIN = {"points": [[{"lr": 1e-3}, 0.5], [{"lr": 1e-4}, None]], "opt_space": LR}


def segmented(**spaces: Any) -> list[dict[str, Any]]:
    return [{"model_id": name, "search_space": space} for name, space in spaces.items()]


def test_plain() -> None:
    assert read_space(PLAIN, "s")[0] == LR_SPACE
    assert read_space(json.dumps(PLAIN), "s")[0] == LR_SPACE
    assert parse(LR, "s")[0] == LR_SPACE
    assert render(LR_SPACE) == {"opt_space": LR}
    assert parse_segments(PLAIN, "s") == ([(None, LR_SPACE)], [])


def test_segmented() -> None:
    points = [[["a", {"lr": 1e-3}], 0.5]]
    data = {"points": points, "opt_space": segmented(a=LR, b=LR)}
    space, notes = read_space(data, "s")
    assert space == LR_SPACE
    assert notes == ["the space of each of the models a, b"]
    assert read_space(data["opt_space"], "s")[0] == LR_SPACE
    different = segmented(a=LR, b=N)
    models, _ = parse_segments({"opt_space": different}, "s")
    assert [model for model, _ in models] == ["a", "b"]
    assert models[1][1].size() == 3
    with pytest.raises(UserError, match="the models 'a' and 'b' have spaces of their own"):
        parse(different, "s")
    assert parse_segments([{"model_id": 7, "search_space": LR}], "s")[0] == [(7, LR_SPACE)]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"type": "Choice", "params": {"choices": [1, 4]}}, Categorical(choices=(1, 4))),
        (
            {"type": "Choice", "params": {"choices": [1, 4, 1]}},
            Categorical(choices=(1, 4), weights=(2, 1)),
        ),
        ({"type": "TransitionChoice", "params": {"choices": [1, 4]}}, Ordinal(choices=(1, 4))),
        ({"type": "Scalar", "bounds": [0, 5]}, Float(scale=Linear(0, 5))),
        (
            {"type": "Scalar", "params": {"lower": 0, "upper": 5, "init": 1}},
            Float(scale=Linear(0, 5)),
        ),
        ({"type": "Log", "params": {"lower": 1e-3, "upper": 1}}, Float(scale=Log(1e-3, 1))),
    ],
)
def test_types_of_nevergrad(item: Any, expected: Parameter) -> None:
    for data in ({"x": item}, {"points": [], "opt_space": {"x": item}}):
        assert read_space(data, "s")[0] == Space({"x": expected})


def test_notes() -> None:
    scalar = {"type": "Scalar", "params": {"init": 1}, "bounds": [0, 5]}
    assert parse({"x": scalar}, "s")[1] == ["parameter 'x': init has no effect"]
    twice = {"type": "Choice", "params": {"choices": [1, 1]}}
    assert parse({"x": twice}, "s")[1] == ["parameter 'x': repeated categories count as weights"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"opt_space": 3}, "s: opt_space must be an object, or a list of models with spaces"),
        ({"opt_space": []}, "s: opt_space must be an object"),
        ({"opt_space": {}}, "the search space is empty"),
        ({"opt_space": {"A": [1, 4]}}, "parameter 'A': [1, 4] is bounds to one optimiser of iDDS"),
        ({"opt_space": {"A": 3}}, "parameter 'A': expected"),
        ({"opt_space": [{"model_id": "a"}]}, "expected model_id and search_space"),
        ({"opt_space": segmented(a=3)}, "s: model 'a': expected an object of parameters, got 3"),
        ({"opt_space": [*segmented(a=LR), *segmented(a=LR)]}, "the model 'a' is there twice"),
        (
            {"opt_space": [{"model_id": [], "search_space": LR}]},
            "the model_id [] is neither text nor a number",
        ),
        ({"x": {"type": "Array", "params": {"shape": [2]}}}, "unknown type 'Array'; known: Choice"),
        ({"x": {"type": "Scalar"}}, "type Scalar needs bounds of two numbers"),
        ({"x": {"type": "Scalar", "bounds": [1]}}, "needs bounds of two numbers"),
        ({"x": {"type": "Scalar", "bounds": [2, 1]}}, "low 2 is above high 1"),
        ({"x": {"type": "Scalar", "bounds": ["a", 1]}}, "bounds[0]: expected float, got str"),
        ({"x": {"type": "Scalar", "params": {"lower": 1}}}, "give bounds, or lower and upper"),
        ({"x": {"type": "Scalar", "params": {"sigma": 1}}}, "type Scalar has no 'sigma'"),
        ({"x": {"type": "Log", "bounds": [0, 1]}}, "low 0 is not above 0"),
        ({"x": {"type": "Choice"}}, "expected array, got null"),
        ({"x": {"type": "Choice", "params": {"choices": []}}}, "the list of values is empty"),
        (
            {"x": {"type": "Choice", "params": {"choices": [1]}, "bounds": [0, 1]}},
            "type Choice has no bounds",
        ),
        ({"x": {"type": "Choice", "params": {"choices": [1]}}, "y": 3}, "'y': expected object"),
    ],
)
def test_refused(data: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(data, "s")
    assert message in str(caught.value)
    assert str(caught.value).startswith("s: ")


def test_detection() -> None:
    for data in (PLAIN, {"opt_space": segmented(a=LR)}, segmented(a=LR)):
        assert detect(data)
    named: dict[str, Any] = {"opt_space": LR["lr"]}
    assert read_space(named, "s")[0].parameters["opt_space"] == Float(scale=Log(1e-5, 1e-2))
    others: list[Any] = [{}, [], LR, named, [1], 3, "opt_space"]
    for data in others:
        assert not detect(data)


def test_segments_that_differ_in_types_are_told_apart() -> None:
    def model(categories: list[Any]) -> dict[str, Any]:
        return {"c": {"method": "categorical", "dimension": {"categories": categories}}}

    for one, other in (([1, 0], [True, False]), ([1], [1.0])):
        with pytest.raises(UserError, match="have spaces of their own"):
            parse(segmented(a=model(one), b=model(other)), "s")
