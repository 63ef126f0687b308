"""Override strings."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.errors import UserError
from hpogrid.space.condition import Condition
from hpogrid.space.dialects import read_space, write_space
from hpogrid.space.dialects.override_grammar import Text, parse_value
from hpogrid.space.dialects.overrides import detect, parse, render
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
from hpogrid.space.scale import Linear, Log, Normal
from hpogrid.space.space import Space
from hpogrid.trial.overrides import write_value
from tests.space import strategies as some
from tests.space.attempts import attempt

FIRST = (
    "hannah-train scheduler.max_lr='interval(0.00001, 0.001)' "
    "optimizer.weight_decay='interval(0.00001, 0.001)' "
    "hydra/sweeper=optuna hydra/launcher=joblib -m"
)
SECOND = (
    'hannah-train experiment_id="test_optuna_resume" hydra/sweeper=optuna '
    "hydra.sweeper.study_name='${experiment_id}' "
    "hydra.sweeper.storage='sqlite:///${experiment_id}.sqlite'  trainer.max_epochs=15 "
    "scheduler.max_lr='interval(0.0001, 0.1)' module.num_workers=4 -m"
)


def one(value: str, **compat: Any) -> Parameter:
    return parse([f"x={value}"], "s", **compat)[0].parameters["x"]


def notes(value: str, **compat: Any) -> list[str]:
    return parse([f"x={value}"], "s", **compat)[1]


def test_samples_of_the_specification() -> None:
    space, said = read_space(shlex.split(FIRST)[1:], "s")
    small = Float(scale=Linear(0.00001, 0.001))
    assert space == Space({"scheduler.max_lr": small, "optimizer.weight_decay": small})
    assert said == [
        "hydra/sweeper is left out: hpogrid takes the place of Hydra's sweeper",
        "hydra/launcher is left out: hpogrid takes the place of Hydra's sweeper",
        "-m has no effect: a search always has many runs",
    ]
    space, said = read_space(shlex.split(SECOND)[1:], "s")
    assert space == Space(
        {
            "experiment_id": Constant(value="test_optuna_resume"),
            "trainer.max_epochs": Constant(value=15),
            "scheduler.max_lr": Float(scale=Linear(0.0001, 0.1)),
            "module.num_workers": Constant(value=4),
        }
    )
    assert len(said) == 4


def steps(low: float, high: float, step: float) -> Float:
    return Float(scale=Linear(low, high), lattice=Lattice(step, "low"))


@pytest.mark.parametrize(
    ("value", "item"),
    [
        ("interval(0, 1)", Float(scale=Linear(0, 1))),
        ("interval(start=0,end=1)", Float(scale=Linear(0, 1))),
        ("tag(log, interval(1e-5, 1e-3))", Float(scale=Log(1e-5, 1e-3))),
        ("int(interval(-5.0,5.7))", Integer(scale=Linear(-5, 5))),
        ("int(tag(log, interval(1,100)))", Integer(scale=Log(1, 100))),
        ("tag(log, int(interval(1,100)))", Integer(scale=Log(1, 100))),
        ("float(int(interval(1,100)))", Float(scale=Linear(1, 100))),
        ("choice(a,b)", Categorical(choices=("a", "b"))),
        ("a,b", Categorical(choices=("a", "b"))),
        (
            "choice(1, 2.5, true, Null, 'a, b', [1,x], {k: 2})",
            Categorical(choices=(1, 2.5, True, None, "a, b", [1, "x"], {"k": 2})),
        ),
        ("choice(a,b,a)", Categorical(choices=("a", "b"), weights=(2, 1))),
        ("range(1,10)", Integer(scale=Linear(1, 9))),
        ("range(3)", Integer(scale=Linear(0, 2))),
        ("range(0,5,2)", Integer(scale=Linear(0, 4), step=2)),
        ("range(start=0,stop=5,step=2)", Integer(scale=Linear(0, 4), step=2)),
        ("range(10,1,-3)", Integer(scale=Linear(4, 10), step=3)),
        ("range(0,1,.3)", steps(0, 0.9, 0.3)),
        ("range(0,0.9,.3)", steps(0, 0.6, 0.3)),
        ("float(range(1,4))", steps(1, 3, 1)),
        ("int(range(1.0,4.0))", Integer(scale=Linear(1, 3))),
        ("shuffle(range(1,4))", Categorical(choices=(1, 2, 3))),
        ("shuffle(a,b)", Categorical(choices=("a", "b"))),
        ("sort(3,1,2)", Categorical(choices=(1, 2, 3))),
        ("sort(choice(3,1,2), reverse=true)", Categorical(choices=(3, 2, 1))),
        ("sort([3,1,2])", Constant(value=[1, 2, 3])),
        ("sort(range(1,4))", Integer(scale=Linear(1, 3))),
        ("int(choice(1.7,'2'))", Categorical(choices=(1, 2))),
        ("str(1,true,null)", Categorical(choices=("1", "true", "null"))),
        ("bool('true',0)", Categorical(choices=(True, False))),
        ("float([1,{a:2}])", Constant(value=[1.0, {"a": 2.0}])),
        ("3", Constant(value=3)),
        ("1_000", Constant(value=1000)),
        ("1e-3", Constant(value=0.001)),
        ("007", Constant(value="007")),
        ("4:2", Constant(value="4:2")),
        ("a b", Constant(value="a b")),
        ("", Constant(value="")),
        ("'3'", Constant(value="3")),
        (r"'it\'s'", Constant(value="it's")),
        (r"a\,b", Constant(value="a,b")),
        (r"\ a\ ", Constant(value=" a ")),
        (r"C:\data", Constant(value=r"C:\data")),
        ("s3://bucket/a?x", Constant(value="s3://bucket/a?x")),
        ("${oc.env:HOME}", Constant(value="${oc.env:HOME}")),
        ("{}", Constant(value={})),
    ],
)
def test_meaning(value: str, item: Parameter) -> None:
    assert one(value) == item
    space = Space({"x": item})
    assert parse(render(space), "again")[0] == space


@pytest.mark.parametrize(
    ("value", "item"),
    [
        ("range(1,10)", Integer(scale=Linear(1, 10))),
        ("range(0,5,2)", Integer(scale=Linear(0, 4), step=2)),
        ("range(0,1,.3)", steps(0, 0.9, 0.3)),
        ("range(0,0.9,.3)", steps(0, 0.9, 0.3)),
        ("int(interval(-5.5,5.7))", Integer(scale=Linear(-5, 5))),
        ("int(interval(0.5,5.7))", Integer(scale=Linear(0, 5))),
    ],
)
def test_the_meaning_of_optunas_sweeper(value: str, item: Parameter) -> None:
    assert one(value, compat="optuna-sweeper") == item
    assert read_space([f"x={value}"], "s", compat="optuna-sweeper")[0].parameters["x"] == item


def test_compatibility_is_of_overrides_only() -> None:
    with pytest.raises(UserError, match="dialect yaml_grid is not compatible with 'optuna-sweep"):
        read_space({"a": [1, 2]}, "s", compat="optuna-sweeper")
    with pytest.raises(UserError, match="not compatible with 'x'; known: optuna-sweeper"):
        read_space(["a=range(3)"], "s", compat="x")


def test_notes() -> None:
    start = "parameter 'x': "
    assert notes("range(1,10)") == [
        start + "range leaves out its end 10; with --compat optuna-sweeper it is in"
    ]
    assert notes("range(1,10)", compat="optuna-sweeper") == [
        start + "range includes its end 10, other than in Hydra itself"
    ]
    assert notes("range(0,1,.3)") == []
    assert notes("int(interval(0.5,2.5))") == [
        start + "the whole numbers of the interval are 1 to 2"
    ]
    assert notes("tag(fast, log, choice(1,2))") == [
        start + "the tag fast has no effect on a choice",
        start + "the tag log has no effect on a choice",
    ]
    assert notes("shuffle(a,b)") == [start + "shuffle has no effect: a choice has no order"]
    assert notes("a,a") == [start + "repeated categories count as weights"]
    assert notes("${a}_b") == [start + "the reference in it is left to the application"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("glob(*)", "glob looks into the folders of a Hydra application, which are not known"),
        ("glob([a*,b*],exclude=c)", "list the options: choice(a, b)"),
        ("extend_list(1)", "extend_list changes a list"),
        ("interwal(0,1)", "unknown function 'interwal': did you mean interval?"),
        ("interval(1)", "interval takes (start, end)"),
        ("interval(1,2,3)", "interval takes (start, end)"),
        ("interval(1,end=2,ende=3)", "interval takes (start, end)"),
        ("interval(a,b)", "interval takes numbers"),
        ("interval(2,1)", "low 2 is above high 1"),
        ("tag(log,interval(0,1))", "low 0 is not above 0"),
        ("int(interval(0.2,0.8))", "there is no whole number from 0.2 to 0.8"),
        ("str(interval(0,1))", "an interval cannot become str"),
        ("range(1,1)", "range(1, 1, 1) is empty"),
        ("range(1,9,0)", "the step of range is 0"),
        ("range(a)", "range takes numbers"),
        ("range()", "range takes (start, stop, step)"),
        ("bool(range(3))", "a range cannot become bool"),
        ("int(range(0,1,.3))", "int takes a range of whole numbers"),
        ("choice()", "choice takes values"),
        ("choice(a=1)", "choice takes values"),
        (
            "choice(interval(0,1),2)",
            "an interval cannot stand inside a list, an object or a choice",
        ),
        ("[range(3)]", "a range cannot stand inside a list"),
        ("sort(interval(0,1))", "an interval cannot be sorted"),
        ("sort(1,a)", "values of different kinds cannot be sorted"),
        ("sort(1,2,reverse=1)", "sort takes values"),
        ("shuffle([1,2])", "its order would be random"),
        ("shuffle(range(100000))", "shuffle takes at most 10,000 values"),
        ("tag(log)", "tag takes words and then a sweep"),
        ("tag('log',3)", "tag takes words"),
        ("int(a)", "'a' cannot become int"),
        ("int(null)", "a value cannot become int"),
        ("bool(x)", "a value cannot become bool"),
        ("inf", "inf is no finite number"),
        ("1e999", "1e999 is too large for a number"),
        ("interval(0,1", "column 13 of 'interval(0,1': expected ',' or ')'"),
        ("interval(0,1))", "column 14 of 'interval(0,1))': ')' is too much"),
        ("a=b", "'=' needs quotes around the text, or a \\ before it"),
        ("é", "'é' needs quotes"),
        ("'a", "a quote is opened and not closed"),
        ("[1,", "a value is missing"),
        ("a,,b", "a value is missing before ','"),
        ("{a 1}", "expected ':'"),
        ("{1:2}", "the key 1 is no text"),
        ("{a:1,a:2}", "the key 'a' is there twice"),
        ("f(a=1,a=2)", "'a' is there twice"),
        ("f(a=1,2)", "an argument without a name after one with a name"),
        ("${a", "${ is opened and not closed"),
        ("[" * 50, "nested too deeply"),
        ("'interval(0,1)'", "the quotes make 'interval(0,1)' text; leave them out here"),
        ("9" * 50, "needs more than 64 bits"),
    ],
)
def test_refused(value: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse([f"x={value}"], "s")
    assert message in str(caught.value)
    assert str(caught.value).startswith("s: parameter 'x': ")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (["x"], "s: 'x' is no override; write key=value, or ~key"),
        (["=3"], "is no override"),
        (["a b=3"], "is no override"),
        (["~a=3"], "is no override"),
        (["+a"], "is no override"),
        ([3], "s: 3 is no override"),
        (3, "s: expected overrides such as lr=interval(0, 1), got 3"),
        (["a=1", "a=2"], "parameter 'a': is given twice; keep one of them"),
        (["+a=1", "a=2"], "is given twice"),
        ({"a b": "range(3)"}, "s: 'a b' is no key such as model.lr"),
        ({"a": "range(3)\n"}, "parameter 'a': there is a line break in it"),
        ([], "s: the search space is empty"),
        ({"hydra": {"sweeper": {"params": [1]}}}, "hydra.sweeper.params must map keys to values"),
        ({"hydra": {"sweeper": {"search_space": {"a": 3}}}}, "expected {type: float, low: 0"),
        ({"hydra": {"sweeper": {"search_space": {"a": {"type": "x"}}}}}, "unknown suggest 'x'"),
    ],
)
def test_overrides_refused(data: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(data, "s")
    assert message in str(caught.value)


def test_links() -> None:
    overrides = ["features.n_mfcc=range(10,20)", "features.melkwargs.n_mels=${features.n_mfcc}"]
    space, _ = read_space(overrides, "s")
    assert space.parameters["features.melkwargs.n_mels"] == Reference(of="features.n_mfcc")
    point = space.apply({"features.n_mfcc": 12})
    assert point.applied["features.melkwargs.n_mels"] == 12
    assert parse(["+a=1", "b=${a}"], "s")[0].parameters["b"] == Reference(of="+a")
    with pytest.raises(UserError, match="in a circle: a -> b -> a"):
        parse(["a=${b}", "b=${a}"], "s")


def test_signs_stay_with_the_name() -> None:
    space, _ = parse(["+a=1,2", "++b.c=3", "~d", "db@x=mysql", "model/size=small,large"], "s")
    assert list(space.parameters) == ["+a", "++b.c", "~d", "db@x", "model/size"]
    assert space.parameters["~d"] == Constant(value=None)
    assert render(space).splitlines() == [
        "+a=choice(1,2)",
        "++b.c=3",
        "~d",
        "db@x=mysql",
        "model/size=choice(small,large)",
    ]


def test_config_files() -> None:
    config = """
