"""Real servers read what was exported: MLflow, optuna-dashboard, TensorBoard."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hpogrid.report.export import exporter
from hpogrid.report.results import Origin, Results
from tests.report.browser import browser, errors, open_url
from tests.report.studies import LOSS, SPACE, sampled_study, store, submit
from tests.servers import ask, free_port, mlflow_server, script, server

pytestmark = pytest.mark.engine


def some(count: int) -> Results:
    task = Origin(id=3, site="local", name="hpogrid.demo.3")
    return Results("demo", [(task, sampled_study(count))], objectives=LOSS, space=SPACE)


def test_an_mlflow_server_reads_the_runs(tmp_path: Path) -> None:
    results = some(8)
    with mlflow_server(tmp_path) as url:
        assert "8 runs written" in exporter("mlflow").export(results, url)
        assert "0 runs written" in exporter("mlflow").export(results, url)
        api = f"{url}/api/2.0/mlflow"
        experiment = ask(f"{api}/experiments/get-by-name?experiment_name=demo")["experiment"]
        number = experiment["experiment_id"]
        runs = ask(f"{api}/runs/search", {"experiment_ids": [number]})["runs"]
        assert len(runs) == 9
        with browser() as chrome:
            open_url(chrome, f"{url}/#/experiments/{number}/runs")
            wait_for_text(chrome, "demo")


def test_the_dashboard_of_optuna_shows_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    submit(store("p"), [3.0, 1.5, 2.0])
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = (sys.executable, "-m", "hpogrid", "dashboard", "p", "--port", str(port))
    with server(f"{url}/dashboard", *command, cwd=tmp_path):
        (study,) = ask(f"{url}/api/studies")["study_summaries"]
        assert study["study_name"] == "p"
        trials = ask(f"{url}/api/studies/{study['study_id']}?after=0")["trials"]
        assert sorted(trial["values"][0] for trial in trials) == [1.5, 2.0, 3.0]
        assert ask(f"{url}/api/studies/{study['study_id']}?after=0")["objective_names"] == ["loss"]
        with browser() as chrome:
            open_url(chrome, f"{url}/dashboard/studies/{study['study_id']}")
            wait_for_text(chrome, "Best Trial")
            assert errors(chrome) == []


def test_tensorboard_shows_the_hyperparameters(tmp_path: Path) -> None:
    results = some(8)
    exporter("tensorboard").export(results, str(tmp_path / "tb"))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = (
        script("tensorboard"), "--logdir", str(tmp_path / "tb"), "--host", "127.0.0.1",
        "--port", str(port), "--load_fast=false",
    )  # fmt: skip
    with server(url, *command, cwd=tmp_path):
        wanted = {"experimentName": "", "startIndex": 0, "sliceSize": 100, "allowedStatuses": [
            "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING", "STATUS_UNKNOWN"],
            "colParams": []}  # fmt: skip
        deadline = time.monotonic() + 60
        groups: list[Any] = []
        while len(groups) < 8 and time.monotonic() < deadline:
            answer = ask(f"{url}/data/plugin/hparams/session_groups", wanted)
            groups = answer.get("sessionGroups", [])
            time.sleep(0.5)
        values = sorted(group["hparams"]["lr"] for group in groups)
        assert values == pytest.approx(sorted(trial.applied["lr"] for trial in results.trials))


def wait_for_text(driver: Any, text: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 60).until(
        lambda page: text in page.execute_script("return document.body.innerText")
    )
