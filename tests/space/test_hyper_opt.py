"""hyper_opt objects in nested configs."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hpogrid.errors import UserError
from hpogrid.space.condition import Condition
from hpogrid.space.dialects import read_space
from hpogrid.space.dialects.hyper_opt import json_schema, parse, render
from hpogrid.space.jsonnet import parse_jsonnet
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
from hpogrid.space.paths import nest
from hpogrid.space.scale import Linear, Log, Normal
from hpogrid.space.space import Space
from hpogrid.space.value import as_number
from tests.spec.samples import FIRST, FOURTH, SECOND, THIRD

HIDDEN = "transformer_hidden_size"
EVEN = Integer(scale=Linear(2, 8), step=2)


def opt(suggest: str, dependency: Any = None, **params: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"suggest": suggest, "params": params}
    if dependency is not None:
        body["dependency"] = dependency
    return {"hyper_opt": body}


def only(data: Any) -> Parameter:
    return parse({"x": data}, "s")[0].parameters["x"]


def test_samples_of_the_specification() -> None:
    with pytest.raises(UserError, match="there is no hyper_opt object in it"):
        parse(FIRST, "s")
    assert read_space(SECOND, "s")[0] == Space({f"model.{HIDDEN}": EVEN})
    space = read_space(THIRD, "s")[0]
    for seed in range(20):
        point = space.sample(random.Random(seed))
        name = f"model.{HIDDEN}"
        assert point.applied[name] == 4 * as_number(point.suggested[name])
        assert point.applied[name] in (8, 16, 24, 32)
    space = read_space(FOURTH, "s")[0]
    name, heads = f"module.model.{HIDDEN}", "module.model.num_transformer_heads"
    assert space.apply({heads: 5, name: 4}).applied == {heads: 5, name: 4}
    assert space.apply({heads: 4, name: 4}).applied == {heads: 4, name: None}


def samples_as_printed() -> list[str]:
    """The samples as the specification prints them; each lacks or has something too much."""
    colon = THIRD.removeprefix("{ ").replace("} }", "    ...\n}")
    return [
        "model: {\n    ...\n    num_transformer_heads: 4,\n    ...\n}",
        SECOND.removeprefix("{ ").replace("model: {", "model: {\n    ..."),
        colon.replace("model:", "model")
        .replace("low: 2,", "low: 2")
        .replace("high: 8,", "high: 8"),
    ]


@pytest.mark.parametrize("text", samples_as_printed())
def test_samples_as_printed_are_refused_with_their_place(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text, "s")
    assert re.match(r"s: malformed \w+ at line \d+ column \d+: ", str(caught.value))


@pytest.mark.parametrize(
    ("data", "item"),
    [
        (opt("categorical", choices=["a", 1, None]), Categorical(choices=("a", 1, None))),
        (opt("categorical", choices=[1, 1, 2]), Categorical(choices=(1, 2), weights=(2, 1))),
        (
            opt("discrete_uniform", low=0.1, high=1, q=0.2),
            Float(scale=Linear(0.1, 1), lattice=Lattice(0.2, "low")),
        ),
        (opt("float", low=0, high=1), Float(scale=Linear(0, 1))),
        (opt("float", low=1e-5, high=1, log=True), Float(scale=Log(1e-5, 1))),
        (
            opt("float", low=0, high=1, step=0.3),
            Float(scale=Linear(0, 1), lattice=Lattice(0.3, "low")),
        ),
        (opt("int", low=2, high=8), Integer(scale=Linear(2, 8))),
        (opt("int", low=2, high=8, step=2), EVEN),
        (opt("int", low=1, high=100, log=True), Integer(scale=Log(1, 100))),
        (opt("loguniform", low=1e-5, high=1), Float(scale=Log(1e-5, 1))),
        (opt("uniform", low=-1, high=1), Float(scale=Linear(-1, 1))),
    ],
)
def test_suggest_kinds(data: Any, item: Parameter) -> None:
    assert only(data) == item
    space = Space({"x": item})
    assert parse(render(space), "s")[0] == space
    jsonschema.validate({"x": data}, json_schema())


def test_everything_else_is_constant_and_the_tree_comes_back() -> None:
    config = {
        "trainer": {"epochs": 3, "names": ["a", "b"], "empty": {}, "with.dot": {"x": 1}},
        "layers": [
            {"size": opt("int", low=1, high=1), "act": "relu"},
            7,
            [opt("int", low=2, high=2)],
        ],
    }
    space, notes = parse(config, "s")
    assert notes == []
    assert list(space.parameters) == [
        *("trainer", "layers[0].size", "layers[0].act", "layers[1]", "layers[2][0]")
    ]
    tree = nest(space.sample(random.Random(0)).applied)
    assert tree["trainer"] == config["trainer"]
    assert tree["layers"] == [{"size": 1, "act": "relu"}, 7, [2]]


def test_references() -> None:
    depend = {"type": "multiply", "on": "model.heads"}
    config = {"module": {"model": {"heads": 4, "size": opt("int", depend, low=1, high=2)}}}
    space, notes = parse(config, "s")
    assert space.parameters["module.model.size"].source == "module.model.heads"
    assert notes == [
        "parameter 'module.model.size': 'model.heads' is taken for 'module.model.heads'"
    ]
    config["other"] = {"model": {"heads": 3}}
    with pytest.raises(UserError, match=r"could be module.model.heads or other.model"):
        parse(config, "s")


def test_conditions() -> None:
    conditions: Any = [
        {"type": "ge", "compare_value": 2},
        {"type": "any", "conditions": [{"type": "in", "compare_value": ["a"], "on": "k"}]},
    ]
    depend: Any = [
        {"type": "multiply", "on": "n"},
        {"type": "optimize_iff", "on": "n", "conditions": conditions},
    ]
    config = {"n": 2, "k": "a", "x": opt("int", depend, low=1, high=2)}
    space, _ = parse(config, "s")
    inside = Condition(op="any", of=(Condition(op="in", on="k", value=["a"]),))
    expected = Condition(op="all", of=(Condition(op="ge", on="n", value=2), inside))
    assert space.parameters["x"] == Integer(scale=Linear(1, 2), multiply="n", when=expected)
    assert parse(render(space), "s")[0] == space


def test_what_becomes_of_an_inactive_one() -> None:
    depend = {"type": "optimize_iff", "on": "n", "conditions": [{"type": "gt", "compare_value": 5}]}
    node = opt("int", depend, low=1, high=2)
    node["hyper_opt"] |= {"inactive": "default", "otherwise": 9}
    space, _ = parse({"n": 2, "x": node}, "s")
    assert space.sample(random.Random(0)).applied == {"n": 2, "x": 9}


CYCLE = {
    "a": opt("int", {"type": "multiply", "on": "b"}, low=1, high=2),
    "b": opt("int", {"type": "multiply", "on": "a"}, low=1, high=2),
}
NEVER: dict[str, Any] = {"type": "optimize_iff", "on": "n"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a": {"hyper_opt": 3}}, "parameter 'a': hyper_opt must be an object with suggest and"),
        ({"a": {"hyper_opt": {"suggest": "int"}}}, "missing required field params"),
        ({"a": opt("integer", low=1)}, "unknown suggest 'integer'; known: categorical, discrete"),
        ({"a": opt("int", low=1, hihg=2)}, "suggest 'int' has no 'hihg'; it takes low, high, step"),
        ({"a": opt("int", low=1)}, "missing required field high"),
        ({"a": opt("int", low=1.5, high=2)}, "low: expected int, got float"),
        ({"a": opt("int", low=3, high=2)}, "low 3 is above high 2"),
        ({"a": opt("int", low=1, high=9, log=True, step=2)}, "log and step do not go together"),
        ({"a": opt("float", low=1, high=9, log=True, step=2)}, "log and step do not go together"),
        ({"a": opt("float", low=0, high=9, log=True)}, "low 0 is not above 0"),
        ({"a": opt("discrete_uniform", low=0, high=9, q=0)}, "step 0 is not above 0"),
        ({"a": opt("categorical", choices=[])}, "the list of values is empty"),
        ({"a": {**opt("int", low=1, high=2), "b": 1}}, "a: hyper_opt stands beside 'b'"),
        (opt("int", low=1, high=2), "hyper_opt stands at the root of the config"),
        ({"a.b": opt("int", low=1, high=2)}, "the key 'a.b' has a dot, a bracket or a blank"),
        (CYCLE, "in a circle: a -> b -> a"),
        ({"a": opt("int", {"type": "times", "on": "b"}, low=1, high=2)}, "dependency.type"),
        ({"a": opt("int", {"type": "multiply"}, low=1, high=2)}, "'multiply' takes 'on'"),
        (
            {"ab": 1, "a": opt("int", {"type": "multiply", "on": "abc"}, low=1, high=2)},
            "it depends on an unknown parameter 'abc': did you mean ab",
        ),
        (
            {"b": "x", "a": opt("int", {"type": "multiply", "on": "b"}, low=1, high=2)},
            "'a' is multiplied with 'b', which is not always a number",
        ),
        (
            {"b": 1, "a": opt("categorical", {"type": "multiply", "on": "b"}, choices=["x"])},
            "only numbers can be multiplied",
        ),
        (
            {"n": 1, "a": opt("int", [{"type": "multiply", "on": "n"}] * 2, low=1, high=2)},
            "one 'multiply' only",
        ),
        ({"n": 1, "a": opt("int", NEVER, low=1, high=2)}, "'optimize_iff' needs 'conditions'"),
        (
            {"a": opt("int", {**NEVER, "on": None, "conditions": [{"type": "gt"}]}, low=1, high=2)},
            "the condition 'gt' needs the name of a parameter under 'on'",
        ),
        (
            {"n": 1, "a": opt("int", {**NEVER, "conditions": [{"type": "like"}]}, low=1, high=2)},
            "invalid enum value 'like'",
        ),
    ],
)
def test_refused(data: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(data, "s")
    assert message in str(caught.value)
    assert str(caught.value).startswith("s: ")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Ordinal(choices=(1, 2)), "hyper_opt objects have no ordinal parameters"),
        (Float(scale=Normal(0, 1)), "no normal distribution"),
        (Float(scale=Linear(0, 1), lattice=Lattice(0.5)), "no multiples of q; use a step"),
        (Float(scale=Log(1, 2), lattice=Lattice(1.0)), "no multiples of q"),
        (Categorical(choices=(1, 2), grid=True), "no grid_search"),
        (Constant(value={"a": 1}), "would have it in another place or order"),
        (Constant(value={"hyper_opt": 1}), "a constant with a hyper_opt object in it"),
        (Constant(value=1, when=Condition(op="gt", on="y", value=1)), "no condition on a constant"),
        (Reference(of="y"), "no reference parameters"),
    ],
)
def test_what_it_cannot_say(item: Parameter, message: str) -> None:
    with pytest.raises(UserError, match=message):
        render(Space({"x": item, "y": EVEN}))


def test_names_that_make_no_config() -> None:
    for names in (["a", "a.b"], ["a.b", "c", "a.d"], ["a.", "b"], ["a[1]", "a[0]"], ["a[1]", "b"]):
        with pytest.raises(UserError):
            render(Space(dict.fromkeys(names, EVEN)))


def test_yaml() -> None:
    text = """