hydra:
  sweeper:
    n_trials: 20
    search_space:
      a: {type: float, low: 1e-3, high: 1, log: true}
      b: {type: categorical, choices: [1, 2]}
    params:
      b: interval(0, 1)
      c: 3
model: x
"""
    space, said = read_space(config, "s")
    assert space == Space(
        {
            "a": Float(scale=Log(1e-3, 1)),
            "b": Float(scale=Linear(0, 1)),
            "c": Constant(value=3),
        }
    )
    assert said == [
        "of the config, only what hydra.sweeper searches is read",
        "hydra.sweeper also says --trials 20, which belong to the hpo config",
    ]
    assert read_space({"a": "interval(0,1)", "b": [1, 2], "c": 3}, "s", "overrides")[0] == Space(
        {
            "a": Float(scale=Linear(0, 1)),
            "b": Constant(value=[1, 2]),
            "c": Constant(value=3),
        }
    )


def test_text() -> None:
    text = "# what is searched\nlr=tag(log, interval(1e-5, 1))\n\n  n=1,2\n"
    space, _ = read_space(text, "s")
    assert list(space.parameters) == ["lr", "n"]
    assert write_space(space, "overrides") == "lr=tag(log,interval(1e-05,1.0))\nn=choice(1,2)\n"


def test_detection() -> None:
    for data in (["a=1,2", "b=3"], ["a=range(3)", "-m"], "a=int(choice(1,2))", {"a": "range(3)"}):
        assert detect(data)
    others: list[Any] = [
        [],
        ["a=1"],
        ["a=1,2", "b"],
        "a=1",
        "a",
        {"a": "b"},
        {"a": "choice([1, 2])"},
        3,
    ]
    for data in others:
        assert not detect(data)


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("x", Ordinal(choices=(1, 2))),
        ("x", Float(scale=Normal(0, 1))),
        ("x", Float(scale=Linear(0, 1), lattice=Lattice(0.5))),
        ("x", Float(scale=Linear(0, 1), multiply="y")),
        ("x", Categorical(choices=(1, 2), grid=True)),
        ("x", Categorical(choices=(1, 2), weights=(1, 0.5))),
        ("x", Categorical(choices=("a\nb",))),
        ("x", Constant(value={'a"b': 1})),
        ("x", Categorical(choices=({"nan": 1}, {"k": 2}))),
        ("x", Constant(value="${y}")),
        ("x", Constant(value="range(3)")),
        ("x", Constant(value=1, when=Condition(op="gt", on="y", value=1))),
        ("x", Reference(of="y", inactive="drop")),
        ("a b", Constant(value=1)),
        ("a=b", Constant(value=1)),
        ("hydra/sweeper", Constant(value=1)),
        ("~x", Constant(value=1)),
    ],
)
def test_what_it_cannot_say(name: str, item: Parameter) -> None:
    with pytest.raises(UserError, match=f"^'{name}': overrides have no "):
        render(Space({name: item, "y": Constant(value=2)}))


@given(some.values)
def test_values_are_written_and_read_back(value: Any) -> None:
    try:
        text = write_value(value)
    except ValueError as error:
        assert str(error).startswith("way to write the key ")  # noqa: PT017
        return
    assert _plain(parse_value(text)) == value


def _plain(node: Any) -> Any:
    if isinstance(node, Text):
        return node.text
    if isinstance(node, list):
        return [_plain(part) for part in node]
    return {key: _plain(part) for key, part in node.items()} if isinstance(node, dict) else node


WORDS = [
    *(
        "choice(",
        "range(",
        "interval(",
        "tag(",
        "int(",
        "log",
        "sort(",
        "shuffle(",
        "x",
        "1",
        "-2.5",
    ),
    *(
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "=",
        "'",
        '"',
        "\\",
        "${",
        "$",
        " ",
        "1e5",
        "null",
        "é",
    ),
]


@given(st.lists(st.sampled_from(WORDS), max_size=10).map("".join))
def test_any_value_is_read_or_refused(value: str) -> None:
    try:
        space, _ = parse({"x": value}, "s")
    except UserError as error:
        assert str(error).startswith("s: ")  # noqa: PT017
        return
    assert space.to_json()


@pytest.mark.parametrize(
    "key", ["nan", "inf", "NaN", "Inf", "null", "true", "1", "a b", "1e5", "a:b", "x(1)", "a\nb"]
)
def test_a_key_is_read_back_as_it_was_or_refused(key: str) -> None:
    space = Space({"c": Categorical(choices=({key: 1}, {"k": 2}))})
    written, refusal = attempt(render, space)
    assert refusal is not None or parse(written, "s")[0] == space


@pytest.mark.parametrize(
    "data",
    [
        {"hydra": {"sweeper": {"params": {"x": "interval(0,1)"}, "custom_search_space": ".m.f"}}},
        {"hydra": {"sweeper": {"custom_search_space": ".m.f"}}},
        ["x=interval(0,1)", "hydra.sweeper.custom_search_space=.m.f"],
    ],
)
def test_a_function_that_adds_parameters_is_not_dropped(data: Any) -> None:
    with pytest.raises(UserError, match="custom_search_space adds parameters with a function"):
        read_space(data, "s")


def sweeper(**settings: Any) -> dict[str, Any]:
    return {"hydra": {"mode": "MULTIRUN", "sweeper": settings}, "x": 1}


@pytest.mark.parametrize(
    ("data", "wanted", "says"),
    [
        (sweeper(params={"x": "choice(a, b)"}, max_batch_size=2),
         {"x": Categorical(choices=("a", "b"))},
         ["hydra.sweeper also says --max_concurrent 2, which belong to the hpo config"]),
        (sweeper(params={"x": "interval(0, 1)"}, direction="maximize", n_trials=20, n_jobs=3,
                 sampler={"seed": 1}, max_failure_rate=0.1, storage=None),
         {"x": Float(scale=Linear(0, 1))},
         ["hydra.sweeper also says --mode max --trials 20 --max_concurrent 3, which belong to the "
          "hpo config", "parameters of the sampler go into --algorithm_param of the hpo config",
          "left out of hydra.sweeper: max_failure_rate"]),
        (sweeper(ax_config={"max_trials": 30, "early_stop": {"minimize": True},
                            "experiment": {"minimize": False},
                            "params": {"x": {"type": "range", "bounds": [-5, 10.5]},
                                       "n": {"type": "range", "bounds": [1, 4]}}}),
         {"x": Float(scale=Linear(-5, 10.5)), "n": Integer(scale=Linear(1, 4))},
         ["hydra.sweeper also says --trials 30 --mode max, which belong to the hpo config",
          "left out of hydra.sweeper: ax_config.early_stop"]),
        (sweeper(optim={"optimizer": "OnePlusOne", "budget": 100, "maximize": False},
                 parametrization={"x": {"lower": 0.01, "upper": 1, "log": True, "init": 0.1},
                                  "db": ["a", "b"], "n": "choice(1, 2)"}),
         {"x": Float(scale=Log(0.01, 1)), "db": Categorical(choices=("a", "b")),
          "n": Categorical(choices=(1, 2))},
         ["hydra.sweeper also says --trials 100 --mode min, which belong to the hpo config",
          "left out of hydra.sweeper: optim.optimizer"]),
    ],
)  # fmt: skip
def test_the_config_of_a_sweeper_is_read_whole(
    data: dict[str, Any], wanted: dict[str, Parameter], says: list[str]
) -> None:
    space, notes = read_space(data, "s")
    assert space.parameters == wanted
    assert notes == ["of the config, only what hydra.sweeper searches is read", *says]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"params": [1]}, "hydra.sweeper.params must map keys to values"),
        ({"ax_config": {"params": {"x": {"type": "cube"}}}}, "unknown type of Ax 'cube'"),
        ({"ax_config": {"params": {"x": "choice(1, 2)"},
                        "experiment": {"parameter_constraints": ["x <= 1"]}}},
         "parameter_constraints of Ax have no equivalent"),
        ({"parametrization": {"x": {"init": 0.1, "step": 2}}}, "give lower and upper"),
        ({"parametrization": {"x": {"low": 0.1}}}, "Nevergrad's sweeper has no low"),
    ],
)  # fmt: skip
def test_what_a_sweeper_says_is_read_or_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_space(sweeper(**settings), "s")
