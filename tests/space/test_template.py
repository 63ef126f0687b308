"""Spaces inside the user's own config."""

from __future__ import annotations

import json
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from hpogrid.errors import UserError
from hpogrid.space.condition import Condition
from hpogrid.space.dialects import read_space
from hpogrid.space.jsonnet import is_jsonnet
from hpogrid.space.parameter import Categorical, Float, Integer
from hpogrid.space.scale import Linear
from hpogrid.space.space import Space
from hpogrid.space.template import (
    guess_form,
    read_template,
    read_template_file,
    write_config,
)
from hpogrid.yamlfile import parse_yaml
from tests.space import strategies as some

OPT = {"hyper_opt": {"suggest": "int", "params": {"low": 1, "high": 4}}}
IFF = {
    "suggest": "float",
    "params": {"low": 0, "high": 1},
    "dependency": {
        "on": "model.heads",
        "type": "optimize_iff",
        "conditions": [{"type": "gt", "compare_value": 2}],
    },
}
CONFIG = {
    "model": {"heads": OPT, "depth": 4, "dropout": {"hyper_opt": IFF}},
    "layers": [{"size": OPT, "act": "relu"}, 7],
    "trainer": {"names": ["a", "b"], "empty": {}, "on": True},
}
FILLED = {
    "model": {"heads": 3, "depth": 4, "dropout": 0.5},
    "layers": [{"size": 2, "act": "relu"}, 7],
    "trainer": {"names": ["a", "b"], "empty": {}, "on": True},
}
SUGGESTED = {"model.heads": 3, "model.dropout": 0.5, "layers[0].size": 2}


SEARCHED = read_space(CONFIG, "s")[0]


def test_json() -> None:
    template = read_template(json.dumps(CONFIG), "s", SEARCHED.parameters)
    assert template.form == "json"
    applied = SEARCHED.apply(SUGGESTED).applied
    assert template.fill(applied) == FILLED
    text = template.write(applied)
    assert json.loads(text) == FILLED
    assert list(json.loads(text)["model"]) == ["heads", "depth", "dropout"]
    without = SEARCHED.apply({**SUGGESTED, "model.heads": 1}).applied
    assert template.fill(without)["model"] == {"heads": 1, "depth": 4, "dropout": None}


def test_yaml() -> None:
    template = read_template(write_config(CONFIG, "yaml"), "s", SEARCHED.parameters)
    assert template.form == "yaml"
    text = template.write(SEARCHED.apply(SUGGESTED).applied)
    assert parse_yaml(text, "again") == FILLED
    assert text.startswith("model:\n  heads: 3\n")


def test_jsonnet_becomes_json() -> None:
    text = """
// heads and their size
local opt(low, high) = { hyper_opt: { suggest: 'int', params: { low: low, high: high } } };
{ model: { heads: opt(1, 4), act: 'relu' } }
"""
    template = read_template(text, "s", ["model.heads"])
    assert template.form == "jsonnet"
    assert json.loads(template.write({"model.heads": 3})) == {"model": {"heads": 3, "act": "relu"}}


def test_overrides() -> None:
    text = "# search\nlr=interval(0,1)\nname='a, b'\n+n=1,2\nm=${n}\n~old\n"
    space = read_space(text, "s")[0]
    template = read_template(text, "s", space.parameters)
    assert template.form == "overrides"
    applied = space.apply({"lr": 0.5, "+n": 2}).applied
    assert template.write(applied) == "lr=0.5\nname='a, b'\n+n=2\nm=2\n~old\n"


def test_yaml_grid() -> None:
    template = read_template("a: [1, 2]\nb: {const: [3]}\nc: x\n", "s", ["a", "b"])
    assert template.fill({"a": 2, "b": [3]}) == {"a": 2, "b": [3], "c": "x"}


SPACE = Space(
    {
        "model.heads": Integer(scale=Linear(1, 4)),
        "layers[0]": Integer(
            scale=Linear(1, 4),
            inactive="drop",
            when=Condition(op="gt", on="model.heads", value=2),
        ),
    }
)
PLAIN = {"model": {"heads": 0, "depth": 4}, "layers": [0, 9], "a.b": 1}


@pytest.mark.parametrize("form", ["json", "yaml", "jsonnet"])
def test_a_space_of_its_own_fills_a_plain_config(form: Any) -> None:
    template = read_template(write_config(PLAIN, form), "s", SPACE.parameters, form)
    filled = template.fill(SPACE.apply({"model.heads": 3, "layers[0]": 2}).applied)
    assert filled == {"model": {"heads": 3, "depth": 4}, "layers": [2, 9], "a.b": 1}
    filled = template.fill(SPACE.apply({"model.heads": 1, "layers[0]": 2}).applied)
    assert filled == {"model": {"heads": 1, "depth": 4}, "layers": [9], "a.b": 1}
    assert template.fill(SPACE.apply({"model.heads": 3, "layers[0]": 2}).applied)["layers"] == [
        *(2, 9)
    ]


def test_elements_that_are_left_out() -> None:
    off = Condition(op="gt", on="n", value=5)
    gone = Integer(scale=Linear(1, 2), when=off, inactive="drop")
    space = Space({"n": Integer(scale=Linear(1, 2)), "x[0]": gone, "x[2]": gone})
    template = read_template('{"n": 0, "x": ["a", "b", "c"]}', "s", space.parameters)
    assert template.fill(space.apply({"n": 1, "x[0]": 1, "x[2]": 1}).applied) == {
        "n": 1,
        "x": ["b"],
    }


