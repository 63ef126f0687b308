"""``hpogrid search_space``, as far as it is more than the store of configs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import yaml

from tests.commands import hpogrid, ok, parsed, refused

X = '{"x":{"method":"uniform","dimension":{"low":0,"high":1}}}'
FINITE = (
    '{"a":{"method":"categorical","dimension":{"categories":["u","v"]}},'
    '"b":{"method":"uniformint","dimension":{"low":1,"high":3}}}'
)


def test_a_space_can_be_given_in_every_way(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(X)
    ok("search_space", "create", "a", X)
    ok("search_space", "create", "b", "-s", X)
    ok("search_space", "create", "c", "--search_space", X)
    ok("search-space", "create", "d", f"@{tmp_path}/x.json")
    ok("search_space", "create", "e", "--file", tmp_path / "x.json")
    assert len({ok("search_space", "show", name) for name in "abcde"}) == 1
    for arguments in ([], [X, "-s", X], [X, "--file", tmp_path / "x.json"]):
        assert "give the space once" in refused("search_space", "create", "f", *arguments)


def test_show_gives_the_dialect_of_the_specification() -> None:
    ok("search_space", "create", "s", X)
    assert parsed("search_space", "show", "s") == {
        "x": {"method": "uniform", "dimension": {"low": 0, "high": 1}}
    }
    assert parsed("search_space", "show", "s", "--dialect", "native")["parameters"]["x"]
    assert parsed("search_space", "convert", "s", "--to", "native")["version"] == 1


def test_update_adds_replaces_and_drops() -> None:
    ok("search_space", "create", "s", FINITE)
    ok("search_space", "update", "s", X, "--drop", "a")
    assert list(parsed("search_space", "show", "s")) == ["b", "x"]
    ok("search_space", "update", "s", X.replace('"high":1', '"high":5'))
    assert parsed("search_space", "show", "s")["x"]["dimension"]["high"] == 5
    ok("search_space", "update", "s", "--drop", "x")
    assert list(parsed("search_space", "show", "s")) == ["b"]
    assert "unknown parameter 'c'" in refused("search_space", "update", "s", "--drop", "c")
    assert "s" in refused("search_space", "update", "s", "--drop", "b")


def test_update_does_not_drop_what_another_parameter_needs() -> None:
    native = {
        "version": 1,
        "parameters": {
            "opt": {"type": "categorical", "choices": ["sgd", "adam"]},
            "momentum": {
                "type": "float", "scale": {"kind": "linear", "low": 0, "high": 1},
                "when": {"op": "equal", "on": "opt", "value": "sgd"},
            },
        },
    }  # fmt: skip
    outcome = hpogrid("search_space", "create", "s", json.dumps(native), "--dialect", "native")
    assert outcome.code == 0, outcome
    assert "opt" in refused("search_space", "update", "s", "--drop", "opt")


def test_validate_stores_nothing(home: Path) -> None:
    assert "'s' is valid: 1 parameter" in ok("search_space", "validate", "s", X)
    assert not home.exists()
    assert "low" in refused("search_space", "validate", "s", X.replace('"low":0', '"low":2'))
    assert "unknown search space 's'" in refused("search_space", "validate", "s")
    ok("search_space", "create", "s", X)
    assert "is valid" in ok("search_space", "validate", "s")


def test_size() -> None:
    ok("search_space", "create", "s", FINITE)
    ok("search_space", "create", "x", X)
    assert ok("search_space", "size", "s") == "6\n"
    assert ok("search_space", "size", "x") == "infinite\n"


def test_sample_in_every_form_and_again() -> None:
    ok("search_space", "create", "s", FINITE)
    points = parsed("search_space", "sample", "s", "-n", "3", "--seed", "1", "--format", "json")
    assert len(points) == 3
    assert all(point["a"] in ("u", "v") and point["b"] in (1, 2, 3) for point in points)
    again = ["search_space", "sample", "s", "--number", "3", "--seed", "1", "--format"]
    assert yaml.safe_load(ok(*again, "yaml")) == points
    rows = list(csv.DictReader(io.StringIO(ok(*again, "csv"))))
    assert [row["a"] for row in rows] == [point["a"] for point in points]
    assert len(ok(*again, "table").splitlines()) == 4


def test_diff() -> None:
    ok("search_space", "create", "s", X)
    ok("search_space", "create", "t", X.replace('"high":1', '"high":5'))
    (row,) = parsed("search_space", "diff", "s", "t", "--format", "json")
    assert row["parameter"] == "x"
    assert row["left"] != row["right"]
    same = hpogrid("search_space", "diff", "s", "s")
    assert (same.code, same.err) == (0, "no difference\n")


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        (
            '{"x":{"method":"uniform",}}',
            "malformed JSON at line 1 column 2",
        ),  # 25 or 26, by the Python
        ('{"x":{"method":"unifrm","dimension":{"low":0,"high":1}}}', "did you mean uniform"),
        ('{"x":{"method":"uniform","dimension":{"lo":0,"high":1}}}', "lo"),
        ('{"x":{"method":"uniform","dimension":{"low":2,"high":1}}}', "low"),
        ('{"x":{"method":"loguniform","dimension":{"low":0,"high":1}}}', "low"),
        ('{"x":{"method":"loguniform","dimension":{"low":-1,"high":1}}}', "low"),
        (
            '{"x":{"method":"categorical","dimension":{"categories":[]}}}',
            "the list of values is empty",
        ),
        ('{"x":{"method":"uniformint","dimension":{"low":true,"high":3}}}', "low"),
        ('{"x":{"method":"uniform","dimension":{"low":"0","high":1}}}', "low"),
        ('{"x":{"method":"uniform"}}', "dimension"),
        ("{}", "parameter"),
        ("[]", "search space 's'"),
        ('{"x":1,"x":2}', "'x' is there twice"),
    ],
)
def test_bad_spaces_are_one_sentence(space: str, sentence: str) -> None:
    message = refused("search_space", "create", "s", space)
    assert sentence in message
    assert "\n" not in message
    ok("search_space", "create", "s", X)
    assert sentence in refused("search_space", "update", "s", space)


@pytest.mark.parametrize(
    ("one", "other"),
    [("[1, 0]", "[true, false]"), ("[1]", "[1.0]"), ('[{"a": [1]}]', '[{"a": [true]}]')],
)
def test_diff_knows_types(one: str, other: str) -> None:
    for name, categories in (("s", one), ("parameter", other), ("same", one)):
        space = f'{{"c":{{"method":"categorical","dimension":{{"categories":{categories}}}}}}}'
        ok("search_space", "create", name, space)
    (row,) = parsed("search_space", "diff", "s", "parameter", "--format", "json")
    assert row["parameter"] == "c"
    assert json.dumps(row["left"]["choices"]) == one
    assert json.dumps(row["right"]["choices"]) == other
    assert parsed("search_space", "diff", "s", "same", "--format", "json") == []


def test_a_sample_is_that_of_a_random_search() -> None:
    space = json.loads(FINITE)
    space["a"]["dimension"]["grid_search"] = 1
    ok("search_space", "create", "s", json.dumps(space))
    points = parsed("search_space", "sample", "s", "-n", "5", "--seed", "1", "--format", "json")
    assert [point["a"] for point in points] == ["u", "v", "u", "v", "u"]
    assert [points[0]["b"], points[2]["b"]] == [points[1]["b"], points[3]["b"]]
    assert "100000" in refused("search_space", "sample", "s", "-n", "9" * 20)
