"""Points to evaluate first, from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.search.points import complete, read_points
from hpogrid.space.condition import Condition
from hpogrid.space.parameter import (
    Categorical,
    Constant,
    Float,
    Integer,
    Lattice,
    Ordinal,
    Reference,
)
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space


def space() -> Space:
    sgd = Condition(op="equal", on="optimiser", value="sgd")
    return Space(
        {
            "lr": Float(scale=Log(1e-4, 1)),
            "layers": Integer(scale=Linear(1, 5)),
            "optimiser": Categorical(choices=("adam", "sgd")),
            "momentum": Float(scale=Linear(0, 1), when=sgd),
            "seed": Categorical(choices=(1, 2), grid=True),
            "epochs": Constant(value=10),
            "rate": Reference(of="lr"),
        }
    )


def written(folder: Path, data: Any, name: str = "points.json") -> Path:
    path = folder / name
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_what_is_left_out_is_in_the_middle(tmp_path: Path) -> None:
    [first, second] = read_points(written(tmp_path, [{}, {"lr": 0.5, "optimiser": "sgd"}]), space())

    assert first.applied == {
        "lr": pytest.approx(0.01),
        "layers": 3,
        "optimiser": "adam",
        "momentum": None,
        "seed": 1,
        "epochs": 10,
        "rate": pytest.approx(0.01),
    }
    assert second.applied["lr"] == second.applied["rate"] == 0.5
    assert second.applied["momentum"] == 0.5


def test_given_values_stay_as_they_are(tmp_path: Path) -> None:
    text = "- {lr: 0.3, layers: 4.0, seed: 2, epochs: 10, rate: 0.3}\n- {momentum: null}\n"
    [first, second] = read_points(written(tmp_path, text, "points.yaml"), space())

    assert first.suggested == {"lr": 0.3, "layers": 4, "optimiser": "adam", "seed": 2}
    assert type(first.suggested["layers"]) is int
    assert "momentum" not in second.suggested


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"lr": 2}, "point 2: 'lr': 2 is outside 0.0001 to 1"),
        ({"layers": 2.5}, "point 2: 'layers': 2.5 is not a whole number"),
        ({"layers": True}, "point 2: 'layers': True is not a number"),
        ({"optimiser": "sdg"}, "point 2: 'optimiser': 'sdg' is not one of 'adam', 'sgd'"),
        ({"seed": 3}, "point 2: 'seed': 3 is not one of 1, 2"),
        ({"layer": 2}, "point 2: unknown parameter 'layer': did you mean layers"),
        ({"momentum": 0.5}, "point 2: 'momentum' is None in this point, not 0.5; leave it out"),
        ({"epochs": 5}, "point 2: 'epochs' is 10 in this point, not 5; leave it out"),
        ({"rate": 0.5}, "point 2: 'rate' is 0.01"),
        ({"lr": None}, "point 2: 'lr': None is not a number"),
        ([1], "point 2: expected an object of parameters"),
    ],
)
def test_refuses_what_is_not_in_the_space(tmp_path: Path, item: Any, message: str) -> None:
    path = written(tmp_path, [{}, item])
    with pytest.raises(UserError) as caught:
        read_points(path, space())

    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("data", [{}, [], {"lr": 0.1}, "null"])
def test_refuses_what_is_no_list_of_points(tmp_path: Path, data: Any) -> None:
    with pytest.raises(UserError, match="expected a list of points"):
        read_points(written(tmp_path, data), space())


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_points(tmp_path / "none.json", space())


def test_completes_a_point_of_its_own() -> None:
    assert complete({"layers": 5}, space(), "here").suggested["layers"] == 5


@pytest.mark.parametrize(
    ("item", "given", "taken"),
    [
        (Float(scale=Linear(0, 0.3), lattice=Lattice(0.1)), 0.1 + 0.2, 0.3),
        (Float(scale=Linear(0, 0.3), lattice=Lattice(0.1)), 0.3 - 0.1 - 0.2, 0.0),
        (Float(scale=Linear(0.1, 0.7), lattice=Lattice(0.2, "low")), 0.1 + 0.2 * 3, 0.7),
        (Float(scale=Log(1e-5, 1e-2)), 0.010000000000000002, 0.01),
        (Float(scale=Linear(0, 1)), 0.3 - 0.1 - 0.2, 0.0),
        (Integer(scale=Linear(1, 3)), 3.0000000000000004, 3),
        (Integer(scale=Log(1, 3)), 2.9999999999999996, 3),
        (Ordinal(choices=(0.1, 0.2, 0.3)), 0.1 + 0.2, 0.3),
        (Categorical(choices=(0.3, 0.1 + 0.2)), 0.1 + 0.2, 0.1 + 0.2),
    ],
)
def test_a_value_beside_a_point_by_rounding_is_that_point(
    item: Any, given: float, taken: float
) -> None:
    found = complete({"x": given}, Space({"x": item}), "p").applied["x"]
    assert (found, type(found)) == (taken, type(taken))


@pytest.mark.parametrize(
    ("item", "given", "message"),
    [
        (Float(scale=Linear(0, 0.3)), 0.3000001, "0.3000001 is outside 0 to 0.3"),
        (Float(scale=Log(1e-5, 1e-2)), 0.01000001, "0.01000001 is outside 1e-05 to 0.01"),
        (Float(scale=Log(1e-12, 1e3)), 0, "0 is outside 1e-12 to 1000"),
        (Integer(scale=Linear(1, 3)), 3.0001, "3.0001 is not a whole number from 1 to 3"),
        (Float(scale=Linear(0, 1), lattice=Lattice(0.1)), 0.30001, "0.30001 is not on the"),
        (Ordinal(choices=(1, 2)), True, "True is not one of 1, 2"),
    ],
)
def test_what_is_outside_is_told_in_all_its_digits(item: Any, given: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        complete({"x": given}, Space({"x": item}), "p")
