"""The contract of a dialect, over every one in the registry."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.errors import UserError
from hpogrid.space.dialects import (
    DIALECTS,
    detect_dialect,
    load_dialect,
    read_space,
    render_space,
    write_space,
)
from hpogrid.space.space import Space
from tests.space import strategies as some
from tests.space.attempts import attempt

NAMES = list(DIALECTS)

spaces = st.one_of(
    some.plain_spaces(),
    some.plain_spaces(some.floats),
    some.plain_spaces(some.categoricals() | some.constants),
    some.conditional_spaces(),
)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_called_what_the_registry_says(name: str) -> None:
    assert load_dialect(name).name == name
    assert DIALECTS.summary(name)


@pytest.mark.parametrize("name", NAMES)
@given(space=spaces)
def test_what_it_writes_it_reads_back_exactly(name: str, space: Space) -> None:
    dialect = load_dialect(name)
    data, refusal = attempt(dialect.render, space)
    if refusal is not None:
        assert "\n" not in refusal
        return
    again, _ = dialect.parse(data, "again")
    assert again == space
    text = write_space(space, name)
    assert dialect.parse(text, "again")[0] == space
    if dialect.syntax == "text":
        assert text == data
    else:
        assert dialect.parse(json.loads(json.dumps(data)), "again")[0] == space
    if dialect.json_schema is not None:
        jsonschema.validate(msgspec.to_builtins(data), dialect.json_schema())


@pytest.mark.parametrize("name", NAMES)
@given(space=spaces)
def test_what_it_writes_is_detected_as_it_or_refused(name: str, space: Space) -> None:
    data, refusal = attempt(render_space, space, name)
    if refusal is not None:
        return
    found, refusal = attempt(detect_dialect, data, "space")
    assert refusal is not None or found == name or read_space(data, "space")[0] == space


@pytest.mark.parametrize("name", NAMES)
@given(data=some.values | st.text(max_size=40) | st.dictionaries(some.texts, some.values))
def test_anything_is_read_or_refused_in_one_sentence(name: str, data: Any) -> None:
    read_or_refuse(data, name)


@pytest.mark.parametrize("name", NAMES)
@given(space=spaces, seed=st.integers(0, 2**32))
def test_damaged_spaces_are_read_or_refused_in_one_sentence(
    name: str, space: Space, seed: int
) -> None:
    data, refusal = attempt(render_space, space, name)
    if refusal is not None:
        return
    rng = random.Random(seed)
    read_or_refuse(damaged(data, rng), name)
    read_or_refuse(damaged(data, rng), None)
    text = write_space(space, name)
    read_or_refuse(damaged(text, rng), name)
    read_or_refuse(damaged(text, rng), None)


def read_or_refuse(data: Any, dialect: str | None) -> None:
    found, refusal = attempt(read_space, data, "fuzz", dialect)
    if refusal is not None:
        assert refusal.startswith("fuzz: ")
        assert "\n" not in refusal
        return
    space, notes = found
    assert all(isinstance(note, str) for note in notes)
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space
    for seed in range(2):
        point, refusal = attempt(space.sample, random.Random(seed))
        if refusal is not None:
            assert "out of range" in refusal
            continue
        json.loads(json.dumps(point.applied, allow_nan=False))


def damaged(data: Any, rng: random.Random) -> Any:
    """A copy with one thing changed."""
    if isinstance(data, str):
        place = rng.randrange(len(data) + 1)
        kind = rng.choice(["cut", "double", "put"])
        if kind == "cut":
            return data[:place] + data[place + rng.randint(1, 3) :]
        if kind == "double":
            return data[:place] + data[max(0, place - 4) :]
        return data[:place] + rng.choice("()[]{},:='\"\\ \n0-.e$~+#") + data[place:]
    data = copy.deepcopy(data)
    places = list(_places(data))
    if not places:
        return data
    parent, key = rng.choice(places)
    junk = [None, True, -1, 0, 1e300, "x", "", [], {}, [1], {"a": 1}, 2**70, "\ud800", 1e-300]
    if rng.random() < 0.3:
        del parent[key]
    elif isinstance(parent, dict) and rng.random() < 0.3:
        parent[rng.choice(["q", "low", "", " ", "a.b", "on", "op", "when"])] = parent.pop(key)
    else:
        parent[key] = rng.choice(junk)
    return data


def _places(data: Any) -> Any:
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in list(pairs):
        yield data, key
        if isinstance(value, dict | list):
            yield from _places(value)


def test_an_unknown_dialect_lists_the_known() -> None:
    with pytest.raises(UserError, match="unknown dialect 'nativ': did you mean native"):
        read_space({}, "s", "nativ")


def test_what_is_in_no_dialect_is_refused() -> None:
    for data in ({"a": 1}, {"a": "b"}, {"a": {"b": 2}}, [1, 2], 3, None):
        with pytest.raises(UserError, match=r"^s: no search space that hpogrid knows"):
            read_space(data, "s")
