"""Cores and GPUs, and how trials share them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hpogrid.engine import resources
from hpogrid.engine.nodes import own_address
from hpogrid.engine.resources import (
    cpu_count,
    gpu_ids,
    presume_cores,
    share_cpus,
    share_gpus,
    slot_environment,
    trials_at_once,
    wanted_cores,
)
from hpogrid.errors import UserError
from tests.projects import run_script, store_project


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*resources._GPU_VARIABLES, *resources._CORES_VARIABLES):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("0", ["0"]),
        ("2, 5", ["2", "5"]),
        ("GPU-1b2c,MIG-3d4e/7/0", ["GPU-1b2c", "MIG-3d4e/7/0"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("0,-1,2", ["0"]),
        ("1,", ["1"]),
    ],
)
def test_ids_are_names(monkeypatch: pytest.MonkeyPatch, value: str, ids: list[str]) -> None:
    monkeypatch.setenv("ROCR_VISIBLE_DEVICES", "9")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert gpu_ids() == ids


@pytest.mark.parametrize(
    ("program", "ids"),
    [("echo 0; echo 1", ["0", "1"]), ("echo broken; exit 9", []), ("exit 0", [])],
)
def test_without_a_variable_the_driver_tells(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, ids: list[str]
) -> None:
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{program}\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert gpu_ids() == []
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert gpu_ids() == ids


@pytest.mark.parametrize(
    ("concurrent", "per_trial", "gpus", "slots"),
    [
        (3, 0, [], [(), (), ()]),
        (4, 1, ["a", "b"], [("a",), ("b",)]),
        (1, 1, ["a", "b"], [("a",)]),
        (9, 2, ["a", "b", "c", "d", "e"], [("a", "b"), ("c", "d")]),
        (9, 0.5, ["a", "b"], [("a",), ("b",), ("a",), ("b",)]),
        (9, 1 / 3, ["a"], [("a",)] * 3),
        (9, 0.4, ["a"], [("a",)] * 2),
        (9, 0.1, ["a"], [("a",)] * 9),
    ],
)
def test_slots(
    concurrent: int, per_trial: float, gpus: list[str], slots: list[tuple[str, ...]]
) -> None:
    assert share_gpus(concurrent, per_trial, gpus) == slots


@pytest.mark.parametrize(("per_trial", "gpus"), [(1, []), (0.5, []), (3, ["a", "b"])])
def test_too_few_gpus(per_trial: float, gpus: list[str]) -> None:
    with pytest.raises(UserError, match=f"a trial needs {per_trial:g} GPUs and this job sees"):
        share_gpus(4, per_trial, gpus)


def test_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "cpu_count", lambda: 8)
    assert share_cpus(100, 2) == 4
    assert share_cpus(3, 2) == 3
    assert share_cpus(100, 0.1) == 80
    with pytest.raises(UserError, match="a trial needs 9 CPU cores and this job has 8"):
        share_cpus(1, 9)


@pytest.mark.parametrize(
    ("settings", "at_once"),
    [
        ({}, 2),
        ({"grid": {"cpus": 1}}, 4),
        ({"cpus_per_trial": 0.25}, 4),
        ({"gpus_per_trial": 1}, 4),
        ({"grid": {"gpus": 1}}, 4),
        ({"trials": 1}, 1),
    ],
)
def test_a_job_that_asked_for_nothing_runs_what_its_cores_carry(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], at_once: int
) -> None:
    project = store_project(**{"trials": 9, "scheduler_param": {"max_concurrent": 4}, **settings})
    assert trials_at_once(project) == min(4, project.hpo_config.trials)  # nobody says how many
    monkeypatch.setenv("NSLOTS", "2")
    assert trials_at_once(project) == at_once


def test_cores_are_presumed_where_nobody_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NSLOTS", "3")
    presume_cores(1)
    assert "ATHENA_PROC_NUMBER" not in os.environ
    monkeypatch.delenv("NSLOTS")
    monkeypatch.setenv("ATHENA_PROC_NUMBER", "0")
    presume_cores(1)
    assert cpu_count() == 1


def test_fewer_trials_at_once_are_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NSLOTS", "1")
    trials = run_script(SEES, trials=4, scheduler_param={"max_concurrent": 4})
    assert len({trial.metrics["pid"] for trial in trials}) == 1
    assert (
        "hpogrid: trials run 1 at once, for the cores of this job are no more"
        in capfd.readouterr().err
    )


def test_trials_share_out_the_nodes_of_a_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first two wait for one another, so that both pairs are in use at once."""
    seen = tmp_path / "seen"
    seen.mkdir()
    script = f"""
import os, time
def train(config):
    nodes, end = os.environ["HPOGRID_NODES"], time.monotonic() + 30
    open(os.path.join({str(seen)!r}, nodes), "w").close()
    while len(os.listdir({str(seen)!r})) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    return {{"loss": 1, "nodes": nodes}}
"""
    monkeypatch.setenv("HPOGRID_NODES", "a,b,c,d,e")
    settings: dict[str, Any] = {"scheduler_param": {"max_concurrent": 4}, "grid": {"nodes": 5}}
    trials = run_script(script, trials=4, nodes_per_trial=2, cpus_per_trial=99, **settings)
    assert len(trials) == 4
    assert {trial.metrics["nodes"] for trial in trials} == {"a,b", "c,d"}  # "e" is half a trial
    assert "trials run 2 at once, for the nodes of this job are no more" in capfd.readouterr().err
    monkeypatch.setenv("HPOGRID_NODES", "a,b")
    with pytest.raises(UserError, match="a trial needs 3 nodes and this job has 2; lower nodes_p"):
        run_script(script, name="q", trials=4, nodes_per_trial=3, **settings)


