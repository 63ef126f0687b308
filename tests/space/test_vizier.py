"""Studies of Vizier, beside the reader of OSS Vizier."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpogrid.errors import UserError
from hpogrid.space.condition import Condition
from hpogrid.space.dialects import read_space, render_space
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Ordinal, Parameter
from hpogrid.space.scale import Linear, Log, ReverseLog
from hpogrid.space.space import Space
from tests.commands import ok
from tests.lazy import Lazy
from tests.space.strategies import conditional_spaces, numbers, ordered, parameters, plain_spaces

if TYPE_CHECKING:
    from vizier.service import pyvizier as theirs
else:
    theirs = Lazy("vizier.service.pyvizier")
json_format = Lazy("google.protobuf.json_format")
study_pb2 = Lazy("vizier._src.service.study_pb2")
pyvizier = Lazy("vizier.pyvizier")

SCALES: dict[type, str] = {Linear: "LINEAR", Log: "LOG", ReverseLog: "REVERSE_LOG"}


@pytest.fixture
def study() -> theirs.StudyConfig:
    """As a user of Vizier writes one."""
    config = theirs.StudyConfig(algorithm="RANDOM_SEARCH")
    config.metric_information.append(
        theirs.MetricInformation("acc", goal=theirs.ObjectiveMetricGoal.MAXIMIZE)
    )
    root = config.search_space.root
    root.add_float_param("lr", 1e-5, 0.1, scale_type=theirs.ScaleType.LOG, default_value=0.01)
    root.add_int_param("layers", 1, 8)
    root.add_discrete_param("batch", [16, 64, 32])
    root.add_discrete_param("decay", [0.0, 0.5], auto_cast=False)
    root.add_bool_param("bias")
    root.add_categorical_param("model", ["mlp", "cnn", "linear"])
    root.select("model", ["mlp", "cnn"]).add_float_param("dropout", 0.0, 0.5)
    root.select("model", ["cnn"]).add_int_param("kernel", 1, 5)
    return config


def saved(config: theirs.StudyConfig) -> Any:
    """What it is in JSON."""
    return json.loads(json_format.MessageToJson(config.to_proto()))


def test_a_study_that_the_library_has_written(study: theirs.StudyConfig) -> None:
    space, notes = read_space(saved(study), "s")
    assert space.parameters == {
        "lr": Float(scale=Log(1e-5, 0.1)),
        "layers": Integer(scale=Linear(1, 8)),
        "batch": Ordinal(choices=(16, 32, 64)),
        "decay": Ordinal(choices=(0.0, 0.5)),
        "bias": Categorical(choices=(False, True)),
        "model": Categorical(choices=("cnn", "linear", "mlp")),
        "dropout": Float(
            scale=Linear(0, 0.5), when=Condition(op="in", on="model", value=["mlp", "cnn"])
        ),
        "kernel": Integer(scale=Linear(1, 5), when=Condition(op="equal", on="model", value="cnn")),
    }
    assert notes == [
        "its metric is --metric acc --mode max of an hpo config",
        "left out: algorithm, which belong to Vizier's own service",
        "the default values of Vizier are left out; --search_points tries them first",
        "Vizier draws whole numbers and those of a list by rounding, the ends less often; here "
        "all are as likely",
    ]
    check(space, render_space(space, "vizier"))


def test_what_depends_on_what_depends() -> None:
    space = Space(
        {
            "model": Categorical(choices=("mlp", "cnn")),
            "bias": Categorical(
                choices=(True, False), when=Condition(op="equal", on="model", value="mlp")
            ),
            "kernel": Integer(
                scale=Linear(1, 5), when=Condition(op="equal", on="model", value="cnn")
            ),
            "drop": Float(scale=Linear(0, 1), when=Condition(op="equal", on="bias", value=True)),
            "size": Ordinal(choices=(4, 8), when=Condition(op="in", on="kernel", value=[3, 5])),
        }
    )
    check(space, render_space(space, "vizier"))


def test_every_way_to_spell_a_study(study: theirs.StudyConfig) -> None:
    space, _ = read_space(saved(study), "s")
    snake = json.loads(
        json_format.MessageToJson(study.to_proto(), preserving_proto_field_name=True)
    )
    assert read_space(snake, "s")[0] == space
    assert read_space({"display_name": "a", "study_spec": snake}, "s")[0] == space
    assert read_space({"studySpec": saved(study), "trialJobSpec": {}}, "s")[0] == space


def check(space: Space, data: Any) -> None:
    """What the library reads is what the space has, with the same parameters active."""
    spec = json_format.ParseDict(json.loads(json.dumps(data)), study_pb2.StudySpec())
    library = theirs.StudyConfig.from_proto(spec).search_space
    for config in library.parameters:
        check_parameter(space.parameters[config.name], config)
    rng = random.Random(1)
    for _ in range(20):
        point = space.sample(rng)
        builder = pyvizier.SequentialParameterBuilder(library)
        seen = set()
        for config in builder:
            item = space.parameters[config.name]
            check_parameter(item, config)
            value = point.applied[config.name]
            seen.add(config.name)
            text = str(value) if isinstance(value, bool) else value
            builder.choose_value(text)  # refuses what is not in its space
        assert seen == set(space.present(point.applied))


def check_parameter(item: Parameter, config: theirs.ParameterConfig) -> None:
    match item:
        case Float(scale=scale) | Integer(scale=scale):
            assert config.bounds == scale.bounds
            assert isinstance(config.bounds[0], int) == isinstance(item, Integer)
            assert config.scale_type.name == SCALES[type(scale)]
        case Categorical(choices=choices) | Ordinal(choices=choices):
            check_values(choices, config)
        case Constant(value=value):
            check_values((value,), config)


def check_values(values: tuple[Any, ...], config: theirs.ParameterConfig) -> None:
    booleans = all(isinstance(value, bool) for value in values)
    assert set(config.feasible_values) == {str(x) if booleans else x for x in values}
    kind = "BOOLEAN" if booleans else {int: "INTEGER", float: "FLOAT"}.get(type(values[0]))
    assert config.external_type.name == (kind or "INTERNAL")


RANGES = ordered(numbers).map(lambda ends: Float(scale=Linear(*ends)))
MIRRORED = st.sampled_from([0.125, 0.25, 0.5]).map(lambda x: Float(scale=ReverseLog(x, 1 - x)))
LISTS = st.lists(st.integers(0, 1000), min_size=2, max_size=4, unique=True).map(
    lambda items: Ordinal(choices=tuple(sorted(items)))
)
SPACES = {
    "plain": plain_spaces(parameters | RANGES | MIRRORED | LISTS),
    "conditional": conditional_spaces(),
}


@pytest.mark.parametrize("kind", SPACES)
def test_the_library_takes_what_is_written_for_it(kind: str) -> None:
    written = []

    @settings(max_examples=100, deadline=None)
    @given(SPACES[kind])
    def try_one(space: Space) -> None:
        try:
            data = render_space(space, "vizier")
        except UserError as error:
            assert "Vizier has" in str(error)  # noqa: PT017
            return
        written.append(space)
        check(space, data)

    try_one()
    assert written


def item(**fields: Any) -> dict[str, Any]:
    return {"parameters": [{"parameterId": "x", **fields}]}


MIXED = {"values": ["a", "True"]}
UNIT = {"minValue": 0.0, "maxValue": 1.0}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (item(doubleValueSpec={"minValue": 0.1, "maxValue": 0.5},
              scaleType="UNIT_REVERSE_LOG_SCALE"), "only where they add up to 1"),
        (item(doubleValueSpec=UNIT, scaleType="CUBIC"), "unknown scaleType of Vizier 'CUBIC'"),
        (item(doubleValueSpec=UNIT, externalType="AS_INTEGER"), "AS_INTEGER has no equivalent"),
        (item(doubleValueSpec={"minValue": "a"}), "x': "),
        (item(), "expected one of doubleValueSpec"),
        (item(doubleValueSpec=UNIT, prior="normal"), "'prior' of Vizier has no equivalent"),
        (item(categoricalValueSpec=MIXED, externalType="AS_BOOLEAN"), "are True and False"),
        (item(discreteValueSpec={"values": [0.5]}, externalType="AS_INTEGER"), "whole numbers"),
        (item(discreteValueSpec={"values": []}), "values must be a list"),
        ({"parameters": [{}]}, "needs a parameterId"),
        ({"parameters": [*item(doubleValueSpec=UNIT)["parameters"] * 2]}, "is there twice"),
        (item(categoricalValueSpec={"values": ["a"]}, conditionalParameterSpecs=[{}]),
         "a condition without values of its parent"),
        (item(doubleValueSpec=UNIT, conditionalParameterSpecs=[
            {"parentDiscreteValues": {"values": [1]}, "parameterSpec": {}}]), "no list have no"),
    ],
)  # fmt: skip
def test_what_has_no_equivalent_is_refused(data: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_space(data, "s", "vizier")


WHEN = Condition(op="equal", on="b", value=1)


@pytest.mark.parametrize(
    ("space", "says"),
    [
        ({"x": Float(scale=ReverseLog(0.5, 0.9))}, "'x': Vizier has no equivalent|add up to 1"),
        ({"x": Categorical(choices=(1, 2))}, "'x': Vizier has no values without an order but"),
        ({"x": Ordinal(choices=("a", "b"))}, "'x': Vizier has no values in an order but numbers"),
        ({"x": Constant(value=None)}, "'x': Vizier has no values but text"),
        ({"b": Integer(scale=Linear(2, 3)), "x": Constant(value=1, when=WHEN)},
         "'x': Vizier has no conditions on values that 'b' does not have"),
        ({"b": Integer(scale=Linear(0, 1)), "x": Constant(value=1, when=WHEN),
          "c": Constant(value=1)}, "their order would be b, c, x"),
    ],
)  # fmt: skip
def test_what_it_cannot_say_is_refused(space: dict[str, Parameter], says: str) -> None:
    with pytest.raises(UserError, match=says):
        render_space(Space(space), "vizier")


def test_files(study: theirs.StudyConfig, tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text(json_format.MessageToJson(study.to_proto()))
    ok("search_space", "create", "s", "--file", tmp_path / "study.json")
    assert json_format.Parse(
        ok("search_space", "convert", "s", "--to", "vizier"), study_pb2.StudySpec()
    )
