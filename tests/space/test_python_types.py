"""Python types, in code and as text."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.errors import UserError
from hpogrid.space.dialects import python_types as types
from hpogrid.space.dialects import read_space, write_space
from hpogrid.space.dialects.python_text import detect, parse, render
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
from hpogrid.space.scale import Linear, Log, Normal, ReverseLog
from hpogrid.space.space import Space
from hpogrid.space.value import as_number
from tests.lazy import Lazy
from tests.space.attempts import attempt
from tests.space.test_distributions import check_pmf, sample

stats = Lazy("scipy.stats")

MEANING: list[tuple[str, Parameter]] = [
    ("uniform(0, 1)", Float(scale=Linear(0, 1))),
    ("loguniform(1e-6, 1)", Float(scale=Log(1e-6, 1))),
    ("reverseloguniform(0.9, 0.999)", Float(scale=ReverseLog(0.9, 0.999))),
    ("quniform(0, 1, 0.25)", Float(scale=Linear(0, 1), lattice=Lattice(0.25))),
    ("qloguniform(1, 64, q=1)", Float(scale=Log(1, 64), lattice=Lattice(1.0))),
    ("randint(16, 48)", Integer(scale=Linear(16, 48))),
    ("lograndint(1, 100)", Integer(scale=Log(1, 100))),
    ("qrandint(1, 7)", Integer(scale=Linear(1, 7))),
    ("qrandint(0, 12, 3)", Ordinal(choices=(0, 3, 6, 9, 12), weights=(2, 3, 3, 3, 2))),
    ("qrandint(0, 4, 2)", Ordinal(choices=(0, 2, 4), weights=(2, 1, 2))),
    ("qlograndint(1, 7, 1)", Integer(scale=Log(1, 7))),
    ("choice(['a', 1, None, (1, 2)])", Categorical(choices=("a", 1, None, [1, 2]))),
    ("choice(categories=['a', 'b', 'a'])", Categorical(choices=("a", "b"), weights=(2, 1))),
    ("ordinal(['a', 'b'])", Ordinal(choices=("a", "b"))),
    ("ordinal([3, 1])", Ordinal(choices=(3, 1))),
    ("ordinal([3])", Ordinal(choices=(3,))),
    ("ordinal([1, 2, 5], kind='equal')", Ordinal(choices=(1, 2, 5))),
    ("ordinal([1, 2, 5])", Ordinal(choices=(1, 2, 5), weights=(1.5, 2, 2.5))),
    ("ordinal([1, 2, 5], 'nn')", Ordinal(choices=(1, 2, 5), weights=(1.5, 2, 2.5))),
    ("finrange(0.5, 2, 4)", Ordinal(choices=(0.5, 1.0, 1.5, 2.0))),
    ("finrange(1, 10, 4, cast_int=True)", Ordinal(choices=(1, 4, 7, 10))),
    ("finrange(1, 1, 1)", Ordinal(choices=(1.0,))),
    ("logfinrange(1, 100, 3, True)", Ordinal(choices=(1, 10, 100))),
    ("40", Constant(value=40)),
    ("-1e-3", Constant(value=-0.001)),
    ("[1, {'a': None}]", Constant(value=[1, {"a": None}])),
    ("'relu'", Constant(value="relu")),
]


@pytest.mark.parametrize(("text", "item"), MEANING)
def test_meaning(text: str, item: Parameter) -> None:
    expected = Space({"x": item})
    assert parse(f'{{"x": {text}}}', "s")[0] == expected
    assert parse(f"x = {text}", "s")[0] == expected
    assert parse(render(expected), "again")[0] == expected


@pytest.mark.parametrize(("text", "item"), [row for row in MEANING if "(" in row[0]])
def test_meaning_in_a_mapping(text: str, item: Parameter) -> None:
    assert parse({"x": text}, "s")[0] == Space({"x": item})
    assert read_space({"x": f"config_space.{text}"}, "s")[0] == Space({"x": item})


def test_all_types_are_tested() -> None:
    tested = {text.partition("(")[0] for text, _ in MEANING if "(" in text}
    assert tested | {"logordinal"} == set(types.TYPES)


CONFIG_SPACE = """
from syne_tune.config_space import choice, loguniform, randint, uniform

