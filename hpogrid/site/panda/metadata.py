"""``userJobMetadata.json``, as the PanDA server hands it out, read back as trials."""

from __future__ import annotations

from typing import Any

import msgspec

from hpogrid.study.events import Ended, Event, Opened, Started


class MetadataFile(msgspec.Struct):
    """``userJobMetadata.json`` as far as it is needed; rows hold hyperparameters and metrics."""

    result: dict[str, dict[str, Any]]
    hyperparameters: list[str]
    project_name: str = ""
    start_timestamp: float = 0.0
    hpogrid: dict[str, Any] = {}


def metadata_events(content: Any, index: int, attempt: int, project: str) -> list[Event]:
    """The trials of ``userJobMetadata.json`` as lines of a ledger, under their own ids.

    Raises:
        ValueError: it is not one of hpogrid, or of another project.
    """
    try:
        file = msgspec.convert(content, MetadataFile)
    except msgspec.ValidationError as error:
        raise ValueError(f"it is not hpogrid's ({error})") from error
    if project and file.project_name and file.project_name != project:
        raise ValueError(f"it is of project '{file.project_name}'")
    ids = file.hpogrid.get("trials", {})
    ids = ids if isinstance(ids, dict) else {}
    opened = Opened(
        time=file.start_timestamp,
        job=index,
        attempt=attempt,
        host="",
        pid=0,
        version="metadata",
        project="",
        seed=0,
    )
    events: list[Event] = [opened]
    for order, (key, row) in enumerate(file.result.items(), 1):
        name = ids.get(key)
        if not isinstance(name, str) or not name.startswith(f"{index}-"):
            name = f"{index}-{order}"
        events += _trial_events(name, row, file.hyperparameters)
    return events


def _trial_events(name: str, row: dict[str, Any], hyperparameters: list[str]) -> list[Event]:
    point = {key: row.get(key) for key in hyperparameters}
    others = {key: value for key, value in row.items() if key not in point}
    ended, seconds = _seconds(others.pop("timestamp", 0)), _seconds(others.pop("time_s", 0))
    return [
        Started(time=ended - seconds, trial=name, seed=0, suggested=point),
        Ended(time=ended, trial=name, state="complete", metrics=others),
    ]


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
