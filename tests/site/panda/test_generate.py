"""``hpogrid generate``: what PanDA's HPO service calls."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.search import ALGORITHMS
from hpogrid.search.generate import FAILURE, generate
from tests.commands import ok, refused

SPACE = {
    "lr": {"method": "loguniform", "dimension": {"low": 1e-4, "high": 1e-1}},
    "k": {"method": "categorical", "dimension": {"categories": ["a", "b", "c"]}},
}
FINITE = {
    "a": {"method": "categorical", "dimension": {"categories": [1, 2, 3]}},
    "b": {"method": "uniformint", "dimension": {"low": 0, "high": 1}},
}
NUMERIC = {"lr": SPACE["lr"]}
MARKS = {"ax": "engine", "bohb": "engine", "skopt": "slow", "smac": "slow"}
"""Of algorithms whose libraries are large."""


def content(points: list[Any], space: Any = None) -> dict[str, Any]:
    return {"points": points, "opt_space": SPACE if space is None else space}


def drive(
    algorithm: str, space: Any, rounds: int, per_round: int = 3, mode: str = "min"
) -> list[Any]:
    """Play the service: half of the points get their losses one round late."""
    points: list[list[Any]] = []
    late: list[list[Any]] = []
    for _ in range(rounds):
        found = generate(
            json.loads(json.dumps(content(points, space))),
            n_point=per_round,
            algorithm=algorithm,
            mode=mode,  # type: ignore[arg-type]
        )
        for item in late:
            item[1] = sum(len(str(value)) for value in item[0].values())
        new = [[point, None] for point in json.loads(json.dumps(found))]
        late = new[::2]
        for item in new[1::2]:
            item[1] = FAILURE if len(points) == 4 else 1.5
        points += new
    return [point for point, _ in points]


@pytest.mark.parametrize(
    "algorithm",
    [
        pytest.param(name, marks=getattr(pytest.mark, MARKS[name]) if name in MARKS else ())
        for name in ALGORITHMS
        if name != "grid"
    ],
)
def test_every_algorithm_goes_on_from_its_input_alone(algorithm: str) -> None:
    space = NUMERIC if algorithm == "bayesian" else SPACE
    points = drive(algorithm, space, 3)
    assert len(points) == 9
    assert len({json.dumps(point) for point in points}) == 9
    assert all(1e-4 <= point["lr"] <= 1e-1 for point in points)


@pytest.mark.parametrize("algorithm", ["grid", "random", "nevergrad", "optuna"])
def test_a_finite_space_is_gone_through_once_pending_points_included(algorithm: str) -> None:
    points = drive(algorithm, FINITE, 4)
    assert sorted((point["a"], point["b"]) for point in points) == [
        (a, b) for a in (1, 2, 3) for b in (0, 1)
    ]


def test_the_same_input_gives_the_same_points() -> None:
    known = content([[{"lr": 0.01, "k": "a"}, 0.5], [{"lr": 0.02, "k": "b"}, None]])
    assert generate(known, n_point=4) == generate(known, n_point=4)


def test_the_cap_counts_all_points() -> None:
    known = content([[{"lr": 0.01, "k": "a"}, 0.5], [{"lr": 0.02, "k": "b"}, None]])
    assert len(generate(known, n_point=10, max_point=5, algorithm="random")) == 3
    assert generate(known, n_point=10, max_point=2, algorithm="random") == []


def test_a_failure_is_no_loss() -> None:
    points = [[{"lr": 10 ** -(1 + n / 10)}, FAILURE if n < 15 else n * 1e6] for n in range(30)]
    found = generate(content(points, NUMERIC), n_point=10, algorithm="optuna")
    nearer_to_good = sum(point["lr"] < 10**-2.2 for point in found)
    assert nearer_to_good >= 5  # as a loss, 1e5 would have been the best of them


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_direction(mode: Any) -> None:
    points = [[{"lr": 10 ** -(1 + n / 10)}, float(n)] for n in range(30)]
    found = generate(content(points, NUMERIC), n_point=10, algorithm="optuna", mode=mode)
    mean = sum(math.log10(point["lr"]) for point in found) / 10
    assert mean > -2.5 if mode == "min" else mean < -2.5


def test_segments_have_searches_of_their_own() -> None:
    known = {
        "points": [[["one", {"a": 1, "b": 0}], 0.5], [["one", {"a": 1, "b": 1}], None]],
        "opt_space": [
            {"model_id": "one", "search_space": FINITE},
            {"model_id": "two", "search_space": FINITE},
        ],
    }
    found = generate(known, n_point=100, algorithm="grid")
    assert len(found) == 4 + 6
    assert [model for model, _ in found[:2]] == ["two", "two"]
    seen = {(model, point["a"], point["b"]) for model, point in found}
    assert len(seen) == 10
    assert not {("one", 1, 0), ("one", 1, 1)} & seen


def test_an_unknown_point_does_not_hurt() -> None:
    strange = content([[{"lr": 99.0, "k": "z"}, 0.1], [{"other": 1}, None], [{}, 3.0]])
    assert len(generate(strange, n_point=3)) == 3


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "has to be an object"),
        ({"points": 3, "opt_space": SPACE}, "has to be an object"),
        ({"points": []}, "no opt_space"),
        ({"points": [[1, 2, 3]], "opt_space": SPACE}, r"point 1 has to be \[point, loss\]"),
        ({"points": [[{"lr": 0.1}, "bad"]], "opt_space": SPACE}, "neither a number nor null"),
        ({"points": [[{"lr": 0.1}, True]], "opt_space": SPACE}, "neither a number nor null"),
        ({"points": [["lr", 1]], "opt_space": SPACE}, "point 1"),
        ({"points": [], "opt_space": {"lr": 3}}, "lr"),
    ],
)
def test_inputs_that_make_no_sense(given: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        generate(given, n_point=1)


def test_as_pandas_documentation_spells_it(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps(content([[{"lr": 0.01, "k": "a"}, 0.0]])))
    out = tmp_path / "out.json"
    ok("generate", "--n_point=3", "--max_point=10", f"--infile={tmp_path}/in.json",
       f"--outfile={out}", "-l=nevergrad")  # fmt: skip
    points = json.loads(out.read_text())
    assert len(points) == 3
    assert set(points[0]) == {"lr", "k"}


def test_short_options_and_a_space_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"points": []}')
    (tmp_path / "space.json").write_text(json.dumps(FINITE))
    words: list[str | Path] = ["-n=2", "-m", "9", "-i", tmp_path / "in.json", "-l", "random"]
    assert len(json.loads(ok("generate", *words, "-s", f"@{tmp_path}/space.json"))) == 2
    assert "no opt_space" in refused("generate", *words)


def test_wrong_options(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps(content([])))
    words: list[str | Path] = ["generate", "-i", tmp_path / "in.json"]
    assert "did you mean" in refused(*words, "-l=nevergrat")
    assert "optimizer" in refused(*words, "--method=Magic")
    assert len(json.loads(ok(*words, "--method=DE"))) == 1
    assert "no such file" in refused("generate", "-i", tmp_path / "none.json")
