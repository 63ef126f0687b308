"""Live logging to MLflow: what arrives, and that the search does not mind what does not."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hpogrid.cli.main import run
from hpogrid.config.schemas import HpoConfig
from hpogrid.engine import track
from hpogrid.job.run import read_result
from hpogrid.job.start import read_start
from hpogrid.report.export import trial_key
from hpogrid.report.load import load_sources, make_results
from hpogrid.site.tasks import find_tasks
from hpogrid.study.mlflow_runs import Runs
from hpogrid.study.mlflow_uri import check_uri
from tests.projects import store_project, wait_for
from tests.servers import ask, free_port, mlflow_server

STEPS = """
import time

def train(config, reporter):
    if config["x"] > 0.9:
        raise ValueError("too large")
    for step in range(3):
        time.sleep(config.get("pause", 0))
        reporter(loss=config["x"] + 1 / (step + 1), step=step)
"""


class Wire:
    """A line to a server that can be cut, or fall silent, and be mended."""

    def __init__(self, url: str) -> None:
        self.target = int(url.rpartition(":")[2])
        self.state = "open"
        self.seen = 0
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.seen += 1
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near:
            while self.state == "silent":
                time.sleep(0.05)
            if self.state == "cut":
                return
            with socket.create_connection(("127.0.0.1", self.target)) as far:
                back = threading.Thread(target=self._copy, args=(far, near), daemon=True)
                back.start()
                self._copy(near, far)
                back.join()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while (data := source.recv(65536)) and self.state == "open":
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as url:
        yield url


@pytest.fixture
def wire(mlflow: str) -> Iterator[Wire]:
    made = Wire(mlflow)
    yield made
    made.state = "open"
    made.close()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def runs_of(url: str, experiment: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The run of the project, and those of its trials by their key."""
    api = f"{url}/api/2.0/mlflow"
    found = ask(f"{api}/experiments/get-by-name?experiment_name={experiment}")["experiment"]
    wanted = {"experiment_ids": [found["experiment_id"]], "max_results": 1000}
    runs = ask(f"{api}/runs/search", wanted).get("runs", [])
    for one in runs:
        one["tags"] = {tag["key"]: tag["value"] for tag in one["data"]["tags"]}
        one["params"] = {item["key"]: item["value"] for item in one["data"].get("params", [])}
    (parent,) = [one for one in runs if "mlflow.parentRunId" not in one["tags"]]
    children = [one for one in runs if one is not parent]
    assert all(one["tags"]["mlflow.parentRunId"] == parent["info"]["run_id"] for one in children)
    keys = [one["tags"]["hpogrid.trial"] for one in children]
    assert len(set(keys)) == len(keys)
    return parent, dict(zip(keys, children, strict=True))


def history(url: str, run_id: str, metric: str) -> list[tuple[int, float]]:
    found = ask(f"{url}/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key={metric}")
    return [(int(item.get("step", 0)), item["value"]) for item in found.get("metrics", [])]


