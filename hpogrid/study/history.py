"""Warm start: results of earlier searches, read from wherever they are, for a new one."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hpogrid.errors import UserError
from hpogrid.files import parse_file
from hpogrid.registry import require
from hpogrid.space.space import Space
from hpogrid.space.value import Value, Values
from hpogrid.study.ledger import SUFFIX
from hpogrid.study.study import LedgerFolder, Study, Trial
from hpogrid.study.values import number
from hpogrid.text import counted, csv_text

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

Row = Mapping[str, Value]
"""Parameters and metrics by name; ``state`` is there if the result failed."""


class Past(msgspec.Struct, frozen=True, omit_defaults=True):
    """A configuration of an earlier search.

    Attributes:
        suggested: its values.
        values: the metrics; None: it failed.
        same: whether that was a search of the very same, so that what was found then holds.
    """

    suggested: Values
    values: tuple[float, ...] | None
    same: bool = False


class _Misfit(ValueError):
    """A result that does not fit; ``kind`` is the same for all that do not for one reason."""

    def __init__(self, reason: str, kind: str | None = None) -> None:
        super().__init__(reason)
        self.kind = kind or reason


class History(msgspec.Struct):
    """What fits the new search, and why the rest does not: the first of a kind, and how many."""

    points: list[Past]
    dropped: dict[str, int]

    def sentence(self, source: str) -> str:
        """What was taken and what was left out."""
        text = f"warm start from {source}: {counted(len(self.points), 'result')}"
        if not self.dropped:
            return text
        reasons = "; ".join(f"{count} left out: {reason}" for reason, count in self.dropped.items())
        return f"{text}; {reasons}"


def read_history(source: str, space: Space, metrics: Sequence[str]) -> History:
    """Read earlier results and map them to a space by name and value.

    Args:
        source: a ledger or a folder of ledgers, a CSV or JSON file that ``report`` wrote, a
            ``userJobMetadata.json``, ``mlflow:EXPERIMENT``, or the URL of an Optuna storage with
            the study after a ``#``.
        space: of the new search.
        metrics: its objectives.

    Raises:
        UserError: there is no such source, or nothing in it is a result.
    """
    return _fit_all(_rows(source, metrics), space, metrics)


def study_history(
    studies: Iterable[Study], space: Space, metrics: Sequence[str], *, same: bool = False
) -> History:
    """The same for studies that were read already, which may be of the very `same` thing."""
    rows = (_trial_row(trial) for study in studies for trial in study.finished)
    found = _fit_all(rows, space, metrics)
    points = [msgspec.structs.replace(point, same=same) for point in found.points]
    return History(points, found.dropped)


def _fit_all(rows: Iterable[Row], space: Space, metrics: Sequence[str]) -> History:
    points: list[Past] = []
    dropped: Counter[str] = Counter()
    first: dict[str, str] = {}
    for row in rows:
        try:
            points.append(_fit(row, space, metrics))
        except _Misfit as error:
            dropped[first.setdefault(error.kind, str(error))] += 1
    return History(points, dict(dropped.most_common()))


def _fit(row: Row, space: Space, metrics: Sequence[str]) -> Past:
    """Map a row to the space.

    Raises:
        _Misfit: why it does not fit.
    """
    suggested = {}
    for name in (*space.axes, *space.crossed):
        item = space.parameters[name]
        if row.get(name) is None and item.when is not None:
            continue
        if name not in row:
            raise _Misfit(f"no value for '{name}'")
        suggested[name] = _value(row[name], getattr(item, "choices", ()))
    try:
        space.encode(suggested)
    except ValueError as error:
        where = str(error).partition(":")[0]
        raise _Misfit(f"outside the space ({error})", f"outside in {where}") from error
    if row.get("state") == "failed":
        return Past(suggested, None)
    values = [_number(row.get(name)) for name in metrics]
    for name, value in zip(metrics, values, strict=True):
        if value is None:
            raise _Misfit(f"no metric '{name}'")
    return Past(suggested, tuple(value for value in values if value is not None))


def _value(value: Value, choices: Sequence[Value]) -> Value:
    """A value as the space has it; text, as CSV files have it, is read as JSON where it is that."""
    if not isinstance(value, str) or value in choices:
        return value
    try:
        found: Value = msgspec.json.decode(value)
    except msgspec.DecodeError:
        return None if value == "" else value
    return found


def _number(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return number(value)


# --- sources -------------------------------------------------------------------------------


def _rows(source: str, metrics: Sequence[str]) -> Iterator[Row]:
    if source.startswith("mlflow:"):
        return _mlflow_rows(source.removeprefix("mlflow:"))
    if "://" in source:
        return _storage_rows(source, metrics)
    path = Path(source).expanduser()
    if path.is_dir() or path.suffix == SUFFIX:
        return _ledger_rows(path)
    if path.suffix.lower() == ".csv":
        return _csv_rows(path)
    return _json_rows(parse_file(path), str(path))


def _trial_row(trial: Trial) -> Row:
    return {**trial.applied, **trial.suggested, **trial.metrics, "state": trial.state}


def _ledger_rows(path: Path) -> Iterator[Row]:
    folder, pattern = (path, f"*{SUFFIX}") if path.is_dir() else (path.parent, path.name)
    ledgers = LedgerFolder(folder, pattern)
    ledgers.poll()
    if not ledgers.study.trials:
        raise UserError(f"warm start: there is no ledger with trials at {path}")
    return map(_trial_row, ledgers.study.finished)


def _csv_rows(path: Path) -> Iterator[Row]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        table = csv.reader(io.StringIO(text, newline=""))
        names = [csv_text(name) for name in next(table, [])]
        rows = [dict(zip(names, map(csv_text, line), strict=False)) for line in table if line]
    except OSError as error:
        raise UserError(f"warm start: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"warm start: {path} is no text: {error}") from error
    except csv.Error as error:
        raise UserError(f"warm start: {path} is no CSV: {error}") from error
    return iter(rows)


def _json_rows(data: object, where: str) -> Iterator[Row]:
    """Rows of a list, of ``userJobMetadata.json`` (``result``), or of several of these by job."""
    if isinstance(data, list) and all(isinstance(item, dict) for item in data):
        return iter(data)
    if isinstance(data, dict) and isinstance(data.get("result"), dict):
        return iter(data["result"].values())
    if isinstance(data, dict) and isinstance(data.get("trials"), list):
        return iter(data["trials"])
    if isinstance(data, dict) and all(
        isinstance(item, dict) and "result" in item for item in data.values()
    ):
        return (row for item in data.values() for row in item["result"].values())
    raise UserError(f"warm start: {where} holds no list of results")


def _storage_rows(source: str, metrics: Sequence[str]) -> Iterator[Row]:
    from hpogrid.study.address import without_secret
    from hpogrid.study.storage import reach

    url, _, name = source.partition("#")
    shown = without_secret(url)
    require("optuna", extra="optuna", what="a warm start from a storage")

    def read(storage: BaseStorage) -> list[FrozenTrial]:
        ids = {study.study_name: study._study_id for study in storage.get_all_studies()}
        if not ids:
            raise UserError(f"warm start: there is no study in {shown}")
        if name and name not in ids:
            raise UserError(f"warm start: there is no study '{name}' in {shown}")
        if not name and len(ids) > 1:
            known = ", ".join(ids)
            raise UserError(f"warm start: say which study: {shown}#NAME with one of {known}")
        return storage.get_all_trials(ids[name or next(iter(ids))], deepcopy=False)

    return (_optuna_row(trial, metrics) for trial in reach(url, read))


def _optuna_row(trial: FrozenTrial, metrics: Sequence[str]) -> Row:
    names = trial.user_attrs.get("metrics") or {}
    values = dict(zip(metrics, trial.values or (), strict=False))
    state = {"COMPLETE": "complete", "PRUNED": "pruned"}.get(trial.state.name, "failed")
    return {**trial.params, **values, **names, "state": state}


def _mlflow_rows(experiment: str) -> Iterator[Row]:
    mlflow = require("mlflow", extra="mlflow", what="a warm start from MLflow")
    client = mlflow.MlflowClient()
    found = client.get_experiment_by_name(experiment)
    if found is None:
        raise UserError(f"warm start: MLflow has no experiment '{experiment}'")
    token = None
    while True:
        page = client.search_runs([found.experiment_id], page_token=token)
        for run in page:
            state = "complete" if run.info.status == "FINISHED" else "failed"
            yield {**run.data.params, **run.data.metrics, "state": state}
        token = page.token
        if not token:
            return