_config_space = {
    "lr": loguniform(1e-6, 1),
    "dropout": uniform(0, 0.99),
    "batch_size": randint(16, 48),
    "momentum": uniform(0, 0.99),
    "clip": uniform(0, 1),
    "epochs": 40,
}
"""


def test_the_space_of_the_specification() -> None:
    """The tutorial names these hyperparameters; the script's range is theirs."""
    in_code = {
        "lr": types.loguniform(1e-6, 1),
        "dropout": types.uniform(0, 0.99),
        "batch_size": types.randint(16, 48),
        "momentum": types.uniform(0, 0.99),
        "clip": types.uniform(0, 1),
        "epochs": 40,
    }
    space, notes = read_space(in_code, "s")
    assert notes == []
    assert read_space(CONFIG_SPACE, "s")[0] == space
    assert list(space.axes) == ["lr", "dropout", "batch_size", "momentum", "clip"]
    assert read_space(write_space(space, "python_types"), "s")[0] == space
    as_call = "dict(lr=config_space.loguniform(1e-6, 1), n=3)"
    assert list(read_space(as_call, "s")[0].parameters) == ["lr", "n"]
    lines = "lr = loguniform(1e-6, 1)\nn = 3\n"
    assert read_space(lines, "s")[0] == read_space(as_call, "s")[0]


def test_numbers_of_numpy_are_numbers() -> None:
    some: Any = np
    assert types.randint(some.int64(1), some.int32(3)) == Integer(scale=Linear(1, 3))
    assert types.uniform(some.float64(0), some.float32(0.5)) == Float(scale=Linear(0, 0.5))
    assert types.choice(some.arange(3)) == Categorical(choices=(0, 1, 2))
    assert types.ordinal(some.array([1.0, 2.0])) == Ordinal(choices=(1.0, 2.0))


def test_roundings_are_as_likely_as_what_is_rounded() -> None:
    check_pmf(
        sample(Space({"x": types.qrandint(0, 10, 2)})),
        {0: 2 / 11, 2: 1 / 11, 4: 3 / 11, 6: 1 / 11, 8: 3 / 11, 10: 1 / 11},
    )
    whole = range(4, 41)
    cdf = stats.loguniform(3.5, 40.5).cdf
    expected: dict[int, float] = {}
    for number in whole:
        multiple = round(number / 4) * 4
        share = float(cdf(number + 0.5) - cdf(number - 0.5))
        expected[multiple] = expected.get(multiple, 0.0) + share
    check_pmf(sample(Space({"x": types.qlograndint(4, 40, 4)})), expected)


@pytest.mark.parametrize("kind", ["nn", "nn-log"])
def test_nearest_neighbours_are_those_of_a_uniform_number(kind: Any) -> None:
    values = [1, 2, 7, 30]
    places = np.log(values) if kind == "nn-log" else np.array(values, float)
    margin = np.diff(places).mean() / 2
    drawn = np.linspace(places[0] - margin, places[-1] + margin, 100_001)
    nearest = np.abs(drawn[:, None] - places[None, :]).argmin(axis=1)
    shares = np.bincount(nearest) / len(drawn)
    item = types.ordinal(values, kind=kind)
    assert item.weights is not None
    assert np.allclose(np.array(item.weights) / sum(item.weights), shares, atol=1e-4)
    check_pmf(
        sample(Space({"x": item})),
        dict(zip(values, np.array(item.weights) / sum(item.weights), strict=True)),
    )


def test_values_that_no_number_is_nearest_to_are_refused() -> None:
    near = [0.1, 0.10000000000000002]
    with pytest.raises(ValueError, match=r"^0\.1 and its neighbour are too near to tell"):
        types.logordinal(near)
    assert types.logordinal([*near, 0.2]).choices == (*near, 0.2)


NUMBERS = st.integers(1, 10**6).map(lambda number: number / 1000)