# --- what stands in configs ------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:5000", "https://mlflow.example/x", "sqlite:////data/mlflow.db",
            "postgresql://me:${PASSWORD}@db/mlflow", "databricks"],
)  # fmt: skip
def test_addresses_that_every_job_can_use(uri: str) -> None:
    if uri != "databricks":
        check_uri(uri)
        assert HpoConfig(mlflow=uri).mlflow == uri


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("localhost", "is no address of MLflow"),
        ("mlruns", "is no address of MLflow"),
        ("sqlite:///mlflow.db", "give the whole path"),
        ("https://me:secret@mlflow.example", "MLFLOW_TRACKING_USERNAME"),
    ],
)
def test_others_are_refused_when_they_are_stored(
    uri: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["hpo_config", "create", "h", "--mlflow", uri]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "secret" not in said.replace(uri, "")
    assert run(["hpo_config", "show", "h"]) == 2


def test_a_job_and_a_report_know_a_task_by_the_same_name() -> None:
    store_project()
    assert run(["local_run", "p"]) == 0
    (task,) = find_tasks()
    (source,) = load_sources("p")
    results = make_results([source])
    trial = results.trials[0]
    assert read_start(task.bundle).task == task.name
    assert trial_key(results, source.task, trial) == f"p/{task.name}/{trial.id}"


@pytest.mark.slow
def test_without_a_server_the_search_is_as_ever_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(track, "GRACE_SECONDS", 0.5)
    url = f"http://127.0.0.1:{free_port()}"
    store_project(mlflow=url, trials=5)
    assert run(["local_run", "p"]) == 0
    said = capfd.readouterr().err
    assert f"MLflow at {url}: 5 trials not written" in said
    assert "'hpogrid report p --to_mlflow" in said
    (task,) = find_tasks()
    result = read_result(task.job_folder(0))
    assert result is not None
    assert (result.state, result.finished, result.failed) == ("done", 5, 0)


# --- a real server ---------------------------------------------------------------------------


@pytest.mark.engine
def test_trials_arrive_while_they_run_and_a_report_adds_nothing(
    mlflow: str, capfd: pytest.CaptureFixture[str]
) -> None:
    space = {
        "x": {"method": "uniform", "dimension": {"low": 0, "high": 0.8}},
        "pause": {"method": "categorical", "dimension": {"categories": [4.0]}},
    }
    store_project(STEPS, name="live", space=space, mlflow=mlflow, trials=2)
    running: list[int] = []
    search = threading.Thread(target=lambda: running.append(in_another_process("live")))
    search.start()
    seen: set[str] = set()
    while search.is_alive():
        time.sleep(0.5)
        seen |= states(mlflow, "live")
    assert running == [0]
    assert "RUNNING" in seen
    assert "not written" not in capfd.readouterr().err
    parent, children = runs_of(mlflow, "live")
    assert parent["info"]["status"] == "FINISHED"
    (source,) = load_sources("live")
    results = make_results([source])
    assert len(children) == 2
    for trial in results.trials:
        one = children[trial_key(results, source.task, trial)]
        assert one["info"]["status"] == "FINISHED"
        assert one["tags"]["hpogrid.state"] == "complete"
        assert one["params"] == {"x": str(trial.applied["x"]), "pause": "4.0"}
        expected = [(report.step, report.metrics["loss"]) for report in trial.reports]
        assert history(mlflow, one["info"]["run_id"], "loss") == expected
    assert run(["report", "live", "--to_mlflow"]) == 0
    assert "0 runs written" in capfd.readouterr().err
    after, same = runs_of(mlflow, "live")
    assert set(same) == set(children)
    assert after["info"]["run_id"] == parent["info"]["run_id"]


def in_another_process(project: str) -> int:
    import subprocess
    import sys

    command = [sys.executable, "-m", "hpogrid", "local_run", project]
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode


def states(url: str, experiment: str) -> set[str]:
    try:
        return {one["info"]["status"] for one in runs_of(url, experiment)[1].values()}
    except (OSError, ValueError, KeyError):
        return set()  # not there yet


@pytest.mark.engine
def test_jobs_that_start_together_share_one_run_of_the_project(mlflow: str) -> None:
    store_project(STEPS, name="jobs", mlflow=mlflow, mlflow_experiment="shared one", trials=3)
    assert run(["run", "jobs", "--n_jobs", "3"]) == 0
    assert run(["tasks", "show", "--watch"]) == 0
    (source,) = load_sources("jobs")
    deadline = time.monotonic() + 60
    children: dict[str, Any] = {}
    while len(children) < 9 and time.monotonic() < deadline:
        time.sleep(0.5)
        children = runs_of(mlflow, "shared%20one")[1]
    assert len(children) == 9
    wait_for(lambda: runs_of(mlflow, "shared%20one")[0]["info"]["status"] == "FINISHED")
    failed = {trial.id for trial in source.study if trial.state == "failed"}
    assert failed == {
        key.rpartition("/")[2]
        for key, one in children.items()
        if one["info"]["status"] == "FAILED" and "too large" in one["tags"]["hpogrid.reason"]
    }


@pytest.mark.engine
def test_the_last_job_to_leave_ends_the_run_of_the_project(mlflow: str) -> None:
    from mlflow import MlflowClient

    def status() -> str:
        return str(runs_of(mlflow, "leaving")[0]["info"]["status"])

    client = MlflowClient(tracking_uri=mlflow)
    one, other = (Runs(client, "p", "leaving", mlflow, time.time()) for _ in range(2))
    one.join("t.0")
    other.join("t.1")
    one.leave("t.0")
    assert status() == "RUNNING"
    other.leave("t.1")
    assert status() == "FINISHED"
    one.join("t.0")  # a second attempt
    assert status() == "RUNNING"
    one.leave("t.0")
    assert status() == "FINISHED"


@pytest.mark.engine
def test_what_was_missed_while_the_server_was_away_is_caught_up(wire: Wire) -> None:
    wire.state = "cut"
    space = {
        "x": {"method": "uniform", "dimension": {"low": 0, "high": 0.8}},
        "pause": {"method": "categorical", "dimension": {"categories": [0.5]}},
    }
    store_project(STEPS, name="cut", space=space, mlflow=wire.url, trials=8)
    search = threading.Thread(target=in_another_process, args=("cut",))
    search.start()
    deadline = time.monotonic() + 120
    while not wire.seen and time.monotonic() < deadline:
        time.sleep(0.1)
    assert wire.seen
    wire.state = "open"
    search.join()
    (source,) = load_sources("cut")
    children = runs_of(wire.url, "cut")[1]
    assert len(source.study) == len(children) == 8
    assert {one["info"]["status"] for one in children.values()} == {"FINISHED"}


@pytest.mark.engine
def test_a_silent_server_holds_nothing_up(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(track, "GRACE_SECONDS", 1.0)
    monkeypatch.setattr(track, "MOST_SECONDS", 2.0)
    wire.state = "silent"
    store_project(STEPS, name="silent", mlflow=wire.url, trials=10)
    began = time.monotonic()
    assert run(["local_run", "silent"]) == 0
    assert time.monotonic() - began < 30
    assert "10 trials not written" in (said := capfd.readouterr().err) or "not every" in said
    (task,) = find_tasks(project="silent")
    result = read_result(task.job_folder(0))
    assert result is not None
    assert (result.state, result.finished) == ("done", 10)
    wire.state = "open"
    assert run(["report", "silent", "--to_mlflow"]) == 0
    assert "10 runs written" in capfd.readouterr().err
    assert len(runs_of(wire.url, "silent")[1]) == 10


@pytest.mark.engine
def test_a_report_tries_a_server_that_does_not_answer_three_times(
    wire: Wire, capfd: pytest.CaptureFixture[str]
) -> None:
    wire.state = "cut"
    store_project(name="gone")
    assert run(["local_run", "gone"]) == 0
    before = dict(os.environ)
    assert run(["report", "gone", "--to_mlflow", "--tracking_uri", wire.url]) == 1
    assert f"MLflow at {wire.url} refused" in capfd.readouterr().err
    assert wire.seen == 3
    assert dict(os.environ) == before


@pytest.mark.engine
def test_a_job_that_is_killed_and_retried_writes_each_trial_once(mlflow: str) -> None:
    """The second attempt runs the interrupted trial again: one run, and its state is the end's."""
    store_project(STEPS, name="again", mlflow=mlflow, trials=4)
    assert run(["local_run", "again"]) == 0
    (task,) = find_tasks(project="again")
    lines = (task.ledgers / "job-0000.001.jsonl").read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if msgspec.json.decode(line)["event"] not in ("close",)][:-1]
    (task.ledgers / "job-0000.001.jsonl").write_bytes(b"".join(kept))
    assert run(["local_run", "again", "--resume"]) == 0
    children = runs_of(mlflow, "again")[1]
    assert len(children) == 4
    assert {one["info"]["status"] for one in children.values()} <= {"FINISHED", "FAILED"}
