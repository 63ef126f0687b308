from __future__ import annotations

import pytest

from hpogrid.errors import UserError
from hpogrid.space.dialects import read_space
from hpogrid.space.dialects.python_types import choice, loguniform, randint, uniform
from hpogrid.space.dialects.ranges import read_range
from hpogrid.space.parameter import Constant, Float, Integer, Lattice, Parameter
from hpogrid.space.scale import Linear, Log


@pytest.mark.parametrize(
    ("text", "kind", "meaning"),
    [
        ("1e-5:1e-2:log", None, loguniform(1e-5, 1e-2)),
        ("16:256:log:int", None, Integer(scale=Log(16, 256))),
        ("0:1:step=0.1", None, Float(scale=Linear(0, 1), lattice=Lattice(0.1, "low"))),
        ("0:10:step=2", None, Integer(scale=Linear(0, 10), step=2)),
        ("-1:1", "float", uniform(-1, 1)),
        ("1:8", None, randint(1, 8)),
        ("0:1:float", "int", uniform(0, 1)),
        ("0.0:0.5", None, uniform(0, 0.5)),
        ("relu,tanh,gelu", None, choice(["relu", "tanh", "gelu"])),
        ("16, 32 ,0.5,true,null", None, choice([16, 32, 0.5, True, None])),
        ('"a,b",c', None, choice(["a,b", "c"])),
        ("a,", None, choice(["a"])),
        ("0.9", None, Constant(value=0.9)),
        ("sgd", None, Constant(value="sgd")),
        ("loguniform(1e-5,1e-2)", None, loguniform(1e-5, 1e-2)),
        ("interval(0, 1)", None, uniform(0, 1)),
        ('{"method": "uniform", "dimension": {"low": 0, "high": 1}}', None, uniform(0, 1)),
    ],
)
def test_what_is_typed_is_what_is_searched(text: str, kind: str | None, meaning: Parameter) -> None:
    assert read_range(text, kind)[0] == meaning


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("1e-5:", None, "write LOW:HIGH"),
        ("nan:1", "float", "write LOW:HIGH"),
        (":", "int", "write LOW:HIGH"),
        ("1:2:lg", None, "it takes log, int, float, step=S"),
        ("0.5:2", "int", "no range of whole numbers"),
        ("1:9:log:step=2", None, "log and step do not go together"),
        ("2:1", None, "low"),
        ("0:1:log", None, "0"),
        ('"a', None, "quotation mark"),
        ("loguniform(0,1)", None, "0"),
        ("nonsense(1)", None, "nonsense"),
    ],
)
def test_refusals(text: str, kind: str | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_range(text, kind)


def test_lines_are_a_space_without_saying_the_dialect() -> None:
    space, notes = read_space(["lr=1e-5:1e-2:log", "n=1:8", "act~relu,tanh"], "s")
    assert space.parameters == {
        "lr": loguniform(1e-5, 1e-2), "n": randint(1, 8), "act": choice(["relu", "tanh"]),
    }  # fmt: skip
    assert notes == ["parameter 'n': whole numbers; write 1:8:float for all numbers between"]
    with pytest.raises(UserError, match="given twice"):
        read_space(["a=1:2", "a=1:3"], "s")


def test_a_list_of_one_is_no_override_that_lacks_a_value() -> None:
    space, _ = read_space("a=0,\nb=0,1\n", "s")
    assert space.parameters == {"a": choice([0]), "b": choice([0, 1])}
