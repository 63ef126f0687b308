"""TensorBoard's HParams dashboard: one run a trial, with the curves of its metrics."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from hpogrid.errors import UserError
from hpogrid.files import explained
from hpogrid.registry import require
from hpogrid.report.axes import label
from hpogrid.report.export import told_of, trial_key
from hpogrid.report.results import Results
from hpogrid.report.sample import choose_rows
from hpogrid.space.value import Value
from hpogrid.study.series import Point, series
from hpogrid.study.study import Trial
from hpogrid.study.values import number

MOST_TRIALS = 1000
"""TensorBoard is slow with more runs; the best half of them, the records, and others at random."""

Kind = Literal["bool", "number", "text"]
_Event = tuple[float, int, Any]
"""A time (seconds since the epoch), a step, and a summary."""
_MARK = ".hpogrid"
_ABOUT = "about"
"""What the names of texts about a trial begin with: its metrics have names of their own."""
_EVENTS = "events.out.tfevents.0000000000.hpogrid"


class TensorboardExporter:
    """A folder for ``tensorboard --logdir``; an older one that was written here is replaced."""

    def __init__(self) -> None:
        require("tensorboard", extra="tensorboard", what="--to_tensorboard")

    def export(self, results: Results, target: str) -> str:
        """Write the folder.

        Raises:
            UserError: it is there, and not from here.
        """
        folder = Path(target)
        if folder.exists() and not (folder / _MARK).is_file():
            raise UserError(f"{folder} is there and was not written by hpogrid; name another one")
        rows = choose_rows(results, MOST_TRIALS)
        with explained(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / _MARK).touch()
            kinds = _kinds(results)
            _write(folder / _EVENTS, [(0.0, 0, _config(results, kinds))])
            for row in rows:
                trial, task = results.trials[row], results.tasks[row]
                key = trial_key(results, task, trial).encode()
                name = f"{trial.id}.{hashlib.sha256(key).hexdigest()[:6]}"
                (folder / name).mkdir()
                told = told_of(task, trial)
                _write(folder / name / _EVENTS, _events(trial, name, kinds, told))
        return (
            f"{len(rows)} of {len(results)} trials written to {folder}; look: "
            f"tensorboard --logdir {folder}"
        )


def _write(path: Path, events: Sequence[_Event]) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    with path.open("wb") as stream:
        records = RecordWriter(stream)
        first = Event(wall_time=events[0][0] if events else 0.0, file_version="brain.Event:2")
        records.write(first.SerializeToString())
        for time, step, summary in events:
            records.write(Event(wall_time=time, step=step, summary=summary).SerializeToString())
        records.flush()


def _config(results: Results, kinds: dict[str, Kind]) -> Any:
    from tensorboard.plugins.hparams import api_pb2, metadata

    types = {
        "bool": api_pb2.DATA_TYPE_BOOL,
        "number": api_pb2.DATA_TYPE_FLOAT64,
        "text": api_pb2.DATA_TYPE_STRING,
    }
    hparams = [
        api_pb2.HParamInfo(name=name, display_name=name, type=types[kind])
        for name, kind in kinds.items()
    ]
    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=name)) for name in _numbers(results)]
    experiment = api_pb2.Experiment(hparam_infos=hparams, metric_infos=metrics)
    return _summary(metadata.EXPERIMENT_TAG, experiment=experiment)


def _numbers(results: Results) -> list[str]:
    """What is optimised, and what else was reported as a number."""
    named = {item.name for item in results.objectives}
    return [
        name
        for name in results.reported
        if name in named or any(number(t.metrics.get(name)) is not None for t in results.trials)
    ]


def _kinds(results: Results) -> dict[str, Kind]:
    """The type of each hyperparameter that the dashboard is told, and that all values have."""
    found: dict[str, Kind] = {}
    for name in results.parameters:
        values = [trial.applied[name] for trial in results.trials if name in trial.applied]
        if all(isinstance(value, bool) for value in values):
            found[name] = "bool"
        else:
            numbers = all(number(value) is not None for value in values)
            found[name] = "number" if numbers else "text"
    return found


def _events(trial: Trial, group: str, kinds: dict[str, Kind], told: dict[str, str]) -> list[_Event]:
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2, summary_v2
    from tensorboard.plugins.text.summary_v2 import text_pb

    ended = trial.ended or trial.started
    values = {name: _told(value, kinds[name]) for name, value in trial.applied.items()}
    status = {"failed": api_pb2.STATUS_FAILURE, "running": api_pb2.STATUS_RUNNING}.get(
        trial.state, api_pb2.STATUS_SUCCESS
    )
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=ended)
    return [
        (trial.started, 0, summary_v2.hparams_pb(values, group, trial.started)),
        *map(_scalar, series(trial)),
        *((ended, 0, text_pb(f"{_ABOUT}/{name}", text)) for name, text in told.items()),
        (ended, 0, _summary(metadata.SESSION_END_INFO_TAG, session_end_info=end)),
    ]


def _told(value: Value, kind: Kind) -> Value:
    """A value as the dashboard takes it."""
    if kind == "text":
        return label(value)
    return number(value) if kind == "number" else value


def _scalar(point: Point) -> _Event:
    from tensorboard.compat.proto.summary_pb2 import Summary

    value = Summary.Value(tag=point.name, simple_value=point.value)
    return point.time, point.step, Summary(value=[value])


def _summary(tag: str, **content: object) -> Any:
    """A summary for the plugin: ``content`` is one of the fields of its message."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    about = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(**content))
    return Summary(value=[Summary.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)])