@given(st.lists(NUMBERS, min_size=2, max_size=8, unique=True).map(sorted))
def test_weighted_values_encode_and_decode(values: list[float]) -> None:
    item, refusal = attempt(lambda: types.logordinal(values))
    for value in values:
        assert item.decode(item.encode(value)) == value
    space = Space({"x": item})
    assert parse(render(space), "s")[0] == space
    assert refusal is None


@given(st.integers(-50, 50), st.integers(0, 40), st.integers(1, 9))
def test_quantised_whole_numbers(first: int, count: int, q: int) -> None:
    item = types.qrandint(first * q, (first + count) * q, q)
    assert item.count() == count + 1 if q > 1 else count + 1
    space = Space({"x": item})
    assert parse(render(space), "s")[0] == space
    numbers = range(first * q, (first + count) * q + 1)
    rounded = [round(number / q) * q for number in numbers]
    weights = [rounded.count(value) for value in sorted(set(rounded))]
    if isinstance(item, Ordinal):
        assert list(item.choices) == sorted(set(rounded))
        assert item.weights is None or list(item.weights) == weights
        assert item.weights is not None or len(set(weights)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("uniform(1, 0)", "parameter 'x': low 1 is above high 0"),
        ("uniform('a', 1)", "lower 'a' is not a number"),
        ("uniform(True, 1)", "lower True is not a number"),
        ("uniform(1)", "uniform takes (lower, upper)"),
        ("uniform(1, 2, 3)", "uniform takes (lower, upper)"),
        ("uniform(1, uper=2)", "uniform takes (lower, upper)"),
        ("uniform(**{'lower': 1, 'upper': 2})", "uniform takes its arguments one by one"),
        ("uniform(0, 10**400)", "only plain values are read here"),
        ("uniform(0, 1" + "0" * 400 + ")", "upper must be a finite number"),
        ("uniform(0, 2**10)", "line 1 column 18: only plain values are read here, nothing is"),
        ("uniform(0, n)", "only plain values are read here, nothing is run"),
        ("loguniform(0, 1)", "low 0 is not above 0"),
        ("reverseloguniform(0, 1)", "a reverse log scale needs"),
        ("randint(0, 1.5)", "upper 1.5 is not a whole number"),
        ("randint(0, True)", "upper True is not a whole number"),
        ("quniform(0, 1, 0.3)", "upper 1 is no multiple of q 0.3"),
        ("quniform(0, 1, 0)", "step 0 is not above 0"),
        ("qloguniform(1, 9.3, 1)", "upper 9.3 is no multiple of q 1"),
        ("qrandint(0, 5, 2)", "upper 5 is no multiple of q 2"),
        ("qrandint(0, 5, 0)", "q 0 is not above 0"),
        ("qrandint(0, 1000000, 2)", "there are more than 10,000 multiples of 2"),
        ("choice([])", "the list of values is empty"),
        ("choice('ab')", "the values must be in a list, got 'ab'"),
        ("choice({1, 2})", "the values must be in a list, got {1, 2}"),
        ("choice([b'x'])", "is no JSON value"),
        ("ordinal([1, 2], kind='near')", "kind 'near' is none of equal, nn, nn-log"),
        ("ordinal([2, 1], kind='nn')", "kind nn needs numbers in increasing order"),
        ("logordinal([0, 1])", "kind nn-log needs numbers above 0 in increasing order"),
        ("ordinal([1, 1])", "the value 1 is there twice"),
        ("finrange(0, 1, 0)", "size 0 is not from 1 to 10,000"),
        ("finrange(0, 1, 1.5)", "size 1.5 is not a whole number"),
        ("finrange(0, 1, 5, cast_int=True)", "is there twice"),
        ("logfinrange(0, 1, 5)", "low 0 is not above 0"),
        ("lognormal(0, 1)", "unknown type 'lognormal': did you mean"),
        ("open('/etc/passwd')", "unknown type 'open'"),
        ("(lambda: 1)()", "only the types of a search space can be called"),
        ("[uniform(0, 1)]", "only plain values are read here"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(f'{{"x": {text}}}', "s")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"x": uniform(0, 1)', "s: malformed Python at line 1 column"),
        ("{x: uniform(0, 1)}", "s: line 1: a name must be text in quotes"),
        ("{**x}", "what **x adds cannot be seen here"),
        ("x = uniform(0, 1)\nprint(x)", "s: line 2: expected name = uniform(0, 1), or one dict"),
        ("x = y = uniform(0, 1)", "s: line 1: expected name ="),
        ("uniform(0, 1)", "s: expected a dict such as"),
        ("x = uniform(0, 1)\nx = 3", "parameter 'x': is given twice"),
        ("", "s: the search space is empty"),
        ("x = \0", "s: malformed Python"),
        ("(" * 5000, "s: malformed Python"),
        ("x = " + "-" * 100_000 + "1", "s: "),
        ([1], "s: expected names with types such as uniform(0, 1)"),
        ({"x": "unifrom(0, 1)"}, "parameter 'x': unknown type 'unifrom': did you mean uniform"),
        ({"x": "uniform(0, 1))"}, "is malformed"),
        ({"x": {1, 2}}, "is no JSON value"),
    ],
)
def test_text_refused(data: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(data, "s")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Float(scale=Normal(0, 1)), "no normal distribution"),
        (Float(scale=Normal(0, 1), lattice=Lattice(1.0)), "no quantised normal distribution"),
        (Float(scale=Linear(0, 1), lattice=Lattice(0.5, "low")), "no steps that count from low"),
        (Float(scale=Linear(0, 1), lattice=Lattice(0.3)), "no quniform with such bounds: upper 1"),
        (Integer(scale=Linear(0, 4), step=2), "no whole numbers with a step"),
        (Categorical(choices=(1, 2), grid=True), "no grid_search"),
        (Ordinal(choices=("a", "b"), weights=(1, 2)), "no weights like these"),
        (Ordinal(choices=(1, 2, 4), weights=(1, 2, 7)), "no weights like these"),
        (Reference(of="y"), "no conditions or links"),
    ],
)
def test_what_it_cannot_say(item: Parameter, message: str) -> None:
    with pytest.raises(UserError, match=f"^'x': the Python types have {message}"):
        render(Space({"x": item, "y": Constant(value=2)}))