@pytest.mark.parametrize(
    ("settings", "cores"),
    [
        ({"max_concurrent": 6}, 2.0),
        ({"max_concurrent": 7}, 3.0),
        ({"max_concurrent": 6, "nodes_per_trial": 3}, 1.0),
    ],
)
def test_cores_are_asked_for_on_each_node(settings: dict[str, Any], cores: float) -> None:
    at_once = {"max_concurrent": settings.pop("max_concurrent")}
    project = store_project(cpus_per_trial=1, trials=9, scheduler_param=at_once, grid={"nodes": 3},
                            **settings)  # fmt: skip
    assert wanted_cores(project) == cores


def test_the_way_to_nobody_is_told() -> None:
    assert own_address("127.0.0.1") == "127.0.0.1"
    with pytest.raises(UserError, match=r"there is no way from here to node\.invalid"):
        own_address("node.invalid")


@pytest.mark.parametrize("variable", resources._CORES_VARIABLES)
def test_the_batch_system_says_how_many_cores(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(resources, "_cgroup_limits", list)
    assert cpu_count() == 64
    for value, cores in (("3", 3), ("0", 64), ("", 64), ("many", 64)):
        monkeypatch.setenv(variable, value)
        assert cpu_count() == cores
    monkeypatch.setattr(resources, "_cgroup_limits", lambda: [2.5])
    assert cpu_count() == 2
    monkeypatch.setattr(resources, "_cgroup_limits", lambda: [0.2])
    assert cpu_count() == 1


def test_the_environment_of_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in resources._THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    mine = {"OMP_NUM_THREADS": "7", "NUMEXPR_NUM_THREADS": "3"}
    for name, value in mine.items():
        monkeypatch.setenv(name, value)
    threads = {name: "2" for name in resources._THREAD_VARIABLES if name not in mine}
    assert {"MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"} <= threads.keys()
    assert slot_environment((), 2.5) == threads
    assert slot_environment(("a", "b"), 2) == threads | {"CUDA_VISIBLE_DEVICES": "a,b"}
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "a,b")
    assert slot_environment(("a",), 0.5)["HIP_VISIBLE_DEVICES"] == "a"


SEES = """
import os, time
def train(config):
    time.sleep(0.2)
    return {"loss": 1, "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"), "pid": os.getpid(),
            "threads": os.environ.get("MKL_NUM_THREADS")}
"""


def test_trials_see_the_gpus_of_their_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b,GPU-c")
    settings = {"trials": 6, "scheduler_param": {"max_concurrent": 4}}
    trials = run_script(SEES, gpus_per_trial=1, **settings)
    found = {trial.metrics["pid"]: trial.metrics["gpu"] for trial in trials}
    assert len(found) <= 3
    assert sorted(found.values()) == sorted(set(found.values()))
    assert set(found.values()) <= {"GPU-a", "GPU-b", "GPU-c"}


def test_trials_share_a_gpu_and_are_told_their_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    trials = run_script(
        SEES, trials=2, gpus_per_trial=0.5, cpus_per_trial=1, scheduler_param={"max_concurrent": 2}
    )
    assert {trial.metrics["gpu"] for trial in trials} == {"7"}
    assert {trial.metrics["threads"] for trial in trials} == {"1"}


def test_a_job_without_the_gpus_that_it_needs_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.projects import run_project

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    project = store_project(SEES, gpus_per_trial=1)
    with pytest.raises(UserError, match="a trial needs 1 GPUs and this job sees 0"):
        run_project(project)


def test_the_gpus_of_a_job_are_dealt_out() -> None:
    assert share_gpus(4, 0, ["a", "b"]) == [("a",), ("b",), ("a",), ("b",)]
    assert share_gpus(2, 0, ["0", "1", "GPU-5"]) == [("0", "GPU-5"), ("1",)]
    assert share_gpus(2, 0, []) == [(), ()]
