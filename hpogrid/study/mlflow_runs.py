"""Runs in MLflow: one for a project, and below it one for each trial.

What is written while a search runs and what ``report --to_mlflow`` writes afterwards are the same
runs: a trial is known by its key, and to write it again changes nothing.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.study.events import FINISHED
from hpogrid.study.series import series
from hpogrid.study.study import Trial

TRIAL, STUDY, STATE = "hpogrid.trial", "hpogrid.study", "hpogrid.state"
LONGEST_TAG = 5000
_WRITER = "hpogrid.writer."
"""What the tags of the project's run begin with that name the jobs that write to it."""
_LONGEST_PARAM = 6000
_BATCH = 900
_STATUS = {
    "complete": "FINISHED", "pruned": "FINISHED", "failed": "FAILED",
    "running": "RUNNING", "interrupted": "KILLED",
}  # fmt: skip


class Known(msgspec.Struct):
    """A run that is there: its state, parameters and tags, and the last step that is in it."""

    run: str
    state: str = "running"
    params: dict[str, str] | None = None
    step: int = 0
    tags: dict[str, str] = {}


class Runs:
    """The runs of a project in an experiment, which is made where it is not there.

    Args:
        client: an ``MlflowClient``.
        project: its name.
        experiment: its name.
        target: the client's address, which says where a local store keeps its files.
        started: when the project's first trial began, in seconds since the epoch.
        settle: seconds to wait, after it made the run of the project, until it looks whether
            another job did so too.
    """

    def __init__(
        self,
        client: Any,
        project: str,
        experiment: str,
        target: str,
        started: float,
        *,
        settle: float = 0.0,
    ) -> None:
        self.client = client
        self.experiment = _experiment(client, experiment, target)
        self.parent = self._parent(project, started, settle)
        self.known = self._children()

    def write(self, key: str, trial: Trial, tags: Mapping[str, str]) -> bool:
        """Write a trial as far as it has come; whether there was anything new to write."""
        known = self.known.get(key)
        if known is not None and known.state in FINISHED:
            return False
        params = {short_name(name): _param(value) for name, value in trial.applied.items()}
        if known is not None and (known.params or {}) | params != params:
            self.client.delete_run(known.run)  # it goes on with other values than it had
            known = None
        if known is None:
            known = self.known[key] = Known(self._create(key, trial, tags))
        self._log(known, trial, params)
        self._end(known, trial)
        return True

    def attach(self, key: str, told: Mapping[str, str], files: Sequence[Path]) -> None:
        """Tell in the run of a trial what is known beside its numbers; files go there once.

        Args:
            key: of the trial, which was written.
            told: text by its name; ``notes`` stand where MLflow shows its own.
            files: that the trial has saved; one that has gone meanwhile is left out.
        """
        known = self.known[key]
        for name, text in told.items():
            tag = "mlflow.note.content" if name == "notes" else f"hpogrid.{short_name(name)}"
            if known.tags.get(tag) != text[:LONGEST_TAG]:
                self.client.set_tag(known.run, tag, text[:LONGEST_TAG])
        if files:
            there = {item.path for item in self.client.list_artifacts(known.run)}
            for path in files:
                if path.name not in there and path.is_file():
                    self.client.log_artifact(known.run, str(path))

    # --- the run of the project ------------------------------------------------------------

    def join(self, job: str) -> None:
        """A job begins to write, or goes on after it was killed."""
        self.client.set_tag(self.parent, _WRITER + short_name(job), "writes")
        self.client.update_run(self.parent, "RUNNING")

    def leave(self, job: str) -> None:
        """A job has written everything; the last one to leave ends the run of the project."""
        own = _WRITER + short_name(job)
        if own in self._writers():  # else it had left, and the answer was lost
            self.client.delete_tag(self.parent, own)
        if not self._writers():  # looked at afterwards: of two that leave at once, one sees it
            self.client.set_terminated(self.parent, "FINISHED")

    def _writers(self) -> list[str]:
        tags = self.client.get_run(self.parent).data.tags
        return [name for name in tags if name.startswith(_WRITER)]

    def _parent(self, project: str, started: float, settle: float) -> str:
        found = self._parents(project)
        if found:
            return found[0]
        run = self.client.create_run(
            self.experiment,
            start_time=int(started * 1000),
            run_name=project,
            tags={STUDY: short_name(project)},
        )
        time.sleep(settle)  # jobs that start together agree on the first by its id
        first = self._parents(project)[0]
        if first != run.info.run_id:
            self.client.delete_run(run.info.run_id)
        return first

    def _parents(self, project: str) -> list[str]:
        wanted = f"tags.`{STUDY}` = '{short_name(project)}'"
        runs = self.client.search_runs([self.experiment], wanted, max_results=100)
        return sorted(str(run.info.run_id) for run in runs)

    def _children(self) -> dict[str, Known]:
        """The runs of trials that are there, by the trial's key; of two of one trial, one."""
        found: dict[str, Known] = {}
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment],
                f"tags.`mlflow.parentRunId` = '{self.parent}'",
                max_results=1000,
                page_token=token,
            )
            for run in page:
                self._keep_one(found, run)
            token = page.token
            if not token:
                return found

    def _keep_one(self, found: dict[str, Known], run: Any) -> None:
        key = run.data.tags.get(TRIAL)
        if key is None:
            return
        state, params = run.data.tags.get(STATE, "running"), dict(run.data.params)
        one = Known(run.info.run_id, state, params, tags=dict(run.data.tags))
        other = found.get(key)
        if other is not None:
            spare = other if one.state in FINISHED and other.state not in FINISHED else one
            self.client.delete_run(spare.run)
            one = one if spare is other else other
        found[key] = one

    # --- the run of a trial ----------------------------------------------------------------

    def _create(self, key: str, trial: Trial, tags: Mapping[str, str]) -> str:
        run = self.client.create_run(
            self.experiment,
            start_time=int(trial.started * 1000),
            run_name=trial.id,
            tags={
                "mlflow.parentRunId": self.parent,
                TRIAL: key,
                "hpogrid.job": str(trial.job),
                "hpogrid.host": trial.host,
                "hpogrid.seed": str(trial.seed),
                **tags,
            },
        )
        return str(run.info.run_id)

    def _log(self, known: Known, trial: Trial, params: dict[str, str]) -> None:
        from mlflow.entities import Metric, Param

        fresh = [Param(*item) for item in params.items() if item[0] not in (known.params or {})]
        points = [point for point in series(trial) if point.step > known.step]
        metrics = [
            Metric(short_name(point.name), point.value, int(point.time * 1000), point.step)
            for point in points
        ]
        first = True
        while fresh or metrics or (first and known.state != trial.state):
            tags = self._state_tags(trial) if first else []
            self.client.log_batch(known.run, metrics[:_BATCH], fresh[:100], tags)
            fresh, metrics, first = fresh[100:], metrics[_BATCH:], False
        known.params = params
        known.step = max([known.step, *(report.step for report in trial.reports)])

    def _state_tags(self, trial: Trial) -> list[Any]:
        """The state of one that goes on; that of one that has ended comes at the very end."""
        from mlflow.entities import RunTag

        tags = [RunTag("hpogrid.reason", trial.reason[:LONGEST_TAG])] if trial.reason else []
        return tags if trial.state in FINISHED else [*tags, RunTag(STATE, trial.state)]

    def _end(self, known: Known, trial: Trial) -> None:
        status = _STATUS[trial.state]
        if status == "RUNNING":
            if known.state == "interrupted":
                self.client.update_run(known.run, status)
        else:
            ended = trial.ended or trial.started
            # A run without the state of its end was not written to its end.
            self.client.set_tag(known.run, STATE, trial.state)
            self.client.set_terminated(known.run, status, int(ended * 1000))
        known.state = trial.state


def short_name(name: str) -> str:
    """A name as MLflow takes it: letters, digits, and ``_-. :/``, and no path but a plain one.

    One that has to be changed ends in a sign of what it was, so that two names stay two.
    """
    taken = re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)[:240].strip("/")
    if taken.startswith(".") or posixpath.normpath(taken) != taken:
        taken = re.sub("[./]", "_", taken)
    if taken and taken == name:
        return name
    return f"{taken}_{hashlib.blake2b(name.encode(), digest_size=3).hexdigest()}"


def _param(value: object) -> str:
    """A JSON value as a parameter: text as it is, null by its name."""
    if isinstance(value, str):
        return value[:_LONGEST_PARAM] or "null"
    return msgspec.json.encode(value).decode()[:_LONGEST_PARAM]


def _experiment(client: Any, name: str, target: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=_artifacts(target)))
        except Exception:
            found = client.get_experiment_by_name(name)  # another job has made it meanwhile
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _artifacts(target: str) -> str | None:
    """Where the artifacts of a local store go: beside it. A server decides for itself."""
    if not target.startswith("sqlite:///"):
        return None
    store = Path(target.removeprefix("sqlite:///")).absolute()
    return (store.parent / f"{store.stem}_artifacts").as_uri()
