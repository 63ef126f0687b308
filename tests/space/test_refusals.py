"""Bad input to the model, the native form and the method/dimension dialect: one sentence each."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from hpogrid.errors import UserError
from hpogrid.space.dialects import read_space
from hpogrid.space.discrete import Categorical
from hpogrid.space.scale import Linear
from hpogrid.space.space import Space


def one(method: str, **dimension: Any) -> dict[str, Any]:
    return {"lr": {"method": method, "dimension": dimension}}


REFUSED: list[tuple[Any, str]] = [
    ('{"a": ', "s: malformed JSON at line 1 column 7: expecting value, near"),
    ('{"a":\n {"method" "uniform"}}', "s: malformed JSON at line 2 column 12: expecting ':'"),
    ('{"a": 1, "a": 2}', "s: the key 'a' is there twice; keep one of them"),
    ('{"a": NaN}', "s: NaN is not a JSON number"),
    ('{"a": 1e999}', "s: 1e999 is too large for a number"),
    ("[" * 100_000, "s: the JSON is nested too deeply"),
    ('{"a": ' + "9" * 5000 + "}", "s: a whole number has too many digits"),
    ({}, "s: the search space is empty; give it at least one parameter"),
    ([], "s: the search space is empty; give it at least one parameter"),
    (5, "s: no search space that hpogrid knows; write each parameter as"),
    ({"lr": 5}, "s: no search space that hpogrid knows"),
    ({"lr": {"method": "unifrom"}}, "unknown method 'unifrom': did you mean uniform"),
    ({"lr": {"method": "xyz"}}, "unknown method 'xyz'; known: categorical, uniform, uniformint"),
    ({"lr": {"method": ["a"]}}, "unknown method "),
    ({"lr": {"method": "uniform"}}, "uniform needs a 'dimension' with low, high"),
    ({"lr": {"method": "uniform", "dimension": [1, 2]}}, "uniform needs a 'dimension' with low"),
    ({"lr": {"dimension": {}}}, 'parameter \'lr\': expected {"method": ..., "dimension"'),
    ({**one("uniform", low=0, high=1), "n": 5}, "parameter 'n': expected"),
    (
        {"lr": {"method": "uniform", "dimension": {}, "grid": 1}},
        "parameter 'lr': unknown key 'grid'; known: method, dimension",
    ),
    (
        {"lr": {"method": "uniform", "dimension": {}, "when": {"a": 1}}},
        "known: method, dimension (conditions are written in the native form, which",
    ),
    (one("uniform", low=0, hihg=1), "uniform has no dimension 'hihg'; it takes low, high"),
    (one("uniform", low=0, high=1, q=1), "uniform has no dimension 'q'; it takes low, high"),
    (one("uniform", low=0), "missing required field high (uniform takes low, high)"),
    (one("uniform", low=3, high=1), "parameter 'lr': low 3 is above high 1; swap them"),
    (one("uniform", low="0", high=1), "low: expected float, got str"),
    (one("uniform", low=True, high=1), "low: expected float, got bool"),
    (one("uniform", low=None, high=1), "low: expected float, got null"),
    (one("uniform", low=-1e308, high=1e308), "high - low is too large"),
    (one("uniformint", low=0, high=True), "high: expected int, got bool"),
    (one("uniformint", low=0, high=1.5), "high: expected int, got float"),
    (one("uniformint", low=3, high=1), "low 3 is above high 1; swap them"),
    (one("uniformint", low=0, high=2**53), "beyond 2**53, where whole numbers lose digits"),
    (one("uniformint", low=-(2**53) - 1, high=0), "beyond 2**53"),
    (one("uniformint", low=0, high=10**400), "parameter 'lr': 1000000000000000000000"),
    (one("quniform", low=0, high=1, q=0), "q 0 is not above 0"),
    (one("quniform", low=0, high=1, q=-0.1), "q -0.1 is not above 0"),
    (one("quniform", low=0.1, high=0.2, q=0.5), "no multiple of 0.5 lies between 0.1 and 0.2"),
    (one("quniform", low=0, high=1e9, q=1e-9), "step 1e-09 is too fine for these bounds"),
    (one("loguniform", low=0, high=1), "low 0 is not above 0, as a log scale needs"),
    (one("loguniform", low=-5, high=-2), "give the smallest value itself, such as 1e-5"),
    (one("loguniform", low=1, high=2, base=1), "base 1 must be above 0 and other than 1"),
    (one("loguniform", low=1, high=2, base=0), "base 0 must be above 0 and other than 1"),
    (one("loguniform", low=1, high=2, base="e"), "base: expected float"),
    (one("qloguniform", low=0.1, high=10, q=1), "rounding to multiples of 1 reaches 0"),
    (one("qloguniform", low=1.2, high=10, q=1), "rounding to multiples of 1 leaves the bounds"),
    (one("qloguniform", low=1, high=9.7, q=1), "leaves the bounds at 9.7"),
    (one("normal", mu=0, sigma=0), "sigma 0 is not above 0"),
    (one("normal", mu=0, sigma=-1), "sigma -1 is not above 0"),
    (one("normal", mu=0, sigma=1e308), "mu and sigma reach beyond the floating-point numbers"),
    (one("normal", mean=0, sigma=1), "normal has no dimension 'mean'; it takes mu, sigma"),
    (one("lognormal", mu=0, sigma=1, base=-2), "base -2 must be above 0"),
    (one("lognormal", mu=0, sigma=100), "mu and sigma reach beyond"),
    (one("qnormal", mu=0, sigma=1, q=1e-320), "is too fine for these bounds"),
    (one("categorical", categories=[]), "the list of values is empty; give at least one"),
    (one("categorical", categories="abc"), "categories: expected array, got str"),
    (one("categorical", categories=[1], grid_search=2), "grid_search must be 0 or 1"),
    (one("categorical", categories=[1], grid_search="yes"), "grid_search: expected"),
    (one("categorical", categories=["\ud800"]), "is not valid Unicode text"),
    (one("categorical", categories=[2**64]), "needs more than 64 bits; write it as text"),
    (one("fixed"), "missing required field value (fixed takes value)"),
    (one("fixed", values=3), "fixed has no dimension 'values'; it takes value"),
    ({"lr": {"method": "fixed", "a\nb": 1}}, "unknown key 'a\\nb'; known: method, dimension"),
    ({" ": one("fixed", value=1)["lr"]}, "' ' is no name for a parameter"),
    ({"a\n": one("fixed", value=1)["lr"]}, "is no name for a parameter"),
    ({"version": 2, "parameters": {}}, "version 2 is not known to this hpogrid, which reads 1"),
    ({"version": True, "parameters": {}}, "version True is not known"),
    ({"version": 1, "parameters": {}}, "s: the search space is empty"),
    ({"version": 1, "parameters": []}, "'parameters' must be an object"),
    ({"version": 1, "parameters": {}, "x": 1}, "the keys 'version' and 'parameters'"),
]

NATIVE: list[tuple[Any, str]] = [
    ({"type": "flaot"}, "invalid value 'flaot'"),
    ({}, "missing required field type"),
    (3, "expected object, got int"),
    ({"type": "float"}, "missing required field scale"),
    ({"type": "float", "scale": {"kind": "linear", "low": 1, "high": 0}}, "scale: low 1 is above"),
    ({"type": "float", "scale": {"kind": "linear", "low": 1}}, "missing required field high"),
    ({"type": "constant", "value": 1, "x": 2}, "unknown field x"),
    ({"type": "constant", "value": 1, "when": {"op": "is"}}, "when.op: invalid enum value 'is'"),
    ({"type": "constant", "value": 1, "when": {"op": "gt"}}, "the name of a parameter under 'on'"),
    (
        {"type": "float", "scale": {"kind": "log", "low": 1, "high": 2}, "lattice": {"step": 0}},
        "lattice: step 0 is not above 0",
    ),
    (
        {
            "type": "float",
            "scale": {"kind": "log", "low": 1, "high": 2},
            "lattice": {"step": 1, "anchor": "low"},
        },
        "a lattice from 'low' needs a linear scale",
    ),
    (
        {
            "type": "float",
            "scale": {"kind": "reverse_log", "low": 0, "high": 0.9},
            "lattice": {"step": 0.1},
        },
        "a reverse log scale has no lattice",
    ),
    (
        {"type": "float", "scale": {"kind": "reverse_log", "low": 0, "high": 1}},
        "a reverse log scale needs 0 <= low <= high < 1",
    ),
    (
        {"type": "integer", "scale": {"kind": "linear", "low": 0.5, "high": 2}},
        "low 0.5 is not a whole number",
    ),
    (
        {"type": "integer", "scale": {"kind": "linear", "low": 0, "high": 2}, "step": 0},
        "step 0 is not above 0",
    ),
    (
        {"type": "integer", "scale": {"kind": "log", "low": 1, "high": 2}, "step": 2},
        "a step above 1 needs a linear scale",
    ),
    ({"type": "categorical", "choices": [1, 1]}, "the value 1 is there twice"),
    ({"type": "ordinal", "choices": [{"a": 1}, {"a": 1}]}, "is there twice"),
    ({"type": "ordinal", "choices": []}, "the list of values is empty"),
    ({"type": "categorical", "choices": [1, 2], "weights": [1]}, "one weight for each category"),
    ({"type": "categorical", "choices": [1, 2], "weights": [1, 0]}, "weights must be above 0"),
    (
        {"type": "categorical", "choices": [1, 2], "weights": [1, 2], "grid": True},
        "weights mean nothing where every value is taken",
    ),
    ({"type": "categorical", "choices": [1, 2], "weights": [1.7e308, 1e308]}, "too large for"),
    ({"type": "reference", "of": "zzz"}, "depends on an unknown parameter 'zzz'"),
    ({"type": "reference", "of": "x"}, "in a circle: x -> x"),
]


@pytest.mark.parametrize(("data", "message"), REFUSED)
def test_refused_with_its_sentence(data: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_space(data, "s")
    assert message in str(caught.value)
    assert str(caught.value).startswith("s: ")


@pytest.mark.parametrize(("item", "message"), NATIVE)
def test_native_refused_with_its_sentence(item: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        Space.from_json({"version": 1, "parameters": {"x": item}})
    assert message in str(caught.value)
    assert "'x'" in str(caught.value) or "x -> x" in str(caught.value)


def test_refusals_are_one_line_of_text() -> None:
    for data, _ in REFUSED:
        with pytest.raises(UserError) as caught:
            read_space(data, "s")
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500


def test_categories_of_different_types_are_different() -> None:
    text = json.dumps(one("categorical", categories=[1, 1.0, True, "1", None, [1], [1.0]]))
    space, notes = read_space(text, "s")
    assert space.size() == 7
    assert notes == []


def _configspace(**item: Any) -> dict[str, Any]:
    whole = {"name": "p", "default_value": 0, "meta": None, **item}
    return {"hyperparameters": [whole], "conditions": [], "forbiddens": [], "format_version": 0.4}


@pytest.mark.parametrize(
    ("dialect", "data", "says"),
    [
        ("ax", [{"name": "p", "type": "choice", "values": [1, 2], "value_type": {}}],
         "unknown value_type of Ax"),
        ("wandb", {"method": ["grid"], "parameters": {"p": {"min": {}, "max": 1.0}}}, "min"),
        ("configspace", _configspace(type="uniform_int", lower={}, upper=1),
         "low must be a finite number"),
        ("configspace", _configspace(type="categorical", choices=[1, 2], weights=0.5),
         "weights must be a list, not 0.5"),
        ("configspace", _configspace(type="categorical", choices=[1, 2], weights=["a", 1]),
         "weights must be above 0"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_in_words(dialect: str, data: Any, says: str) -> None:
    with pytest.raises(UserError, match=f"s: .*{says}"):
        read_space(data, "s", dialect)


def test_numbers_of_numpy_are_bounds_and_weights() -> None:
    bounds: list[Any] = [np.int64(0), np.float32(4)]
    weights: Any = (np.int64(1), np.float64(3))
    assert Linear(*bounds) == Linear(0.0, 4.0)
    parameter = Categorical(choices=("a", "b"), weights=weights)
    assert parameter == Categorical(choices=("a", "b"), weights=(1.0, 3.0))
    data = _configspace(type="categorical", choices=["a", "b"], weights=(1, 3), default_value="a")
    assert read_space(data, "s", "configspace")[0].parameters["p"] == parameter


def test_what_belongs_to_others_may_be_anything() -> None:
    data = {"method": ["grid"], 7: 1, "parameters": {"p": {"min": 0.0, "max": 1.0}}}
    _, notes = read_space(data, "s", "wandb")
    assert "left out: 7, which belong to wandb's own agents" in notes
