"""The YAML grid dialect."""

from __future__ import annotations

from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.space.dialects import read_space, write_space
from hpogrid.space.dialects.yaml_grid import parse, render
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Ordinal, Parameter
from hpogrid.space.scale import Linear
from hpogrid.space.space import Space
from tests.spec.samples import GRID

SAMPLE = GRID.removesuffix("...\n") + "initial_learning_rate: [0.0002, 1e-3]\n"


def test_the_sample_of_the_specification() -> None:
    space, notes = read_space(SAMPLE, "hpm-space.yaml")
    assert notes == ["16 combinations; algorithm grid runs each of them once"]
    assert space.size() == 16
    points = [point.applied for point in space.enumerate()]
    assert list(points[0].values())[6:] == [
        *(30000, 30000, "transformer", "transformer", "4:2", 512, 8, 0.0002)
    ]
    assert [point["initial_learning_rate"] for point in points[:3]] == [0.0002, 0.001, 0.0002]
    assert points[-1]["bpe_symbols_src"] == 10000
    assert space.parameters["bpe_symbols_trg"] == Categorical(choices=(30000,))
    assert space.parameters["transformer_attention_heads"] == Constant(value=8)
    assert read_space(write_space(space, "yaml_grid"), "again")[0] == space


def test_repeated_values_are_weights() -> None:
    space, notes = parse({"a": [1, 1, 2]}, "s")
    assert space == Space({"a": Categorical(choices=(1, 2), weights=(2, 1))})
    assert notes[0] == "parameter 'a': repeated categories count as weights"
    assert notes[1].startswith("2 combinations")


def test_a_list_as_a_value() -> None:
    space, _ = parse({"a": {"const": [1, 2]}, "b": {"const": {"const": 1}}, "c": [[1], [2]]}, "s")
    point = next(space.enumerate())
    assert point.applied == {"a": [1, 2], "b": {"const": 1}, "c": [1]}
    assert render(space) == {"a": {"const": [1, 2]}, "b": {"const": {"const": 1}}, "c": [[1], [2]]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("src: [zh, ko]\na: [1]", "parameter 'src': must be one value, not ['zh', 'ko']; give one"),
        ("workdir: {const: [1]}\na: [1]", "parameter 'workdir': must be one value"),
        ("a: []", "parameter 'a': the list of values is empty"),
        ("a: [4:2, 6:3]", 'line 1: 4:2 without quotes is a number in base 60 to YAML; write "4:2"'),
        ("a: [yes, no]", 'write "yes"'),
        ("a: {b: [1, 2]}", "parameter 'a': is an object; write its keys as name.key, or {const"),
        ("a: {const: 1, b: 2}", "is an object"),
        ("- 1", "expected a mapping of names to values, got [1]"),
        ("a", "expected a mapping"),
        ("", "expected a mapping of names to values, got None"),
        ("a: [1, 2", "malformed YAML at line 1 column 9"),
        ("{}", "the search space is empty"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text, "s")
    assert message in str(caught.value)
    assert str(caught.value).startswith("s: ")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Float(scale=Linear(0, 1)), "'x': a YAML grid has lists only, no float parameters"),
        (Ordinal(choices=(1, 2)), "no ordinal parameters"),
        (Categorical(choices=(1, 2), grid=True), "a YAML grid has no grid_search"),
        (Categorical(choices=(1, 2), weights=(1, 0.5)), "no weights but whole numbers"),
        (Integer(scale=Linear(0, 1), multiply="y"), "has no conditions or links"),
    ],
)
def test_what_it_cannot_say(item: Parameter, message: str) -> None:
    with pytest.raises(UserError, match=message):
        render(Space({"x": item, "y": Constant(value=2)}))


@pytest.mark.parametrize("item", [Categorical(choices=("zh",)), Constant(value=["zh"])])
def test_the_first_six_names_are_single(item: Parameter) -> None:
    with pytest.raises(UserError, match="'src': must be one value in a YAML grid"):
        render(Space({"src": item}))


def test_detection() -> None:
    grids: list[Any] = [{"a": [1]}, {"a": [1], "b": {"const": {}}}, "a: [1]\n"]
    for data in grids:
        read_space(data, "s")
    for data in ({"a": 1}, {"a": {"b": [1]}}, {"a": [1], "b": {"c": 2}}, "hello"):
        with pytest.raises(UserError, match="no search space that hpogrid knows"):
            read_space(data, "s")