def test_detection() -> None:
    for data in (
        {"x": types.uniform(0, 1)},
        {"x": "uniform(0, 1)", "y": "z"},
        {"x": "choice([1, 2])"},
        'x = choice(["a", "b"])',
        '{"x": choice(categories=[1])}',
    ):
        assert detect(data)
    others: list[Any] = [{"x": 1}, {"x": "choice(1, 2)"}, {"x": "f(1)"}, "x = 1", "x", "{", [1], {}]
    for data in others:
        assert not detect(data)


def test_constants_that_look_like_calls_stay_text() -> None:
    assert parse({"x": "relu()", "y": "uniform(0, 1)"}, "s")[0].parameters["x"] == Constant(
        value="relu()"
    )
    assert parse('{"x": "uniform(0, 1)"}', "s")[0].parameters["x"] == Constant(
        value="uniform(0, 1)"
    )


def test_draws_stay_inside() -> None:
    space = Space({"x": types.reverseloguniform(0.9, 0.999), "n": types.logordinal([1, 10, 1000])})
    for seed in range(200):
        point = space.sample(random.Random(seed)).applied
        assert 0.9 <= as_number(point["x"]) <= 0.999
        assert point["n"] in (1, 10, 1000)


def test_importing_the_types_is_light() -> None:
    code = (
        "import sys; import hpogrid.space.dialects.python_types; "
        "print([m for m in ('numpy', 'scipy', 'yaml', 'pandas', 'ray') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@given(st.text("uniform(loch)[]{}'\",=:. 0123x\n-*", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    found, refusal = attempt(parse, text, "s")
    assert refusal is None or refusal.startswith("s: ")
    assert refusal is not None or found[0].to_json()
