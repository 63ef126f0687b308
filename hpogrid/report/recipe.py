"""What others left: folders of models of the grid-search recipe, and earlier result files.

Each model has a folder with ``hyperparams.txt`` (lines ``name=value``) and ``metrics`` (one line
for each checkpoint: its number, then ``name=value`` separated by tabs).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.errors import UserError
from hpogrid.files import parse_file
from hpogrid.report.load import Source
from hpogrid.report.results import Objective, Origin, span
from hpogrid.search.base import Mode
from hpogrid.space.value import Values
from hpogrid.study.study import Report, Study, Trial
from hpogrid.study.values import best_number, number

METRICS, HYPERPARAMS = "metrics", "hyperparams.txt"
_USUAL = Objective("bleu-val", "max")
_ELAPSED = "time-elapsed"


def is_recipe(folder: Path) -> bool:
    """Whether there is at least one model below a folder."""
    return next(_models(folder), None) is not None


def _models(folder: Path) -> Iterator[Path]:
    # What vanishes while it is looked at, or may not be read, holds no model.
    for place, _, files in os.walk(folder):
        if METRICS in files and HYPERPARAMS in files:
            yield Path(place)


def read_recipe(folder: Path, objectives: Sequence[Objective] = ()) -> Source:
    """Read all models below a folder; the result of each is its best checkpoint.

    Args:
        folder: of the models.
        objectives: the metric that says which checkpoint is best; by default ``bleu-val``.
    """
    objective = objectives[0] if objectives else _USUAL
    study, warnings = Study(), []
    for place, model in enumerate(sorted(_models(folder), key=str)):
        name = model.relative_to(folder).as_posix()
        try:
            study.trials[name] = _trial(name, place, model, objective)
        except (UserError, OSError, UnicodeDecodeError) as error:
            warnings.append(f"{model}: {error}; left out")
    task = Origin(seconds=span(study), folder=str(folder))
    name = folder.resolve().name
    return Source(name, task, study, objectives=(objective,), warnings=warnings)


def _trial(name: str, place: int, model: Path, objective: Objective) -> Trial:
    lines = (model / METRICS).read_text(encoding="utf-8").splitlines()
    start = (model / METRICS).stat().st_mtime
    reports = [_report(line, start) for line in lines if line.strip()]
    best = _best(reports, objective)
    seconds = max((item.time - start for item in reports), default=0.0)
    applied = _hyperparams(model / HYPERPARAMS)
    return Trial(
        id=name,
        state="complete" if best else "failed",
        suggested=applied,
        applied=applied,
        seed=0,
        job=place,
        host="",
        started=start,
        ended=start + seconds,
        metrics=best.metrics if best else {},
        reason=None if best else f"no checkpoint has a finite '{objective.name}'",
        reports=reports,
    )


def _best(reports: Sequence[Report], objective: Objective) -> Report | None:
    """The checkpoint with the best number."""
    values = [number(item.metrics.get(objective.name)) for item in reports]
    best = best_number(values, objective.mode)
    return None if best is None else reports[values.index(best)]


def _report(line: str, start: float) -> Report:
    step, *pairs = line.split("\t")
    metrics = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        value = _value(text)
        if sign and isinstance(value, int | float):
            metrics[name] = value
    if not step.strip().isdigit():
        raise UserError(f"'{line[:40]}' is no line of metrics")
    return Report(int(step), start + float(metrics.get(_ELAPSED, 0.0)), metrics)


def _hyperparams(path: Path) -> Values:
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, sign, text = line.partition("=")
        if sign:
            found[name.strip()] = _value(text.strip().strip("\"'"))
    return found


def _value(text: str) -> Any:
    """A number where it is one, else the text (``4:2`` is text)."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


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
        study.trials[f"0-{key}"] = _trial_of_row(f"0-{key}", row, file)
    task = Origin(seconds=file.task_time_s, created=file.start_timestamp, folder=str(path.parent))
    objectives = (Objective(file.metric, file.mode),)
    return Source(file.project_name or path.stem, task, study, objectives=objectives)


def _trial_of_row(name: str, row: Values, file: _File) -> Trial:
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