model:
  heads: {hyper_opt: {suggest: int, params: {low: 1, high: 4}}}
  size:
    hyper_opt:
      suggest: float
      params: {low: 1e-3, high: 1, log: true}
      dependency: {on: model.heads, type: multiply}
"""
    space, _ = read_space(text, "s")
    item = Float(scale=Log(1e-3, 1), multiply="model.heads")
    assert space == Space({"model.heads": Integer(scale=Linear(1, 4)), "model.size": item})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a: 1\n b: 2}", "s: malformed Jsonnet at line 2 column 2: expected a comma before next"),
        ("{a: foo}", "s: malformed Jsonnet at line 1 column 5: Unknown variable: foo"),
        ("{a: error 'no'}", "s: malformed Jsonnet at line 1 column 5: no"),
        ("{a: 1, a: 2}", "at line 1 column 8: duplicate field: a"),
        ("local f(x) = f(x); f(1)", "at line 1 column 14: max stack frames exceeded"),
        ("import 'x.libsonnet'", "only a file can import others"),
        ("{a: function(x) x}", "couldn't manifest function"),
        ("\0", "malformed Jsonnet: embedded null character"),
        ("{a: '\ud800'}", "malformed Jsonnet: "),
    ],
)
def test_malformed_jsonnet(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_jsonnet(text, "s")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_jsonnet_is_evaluated(tmp_path: Path) -> None:
    (tmp_path / "common.libsonnet").write_text("{low: 1, high: 4}")
    text = """
// a comment
local common = import 'common.libsonnet';
{ a: { hyper_opt: { suggest: 'int', params: common } } }
"""
    data = parse_jsonnet(text, "s", tmp_path)
    assert data == {"a": opt("int", low=1, high=4)}
    with pytest.raises(UserError, match="malformed Jsonnet at line 3 column 16: couldn't open"):
        parse_jsonnet(text, "s", tmp_path / "elsewhere")
    local = "local n = 3; { a: { hyper_opt: { suggest: 'int', params: { low: n, high: n } } } }"
    assert read_space(local, "s")[0].size() == 1


def test_without_the_library_json_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "_jsonnet", None)
    data = {"a": opt("int", low=1, high=4)}
    assert read_space(json.dumps(data), "s")[0].size() == 4
    with pytest.raises(UserError) as caught:
        read_space("{a: {hyper_opt: 3}}", "s")
    assert "malformed JSON at line 1" in str(caught.value)
    assert "pip install 'hpogrid[jsonnet]'" in str(caught.value)
