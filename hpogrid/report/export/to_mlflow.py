"""Runs in MLflow: one for the project, and below it one for each trial."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from hpogrid.errors import RunError, first_line
from hpogrid.registry import require
from hpogrid.report.base import text
from hpogrid.report.export.base import series, trial_key
from hpogrid.report.results import Results, Task
from hpogrid.study.study import Trial

_TRIAL, _STUDY, _STATE = "hpogrid.trial", "hpogrid.study", "hpogrid.state"
_STATUS = {
    "complete": "FINISHED", "pruned": "FINISHED", "failed": "FAILED",
    "running": "RUNNING", "interrupted": "KILLED",
}  # fmt: skip
_ENDED = ("complete", "pruned", "failed")
_LONGEST_PARAM = 6000
_LONGEST_TAG = 5000
_BATCH = 900


class MlflowExporter:
    """An experiment with the name of the project.

    Each trial is a run with its hyperparameters, every reported metric with its step, and its
    state; the run above them has the best trial, the table (CSV) and the page (HTML).
    """

    def __init__(self) -> None:
        require("mlflow", extra="mlflow", what="--to_mlflow")

    def export(self, results: Results, target: str) -> str:
        """Write to a tracking server or a store, such as ``sqlite:///mlflow.db``."""
        mlflow = require("mlflow", extra="mlflow", what="--to_mlflow")
        try:
            return _Export(results, mlflow.MlflowClient(tracking_uri=target), target).run()
        except mlflow.exceptions.MlflowException as error:
            raise RunError(f"MLflow at {target} refused: {first_line(error)}") from error


class _Export:
    def __init__(self, results: Results, client: Any, target: str) -> None:
        self.results = results
        self.client = client
        self.target = target

    def run(self) -> str:
        experiment = self._experiment()
        parent = self._parent(experiment)
        there = self._children(experiment, parent)
        added = kept = 0
        for trial, task in zip(self.results.trials, self.results.tasks, strict=True):
            key = trial_key(self.results, task, trial)
            if key in there:
                run, state = there[key]
                if state in _ENDED:
                    kept += 1
                    continue
                self.client.delete_run(run)  # it was still running at the last export
            self._child(experiment, parent, key, trial, task)
            added += 1
        self._finish(parent)
        return (
            f"{added} runs written to the experiment '{self.results.name}' in {self.target}; "
            f"{kept} were there"
        )

    # --- the experiment and the run of the project -------------------------------------------

    def _experiment(self) -> str:
        found = self.client.get_experiment_by_name(self.results.name)
        if found is None:
            place = _artifacts(self.target)
            return str(self.client.create_experiment(self.results.name, artifact_location=place))
        if found.lifecycle_stage == "deleted":
            self.client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _parent(self, experiment: str) -> str:
        wanted = f"tags.`{_STUDY}` = 'yes'"
        for run in self.client.search_runs([experiment], wanted, max_results=1):
            return str(run.info.run_id)
        start = min((trial.started for trial in self.results.trials), default=0.0)
        run = self.client.create_run(
            experiment,
            start_time=int(start * 1000),
            run_name=self.results.name,
            tags={_STUDY: "yes"},
        )
        return str(run.info.run_id)

    def _children(self, experiment: str, parent: str) -> dict[str, tuple[str, str]]:
        """The runs of trials that are there: run id and state by the trial's key."""
        found: dict[str, tuple[str, str]] = {}
        token = None
        while True:
            page = self.client.search_runs(
                [experiment],
                f"tags.`mlflow.parentRunId` = '{parent}'",
                max_results=1000,
                page_token=token,
            )
            for run in page:
                tags = run.data.tags
                if _TRIAL in tags:
                    found[tags[_TRIAL]] = (run.info.run_id, tags.get(_STATE, "running"))
            token = page.token
            if not token:
                return found

    def _finish(self, parent: str) -> None:
        best = self.results.best
        self.client.set_tag(parent, "mlflow.note.content", self.results.summary)
        if best is not None:
            name = _name(self.results.objectives[0].name)
            self.client.log_metric(parent, f"best_{name}", float(self.results.value(best) or 0.0))
            self.client.set_tag(parent, "hpogrid.best_trial", best.id)
            self.client.set_tag(parent, "hpogrid.best_config", text(best.applied)[:_LONGEST_TAG])
        with tempfile.TemporaryDirectory() as folder:
            from hpogrid.report import save

            for form in ("csv", "html"):
                for path in save(self.results, form, str(Path(folder) / "report")):
                    self.client.log_artifact(parent, str(path))
        end = max((trial.ended or trial.started for trial in self.results.trials), default=0.0)
        self.client.set_terminated(parent, "FINISHED", int(end * 1000))

    # --- the run of a trial ------------------------------------------------------------------

    def _child(self, experiment: str, parent: str, key: str, trial: Trial, task: Task) -> None:
        mlflow = require("mlflow.entities", extra="mlflow", what="--to_mlflow")
        tags = {
            "mlflow.parentRunId": parent,
            _TRIAL: key,
            "hpogrid.job": str(trial.job),
            "hpogrid.host": trial.host,
            "hpogrid.site": task.site,
            "hpogrid.task": str(task.id),
            "hpogrid.seed": str(trial.seed),
            **({"hpogrid.reason": trial.reason[:_LONGEST_TAG]} if trial.reason else {}),
        }
        run = self.client.create_run(
            experiment,
            start_time=int(trial.started * 1000),
            run_name=f"{task.id}/{trial.id}" if task.id else trial.id,
            tags=tags,
        )
        name = run.info.run_id
        params = [
            mlflow.Param(_name(key), text(value)[:_LONGEST_PARAM] or "null")
            for key, value in trial.applied.items()
        ]
        for start in range(0, len(params), 100):
            self.client.log_batch(name, params=params[start : start + 100])
        metrics = [
            mlflow.Metric(_name(point.name), point.value, int(point.time * 1000), point.step)
            for point in series(trial)
        ]
        for start in range(0, len(metrics), _BATCH):
            self.client.log_batch(name, metrics=metrics[start : start + _BATCH])
        # The state comes last: a run without it was not written to its end.
        self.client.set_tag(name, _STATE, trial.state)
        status = _STATUS[trial.state]
        if status != "RUNNING":
            self.client.set_terminated(name, status, int((trial.ended or trial.started) * 1000))


def _name(name: str) -> str:
    """A name as MLflow takes it: letters, digits, and ``_-. :/``."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)[:250].strip("/") or "_"


def _artifacts(target: str) -> str | None:
    """Where the artifacts of a local store go: beside it. A server decides for itself."""
    if not target.startswith("sqlite:///"):
        return None
    store = Path(target.removeprefix("sqlite:///")).absolute()
    return (store.parent / f"{store.stem}_artifacts").as_uri()
