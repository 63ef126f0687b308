"""YAML as people mean it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.errors import UserError
from hpogrid.yamlfile import dump_yaml, parse_yaml
from tests.space import strategies as some
from tests.space.attempts import attempt


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("-1.5e+3", -1500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("0x1F", 31),
        ("+3", 3),
        ("-0", 0),
        ("2001-01-01", "2001-01-01"),
        ("1.2.3", "1.2.3"),
        ('"4:2"', "4:2"),
        ("a:b", "a:b"),
        ("~", None),
        ("null", None),
        ("True", True),
        ("y", "y"),
        ("!!str 3", "3"),
        ("!!float 3", 3.0),
    ],
)
def test_scalars(text: str, value: Any) -> None:
    found = parse_yaml(f"a: {text}", "f")["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 4:2", 'line 1: 4:2 without quotes is a number in base 60 to YAML; write "4:2"'),
        ("a: 12:30:45", "base 60"),
        ("b: 1\na: yes", "line 2: yes without quotes is true or false to some versions of YAML"),
        ("a: Off", 'write "Off"'),
        ("a: 010", "010 without quotes is written differently in the versions of YAML"),
        ("a: 0o17", 'write "0o17"'),
        ("a: 1_000", 'write "1_000"'),
        ("a: .inf", ".inf without quotes is no finite number"),
        ("a: .nan", "no finite number"),
        ("a: 1e999", "1e999 is no finite number"),
        ("a: 1\na: 2", "line 2: the key 'a' is there twice"),
        ("1: 2", "the key 1 is no text; put it in quotes"),
        ("? [1]\n: 2", "the key in brackets is no text"),
        ("a: [1", "malformed YAML at line 1 column 6: expected ',' or ']'"),
        ("a: !!set {x}", "a set is no value that JSON can say"),
        ("a: !!binary aaaa", "a bytes is no value"),
        ("a: !!python/object:os.x 3", "could not determine a constructor for the tag"),
        ("a: !!int foo", "foo is no number"),
        ("a: !!bool 3", "3 is neither true nor false"),
        ("a: &x [*x]", "recursive"),
        ("--- 1\n--- 2", "malformed YAML at line 2 column 1"),
        ("a\x00", "special characters are not allowed"),
        ("[" * 1500, "malformed YAML"),
        ("a: " + "[" * 100 + "]" * 100, "nested too deeply"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_yaml(text, "f")
    assert message in str(caught.value)
    assert str(caught.value).startswith("f: ")
    assert "\n" not in str(caught.value)


def test_aliases_that_grow_without_end_are_refused() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for index in range(1, 9):
        row = ", ".join([f"*a{index - 1}"] * 10)
        lines.append(f"a{index}: &a{index} [{row}]")
    with pytest.raises(UserError, match="too large"):
        parse_yaml("\n".join(lines), "f")


def test_keys_are_text_and_merges_work() -> None:
    assert parse_yaml("on: x\ntrue: 2\nnull: 3", "f") == {"on": "x", "true": 2, "null": 3}
    assert parse_yaml("a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}", "f")["d"] == {"b": 3, "c": 2}


@given(some.values)
def test_what_a_writer_of_yaml_writes_is_read_back(value: Any) -> None:
    text = yaml.safe_dump({"a": value})
    try:
        found = parse_yaml(text, "f")
    except UserError as error:  # a number for YAML 1.2 that this writer, of 1.1, takes for text
        assert "is written differently in the versions of YAML" in str(error)  # noqa: PT017
        assert any(re.search(r"\b0[0-9]*[89]", word) for word in str(error).split())  # noqa: PT017
    else:
        assert found == {"a": value}
    text = dump_yaml({"a": value})
    assert parse_yaml(text, "f") == yaml.safe_load(text) == {"a": value}


@pytest.mark.parametrize("text", ["1e-3", "4:2", "yes", "010", "1_000", ".inf", "null", "", "a: b"])
def test_text_that_looks_like_something_else_is_quoted(text: str) -> None:
    assert parse_yaml(dump_yaml([text]), "f") == [text]


@given(st.text(max_size=30) | st.text(" \n:-[]{},&*!?|>'\"#%@0159.eExoyn<~", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    data, refusal = attempt(parse_yaml, text, "f")
    json.dumps(data, allow_nan=False)
    assert refusal is None or refusal.startswith("f: ")


def test_merge_keys_that_double_each_other_are_refused() -> None:
    lines = ["a0: &a0 {k0: 1}"]
    lines += [f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}]\n  k{n}: 1" for n in range(1, 31)]
    with pytest.raises(UserError, match="the merge keys make it too large"):
        parse_yaml("\n".join(lines), "file")


@pytest.mark.parametrize("text", ["a\x85b", "a\u2028", "\u2029a", "a\nb", "\ufeff"])
def test_line_breaks_of_yaml_are_kept_in_keys_and_values(text: str) -> None:
    data = {text: [text], "nested": {text: 1}}
    assert parse_yaml(dump_yaml(data), "s") == yaml.safe_load(dump_yaml(data)) == data
