"""The result file of a job as earlier releases wrote it (``userJobMetadata.json``)."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hpogrid.errors import UserError
from hpogrid.files import parse_file
from hpogrid.report.results import Objective, Origin
from hpogrid.report.source import Source
from hpogrid.search.base import Mode
from hpogrid.space.value import Values
from hpogrid.study.study import Study, Trial
from hpogrid.study.values import number


class _File(msgspec.Struct):
    """``result`` holds a row for each trial: hyperparameters, metrics, ``time_s``."""

    result: dict[str, Values]
    hyperparameters: list[str]
    metric: str
    mode: Mode
    project_name: str = ""
    task_time_s: float = 0.0
    start_timestamp: float = 0.0


def read_result_file(path: Path) -> Source:
    """Read the file.

    Raises:
        UserError: missing, malformed, or another file.
    """
    content = parse_file(path)
    try:
        file = msgspec.convert(content, _File)
    except msgspec.ValidationError as error:
        raise UserError(
            f"{path} is no result file: {error}; name a result file, a ledger (*.jsonl), "
            "or a project"
        ) from error
    study = Study()
    for key, row in file.result.items():
        study.trials[f"0-{key}"] = _trial(f"0-{key}", row, file)
    task = Origin(seconds=file.task_time_s, created=file.start_timestamp, folder=str(path.parent))
    objectives = (Objective(file.metric, file.mode),)
    return Source(file.project_name or path.stem, task, study, objectives=objectives)


def _trial(name: str, row: Values, file: _File) -> Trial:
    point = {key: row.get(key) for key in file.hyperparameters}
    own = ("time_s", "timestamp", *file.hyperparameters)
    metrics = {key: value for key, value in row.items() if key not in own}
    ended = number(row.get("timestamp")) or file.start_timestamp
    state = "complete" if number(metrics.get(file.metric)) is not None else "failed"
    return Trial(
        name,
        state,  # type: ignore[arg-type]
        point,
        point,
        seed=0,
        job=0,
        host="",
        started=ended - (number(row.get("time_s")) or 0.0),
        ended=ended,
        metrics=metrics,
        reason=None if state == "complete" else f"no value of '{file.metric}'",
    )
