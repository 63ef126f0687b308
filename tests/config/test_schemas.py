"""The schemas: defaults, and what is refused when it is stored."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hpogrid.config.schemas import SCHEMAS, GridConfig, HpoConfig
from hpogrid.config.store import read_config
from hpogrid.errors import UserError


def test_the_defaults_of_the_specification() -> None:
    hpo = HpoConfig()
    assert (hpo.algorithm, hpo.metric, hpo.mode, hpo.scheduler, hpo.trials) == (
        "random", "accuracy", "max", "asynchyperband", 100,
    )  # fmt: skip
    assert (hpo.log_dir, hpo.verbose, hpo.stop) == ("./log", False, {"training_iteration": 1})
    assert (hpo.scheduler_param, hpo.algorithm_param) == ({"max_concurrent": 4}, {})
    grid = GridConfig()
    assert (grid.site, grid.retry, grid.inDS) == ("ANALY_MANC_GPU_TEST", False, None)
    assert grid.container.startswith("/cvmfs/unpacked.cern.ch/")
    assert "{HPO_PROJECT_NAME}" in grid.outDS


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"trials": 0}, "trials: expected int >= 1"),
        ({"trials": True}, "expected int, got bool"),
        ({"trials": 2.5}, "expected int, got float"),
        ({"trials": "5"}, "expected int, got str"),
        ({"trails": 5}, "unknown setting 'trails': did you mean trials"),
        ({"mode": "lower"}, "mode: 'lower' is not min or max"),
        ({"mode": "min,max"}, "2 modes for 1 metrics"),
        ({"metric": ""}, "empty name"),
        ({"metric": "a,"}, "empty name"),
        ({"metric": "a, b"}, "a space too many"),
        ({"metric": "a,a"}, "names one twice"),
        ({"algorithm": "randon"}, "unknown algorithm 'randon': did you mean random"),
        ({"algorithm_param": {"seed": 1}}, "algorithm_param of random.*valid: none"),
        ({"scheduler": "fifo"}, "unknown scheduler 'fifo'"),
        ({"scheduler_param": {"max_conc": 1}}, "scheduler_param of asynchyperband.*valid: .*max_t"),
        ({"scheduler_param": {"max_concurrent": 0}}, "max_concurrent 0 is not above 0"),
        ({"scheduler_param": {"max_concurrent": "4"}}, "expected int, got str"),
        ({"scheduler_param": {"grace_period": 9, "max_t": 3}}, "0 < grace_period <= max_t"),
        ({"stop": {"training_iteration": "1"}}, "expected float, got str"),
        ({"stop": {"training_iteration": True}}, "expected float, got bool"),
        ({"stop": [1]}, "expected object, got array"),
        ({"time_limit": 0}, "time_limit"),
        ({"time_limit": float("inf")}, "time_limit: inf is not a finite number"),
        ({"grace_seconds": float("inf")}, "grace_seconds: inf is not a finite number"),
        ({"target": float("nan")}, "target: nan is not a finite number"),
        ({"gpus_per_trial": 1.5}, "1.5 is neither a whole number nor below 1"),
        ({"gpus_per_trial": -1}, "gpus_per_trial"),
        ({"cpus_per_trial": 0}, "cpus_per_trial"),
        ({"max_failures": 0}, "max_failures"),
        ({"seed": -1}, "seed"),
        ({"aggregate": "mean"}, "aggregate"),
        ({"keep_checkpoints": "top"}, "keep_checkpoints"),
        ({"log_dir": "/tmp/log"}, "log_dir: '/tmp/log' must be relative to the job's folder"),
        ({"log_dir": "../log"}, "without '..'"),
    ],
)
def test_hpo_configs_that_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError, match=problem) as caught:
        read_config("hpo_config", settings, "hpo config 'h'")
    assert str(caught.value).startswith("hpo config 'h': ")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "give a --script"),
        ({"script": "a.py", "command": "b"}, "give a --script"),
        ({"script": "/a.py", "model": "m"}, "must be relative to the project's scripts"),
        ({"script": "x/../../a.py", "model": "m"}, "without '..'"),
        ({"script": "", "model": "m"}, "relative"),
        ({"script": "a.py", "model": "m()"}, "no name of a function or class"),
        ({"script": "a.py", "model": "m", "param": [1]}, "expected object"),
        ({"model": "m", "command": "x"}, "needs the --script"),
    ],
)
def test_model_configs_that_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        read_config("model_config", settings, "model config 'm'")


def test_a_grid_config_needs_a_site() -> None:
    with pytest.raises(UserError, match="site"):
        read_config("grid_config", {"site": ""}, "grid config 'g'")


@pytest.mark.parametrize("data", [[], "x", 3, None])
def test_a_config_is_an_object(data: Any) -> None:
    with pytest.raises(UserError, match="grid config 'g': expected object"):
        read_config("grid_config", data, "grid config 'g'")


def test_several_metrics_share_a_mode_or_have_their_own() -> None:
    assert HpoConfig(metric="a,b", mode="min").modes == ("min", "min")
    assert HpoConfig(metric="a,b", mode="min,max").modes == ("min", "max")


@pytest.mark.parametrize("kind", list(SCHEMAS))
def test_what_is_written_is_read_back(kind: str) -> None:
    data = {"script": "a.py", "model": "m"} if kind == "model_config" else {}
    config = read_config(kind, data, "it")
    assert read_config(kind, msgspec.to_builtins(config), "it") == config
    assert msgspec.json.schema(SCHEMAS[kind])["$defs"]


@pytest.mark.parametrize("walltime", ["0s", "00:00:00", "0-0:00:00"])
def test_a_walltime_of_nothing(walltime: str) -> None:
    with pytest.raises(UserError, match=f"walltime: no job can be done in {walltime}"):
        read_config("grid_config", {"walltime": walltime}, "g")