def test_a_space_of_its_own_fills_overrides() -> None:
    text = "model.lr=0.1\n+name='a, b'\nmodel.n=1,2"
    template = read_template(text, "s", ["model.lr", "model.n"])
    filled = template.write({"model.lr": 0.25, "model.n": 2})
    assert filled == "model.lr=0.25\n+name='a, b'\nmodel.n=2\n"
    with pytest.raises(UserError, match=r"'model\.n' is to be searched, but"):
        read_template(text, "s", ["model.lr"])


def test_shell_variables(tmp_path: Path) -> None:
    text = "# a recipe\nsrc=zh\nnum_layers='4:2' # twice\nlr=0.1\n\nflag=true\n"
    path = tmp_path / "1.hpm"
    path.write_text(text)
    words = ("a b; echo hi", "it's $HOME")
    space = Space({"num_layers": Categorical(choices=words), "lr": Float(scale=Linear(0, 1))})
    template = read_template_file(path, space.parameters)
    assert template.form == "shell"
    for value in words:
        filled = tmp_path / "filled.hpm"
        filled.write_text(template.write({"num_layers": value, "lr": 0.25}))
        shown = 'printf "%s|%s|%s|%s" "$src" "$num_layers" "$lr" "$flag"'
        command = ["/bin/sh", "-c", f". {filled}; {shown}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == f"zh|{value}|0.25|true"
    values = write_config({"a": None, "b": False, "c": [1, "x"]}, "shell")
    assert values == "a=''\nb=false\nc='[1, \"x\"]'\n"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('{"a": 1}', "json"),
        ("{a: 1}", "jsonnet"),
        ("local x = 1; {a: x}", "jsonnet"),
        ("/* c */ // d\n{a: 1}", "jsonnet"),
        ("a: 1", "yaml"),
        ("# c\na=1\n~b", "overrides"),
        ("a=1\nb: 2", "yaml"),
        ("", "yaml"),
    ],
)
def test_the_form_is_guessed(text: str, form: str) -> None:
    assert guess_form(text) == form


def test_guessing_takes_no_time() -> None:
    start = time.monotonic()
    assert not is_jsonnet("/* a */ " * 5000 + "x")
    assert not is_jsonnet("/*" * 5000)
    assert time.monotonic() - start < 5


def test_files(tmp_path: Path) -> None:
    (tmp_path / "base.libsonnet").write_text("{low: 1, high: 4}")
    path = tmp_path / "conf.jsonnet"
    path.write_text("{a: {hyper_opt: {suggest: 'int', params: import 'base.libsonnet'}}}")
    assert json.loads(read_template_file(path, ["a"]).write({"a": 3})) == {"a": 3}
    with pytest.raises(UserError, match=r"no such file: .*nowhere\.json"):
        read_template_file(tmp_path / "nowhere.json", [])
    (tmp_path / "bad.yaml").write_bytes(b"\xff")
    with pytest.raises(UserError, match=r"cannot read .*bad\.yaml"):
        read_template_file(tmp_path / "bad.yaml", [])


@pytest.mark.parametrize(
    ("text", "form", "names", "message"),
    [
        ("a: [1", None, [], "s: malformed YAML at line 1"),
        ('{"a": 1', None, [], "s: malformed Jsonnet at line 1"),
        ("a=1 b", "shell", ["a"], "s: line 1: expected NAME=value, quoted for the shell"),
        ("export a=1", "shell", ["a"], "s: line 1: expected NAME=value"),
        ("a.b=1", "shell", ["a"], "s: line 1: expected NAME=value"),
        ("a='1", "shell", ["a"], "s: line 1: No closing quotation"),
        (json.dumps(CONFIG), None, ["model.heads"], "s: 'model.dropout' is to be searched, but"),
        ('{"a": {"b": [1]}}', None, ["a", "a.b[0]"], "s: 'a.b[0]' lies inside of 'a'; keep one"),
        ("3", "json", list(SPACE.parameters), "s: expected a config with keys, got 3"),
        (
            '{"model": {"head": 1}}',
            "json",
            ["model.heads"],
            "unknown place 'model.heads': did you",
        ),
        (
            "model.head=1",
            "overrides",
            ["model.heads"],
            "unknown place 'model.heads': did you",
        ),
    ],
)
def test_refused(text: str, form: Any, names: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_template(text, "s", names, form)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("config", "form", "message"),
    [
        ({"a.b": 1}, "shell", "shell: 'a.b' is no name of a variable"),
        ({"a": {'b"c': 1}}, "overrides", "overrides: 'a': overrides have no way to write the key"),
        ({"a": "b\nc"}, "overrides", "there is no way to write a line break"),
    ],
)
def test_what_a_format_cannot_say(config: Any, form: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        write_config(config, form)


@given(some.plain_spaces(some.integers() | some.constants))
def test_what_is_not_searched_comes_back(space: Space) -> None:
    config = {name.replace(".", "_"): 0 for name in space.parameters}
    renamed = Space({name.replace(".", "_"): item for name, item in space.parameters.items()})
    applied = renamed.sample(random.Random(0)).applied
    for form in ("json", "yaml"):
        template = read_template(json.dumps({**config, "z": [1]}), "s", renamed.parameters, form)
        filled = template.fill(applied)
        assert filled == {**applied, "z": [1]}
        text = template.write(applied)
        assert (json.loads(text) if form == "json" else parse_yaml(text, "s")) == filled
