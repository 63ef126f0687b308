"""The method/dimension dialect."""

from __future__ import annotations

import json
import math
from typing import Any

import jsonschema
import pytest

from hpogrid.errors import UserError
from hpogrid.space.dialects import native, read_space
from hpogrid.space.dialects.method_dimension import METHODS, json_schema, parse, render
from hpogrid.space.parameter import (
    Categorical,
    Constant,
    Float,
    Integer,
    Lattice,
    Ordinal,
    Parameter,
    Reference,
)
from hpogrid.space.scale import Linear, Log, LogNormal, Normal, ReverseLog
from hpogrid.space.space import Space

SAMPLE = """{ "lr":{"method":"loguniform","dimension":{"low":1e-5,"high":1e-2, "base":10}},
"batchsize":{"method":"categorical","dimension":{"categories":[32,64,128,256,512,1024]}},
"num_layers":{"method":"uniformint","dimension":{"low":3,"high":10}},
"momentum":{"method":"uniform","dimension":{"low":0.5,"high":1.0}} }"""

MEANING: list[tuple[str, dict[str, Any], Parameter]] = [
    ("categorical", {"categories": [1, "a", [2]]}, Categorical(choices=(1, "a", [2]))),
    (
        "categorical",
        {"categories": [1, 2], "grid_search": 1},
        Categorical(choices=(1, 2), grid=True),
    ),
    ("categorical", {"categories": [1, 2], "grid_search": False}, Categorical(choices=(1, 2))),
    (
        "categorical",
        {"categories": [1, 1, 2]},
        Categorical(choices=(1, 2), weights=(2.0, 1.0)),
    ),
    ("uniform", {"low": 0, "high": 1}, Float(scale=Linear(0, 1))),
    ("uniformint", {"low": -3, "high": 10}, Integer(scale=Linear(-3, 10))),
    ("quniform", {"low": 0, "high": 1, "q": 0.1}, Float(scale=Linear(0, 1), lattice=Lattice(0.1))),
    ("loguniform", {"low": 1e-5, "high": 1e-2}, Float(scale=Log(1e-5, 1e-2))),
    ("qloguniform", {"low": 1, "high": 9, "q": 1}, Float(scale=Log(1, 9), lattice=Lattice(1.0))),
    ("normal", {"mu": 1, "sigma": 2}, Float(scale=Normal(1, 2))),
    ("qnormal", {"mu": 1, "sigma": 2, "q": 3}, Float(scale=Normal(1, 2), lattice=Lattice(3.0))),
    ("lognormal", {"mu": 1, "sigma": 2}, Float(scale=LogNormal(1, 2, math.e))),
    ("lognormal", {"mu": 1, "sigma": 2, "base": 10}, Float(scale=LogNormal(1, 2, 10))),
    (
        "qlognormal",
        {"mu": 1, "sigma": 2, "q": 3},
        Float(scale=LogNormal(1, 2), lattice=Lattice(3.0)),
    ),
    ("fixed", {"value": {"a": [1]}}, Constant(value={"a": [1]})),
]


def test_the_sample_of_the_specification() -> None:
    space, notes = read_space(SAMPLE, "search space 'my_search_space'")
    assert list(space.parameters) == ["lr", "batchsize", "num_layers", "momentum"]
    assert notes == ["parameter 'lr': base 10 has no effect on a log-uniform distribution"]
    jsonschema.validate(json.loads(SAMPLE), json_schema())


@pytest.mark.parametrize(("method", "dimension", "item"), MEANING)
def test_meaning(method: str, dimension: dict[str, Any], item: Parameter) -> None:
    data = {"x": {"method": method, "dimension": dimension}}
    space, _ = parse(data, "test")
    assert space == Space({"x": item})
    assert parse(render(space), "again")[0] == space
    jsonschema.validate(data, json_schema())
    jsonschema.validate(space.to_json(), native.json_schema())


def test_all_methods_are_tested() -> None:
    assert {method for method, _, _ in MEANING} == set(METHODS)
    assert len(METHODS) == 11


def test_notes() -> None:
    twice = {"method": "categorical", "dimension": {"categories": [1, 1]}}
    assert parse({"x": twice}, "s")[1] == ["parameter 'x': repeated categories count as weights"]
    grid = {"method": "categorical", "dimension": {"categories": [1, 1], "grid_search": 1}}
    assert parse({"x": grid}, "s")[1] == ["parameter 'x': repeated categories count once"]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Ordinal(choices=(1, 2)), "has no ordinal parameters"),
        (Integer(scale=Linear(0, 4), step=2), "has no whole numbers with a step"),
        (Integer(scale=Log(1, 4)), "has no whole numbers with a step or on a log scale"),
        (Float(scale=ReverseLog(0, 0.9)), "has no reverse log scale"),
        (Float(scale=Linear(0, 1), lattice=Lattice(0.3, "low")), "has no steps that count from"),
        (Categorical(choices=(1, 2), weights=(0.5, 1)), "has no weights but whole numbers"),
        (Categorical(choices=(1, 2), weights=(1, 1e6)), "has no weights but whole numbers"),
        (Reference(of="y"), "has no conditions or links"),
        (Float(scale=Linear(0, 1), multiply="y"), "has no conditions or links"),
    ],
)
def test_what_it_cannot_say(item: Parameter, message: str) -> None:
    with pytest.raises(UserError, match=f"^'x': the method/dimension form {message}"):
        render(Space({"x": item, "y": Constant(value=2)}))


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"x": {"method": "uniform"}},
        {"x": {"method": "uniform", "dimension": {"low": 0}}},
        {"x": {"method": "uniform", "dimension": {"low": 0, "high": 1, "q": 1}}},
        {"x": {"method": "uniformint", "dimension": {"low": 0, "high": 1.5}}},
        {"x": {"method": "unknown", "dimension": {}}},
        {"x": {"method": "quniform", "dimension": {"low": 0, "high": 1, "q": 0}}},
        {"x": {"method": "loguniform", "dimension": {"low": 0, "high": 1}}},
        {"x": {"method": "normal", "dimension": {"mu": 0, "sigma": -1}}},
        {"x": {"method": "categorical", "dimension": {"categories": []}}},
        {"x": {"method": "categorical", "dimension": {"categories": [1], "grid_search": 7}}},
        {"x": 3},
    ],
)
def test_the_schema_refuses_what_the_parser_refuses(data: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, json_schema())
    with pytest.raises(UserError):
        parse(data, "s")
