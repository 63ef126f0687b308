"""Runs in MLflow: one for the project, and below it one for each trial."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hpogrid.errors import RunError
from hpogrid.registry import require
from hpogrid.report.base import text
from hpogrid.report.export import told_of, trial_key
from hpogrid.report.results import Results
from hpogrid.study.address import filled, why, without_secret
from hpogrid.study.mlflow_runs import LONGEST_TAG, Runs, short_name

_USUAL = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "20", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
"""What counts unless the user says otherwise: MLflow itself waits for minutes for a server."""


class MlflowExporter:
    """An experiment with the name of the project, or the one that its hpo config names.

    Each trial is a run with its hyperparameters, every reported metric with its step, its state,
    what people wrote about it, in what it ran, and the files that it saved; the run above them has
    the best trial, the table (CSV) and the page (HTML).
    """

    def __init__(self) -> None:
        require("mlflow", extra="mlflow", what="--to_mlflow")

    def export(self, results: Results, target: str) -> str:
        """Write to a tracking server or a store, such as ``sqlite:///mlflow.db``."""
        mlflow = require("mlflow", extra="mlflow", what="--to_mlflow")
        address = filled("mlflow", target)
        shown = without_secret(target)
        try:
            with _usual_patience():
                return _export(results, mlflow.MlflowClient(tracking_uri=address), address, shown)
        except mlflow.exceptions.MlflowException as error:
            raise RunError(f"MLflow at {shown} refused: {why(target, error)}") from error


@contextlib.contextmanager
def _usual_patience() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _USUAL}
    for name, value in _USUAL.items():
        os.environ.setdefault(name, value)
    try:
        yield
    finally:
        for name in (name for name, value in before.items() if value is None):
            del os.environ[name]


def _export(results: Results, client: Any, address: str, shown: str) -> str:
    experiment = results.experiment or results.name
    started = min((trial.started for trial in results.trials), default=0.0)
    runs = Runs(client, results.name, experiment, address, started)
    added = 0
    for trial, task in zip(results.trials, results.tasks, strict=True):
        key = trial_key(results, task, trial)
        tags = {"hpogrid.site": task.site, "hpogrid.task": str(task.id)}
        added += runs.write(key, trial, tags)
        files = [Path(item.path) for item in task.files.get(trial.id, ())]
        runs.attach(key, told_of(task, trial), files)
    _finish(results, runs)
    kept = len(results) - added
    return f"{added} runs written to the experiment '{experiment}' in {shown}; {kept} were there"


def _finish(results: Results, runs: Runs) -> None:
    client, parent, best = runs.client, runs.parent, results.best
    client.set_tag(parent, "mlflow.note.content", results.summary)
    if best is not None:
        name = short_name(results.objectives[0].name)
        client.log_metric(parent, f"best_{name}", float(results.value(best) or 0.0))
        client.set_tag(parent, "hpogrid.best_trial", best.id)
        client.set_tag(parent, "hpogrid.best_config", text(best.applied)[:LONGEST_TAG])
    with tempfile.TemporaryDirectory() as folder:
        from hpogrid.report import save

        for form in ("csv", "html"):
            for path in save(results, form, str(Path(folder) / "report")):
                client.log_artifact(parent, str(path))
    end = max((trial.ended or trial.started for trial in results.trials), default=0.0)
    client.set_terminated(parent, "FINISHED", int(end * 1000))
