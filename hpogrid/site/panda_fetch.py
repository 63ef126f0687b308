"""Bringing home what the jobs of a PanDA task found out.

There are three ways, and each trial is taken once whichever it came by: the ledgers that finished
jobs have as an output; the lines of the ledger in the logs of jobs that failed or were killed; and
``userJobMetadata.json``, which the server keeps of finished jobs. The first two are files in Rucio;
they are kept in the task's folder, and only what is missing is fetched.
"""

from __future__ import annotations

import tarfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hpogrid.data.rucio import Did, Rucio
from hpogrid.errors import UserError
from hpogrid.files import write_atomic
from hpogrid.site.base import ENDED
from hpogrid.site.panda_bundle import LEDGER
from hpogrid.site.panda_client import JobInfo, job_metadata, list_jobs
from hpogrid.site.tasks import Task
from hpogrid.site.worknode import LOG_MARK
from hpogrid.study.events import Ended, Event, Opened, Started
from hpogrid.study.ledger import SUFFIX, ledger_name
from hpogrid.study.study import LedgerFolder

STATE = "fetched.json"
_LARGEST_LOG = 200 * 2**20
_GONE = ("failed", "cancelled", "closed")


class Wanted(NamedTuple):
    """A file in Rucio that holds what a job found out."""

    job: JobInfo
    number: int  # of the job in the task, from 0
    kind: str  # ledger or log
    did: Did


class State(msgspec.Struct):
    """What was fetched: ``done`` are PanDA's numbers of jobs; ``complete``: nothing can come."""

    done: list[int] = []
    complete: bool = False


class MetadataFile(msgspec.Struct):
    """``userJobMetadata.json`` as far as it is needed; rows hold hyperparameters and metrics."""

    result: dict[str, dict[str, Any]]
    hyperparameters: list[str]
    project_name: str = ""
    start_timestamp: float = 0.0
    hpogrid: dict[str, Any] = {}


def fetch(task: Task, number: int, status: str) -> list[str]:
    """Bring home what is missing.

    Args:
        task: whose folder gets the ledgers.
        number: of the task on the server.
        status: of the task, in PanDA's words.

    Returns:
        A sentence for each thing that is missing.

    Raises:
        UserError: the PanDA server does not tell which jobs there are.
    """
    state = _read_state(task)
    if state.complete:
        return []
    jobs = list_jobs(number)
    wanted = [item for item in _wanted(jobs) if item.job.id not in state.done]
    missing, notes = _fetch_files(task, wanted)
    state.done += [item.job.id for item in wanted if item.job.id not in missing]
    left = {item.job.id: item for item in wanted if item.job.id in missing}
    more, rescued = _from_metadata(task, number, left)
    notes += more
    if missing:
        notes.insert(0, _count(wanted, missing, rescued))
    ended = status in ENDED and time.time() - task.created > 60
    state.complete = ended and not missing and bool(jobs)
    write_atomic(task.folder / STATE, msgspec.json.encode(state))
    return notes


def _read_state(task: Task) -> State:
    try:
        return msgspec.json.decode((task.folder / STATE).read_bytes(), type=State)
    except (FileNotFoundError, msgspec.DecodeError):
        return State()


def _wanted(jobs: Iterable[JobInfo]) -> list[Wanted]:
    """For each job that has ended the file to get: its ledger, or else its log."""
    wanted = []
    for job in jobs:
        kind = {"finished": "ledger"} | dict.fromkeys(_GONE, "log")
        index = job.index
        if index is None or job.status not in kind:
            continue
        for file in job.files:
            is_ledger = file.type == "output" and file.lfn.endswith(LEDGER)
            if is_ledger if kind[job.status] == "ledger" else file.type == "log":
                scope = file.scope or ".".join(file.lfn.split(".")[:2])
                wanted.append(Wanted(job, index, kind[job.status], Did(scope, file.lfn)))
    return wanted


def _fetch_files(task: Task, wanted: Sequence[Wanted]) -> tuple[dict[int, str], list[str]]:
    """Get files and take the ledgers from them; for each job that is missing the reason."""
    missing: dict[int, str] = {}
    folder = task.folder / "outputs"
    absent = [item for item in wanted if not (folder / item.did.name).is_file()]
    reasons: dict[Did, str] = {}
    if absent:
        try:
            reasons = Rucio().download([item.did for item in absent], folder)
        except UserError as error:
            reasons = {item.did: str(error) for item in absent}
    for item in wanted:
        path = folder / item.did.name
        if item.did in reasons or not path.is_file():
            missing[item.job.id] = reasons.get(item.did, "it did not come")
            continue
        try:
            _take(task, item, path)
        except (OSError, EOFError, tarfile.TarError, ValueError) as error:
            path.unlink(missing_ok=True)
            missing[item.job.id] = f"{item.did.name} is damaged: {error}"
    return missing, []


def _take(task: Task, item: Wanted, path: Path) -> None:
    data = path.read_bytes() if item.kind == "ledger" else ledger_in_log(path)
    if data:
        install(task, item.number, item.job, data)


def install(task: Task, index: int, job: JobInfo, data: bytes) -> None:
    """Put a ledger into the task's folder, over an earlier and shorter one of the same attempt."""
    path = task.ledgers / ledger_name(index, job.attempt)
    if path.exists() and path.stat().st_size > len(data):
        path = path.with_name(f"{path.name.removesuffix(SUFFIX)}.{job.id}{SUFFIX}")
    write_atomic(path, data)


def ledger_in_log(archive: Path) -> bytes:
    """The lines of the ledger in the log of a job: a tar file with what the job printed."""
    found: list[str] = []
    for text in log_texts(archive).values():
        lines = (line.partition(LOG_MARK) for line in text.splitlines() if LOG_MARK in line)
        found += [rest.strip() for _, _, rest in lines]
    return "".join(f"{line}\n" for line in found).encode()


def log_texts(archive: Path) -> dict[str, str]:
    """What is printed in a job's log: the texts of its ``payload.stdout`` and ``.stderr``.

    Raises:
        OSError, EOFError, tarfile.TarError, ValueError: the archive is damaged.
    """
    import zlib

    texts: dict[str, str] = {}
    try:
        with tarfile.open(archive) as stream:
            for member in stream:
                name = member.name.rsplit("/", 1)[-1]
                if not member.isfile() or name not in ("payload.stdout", "payload.stderr"):
                    continue
                if member.size > _LARGEST_LOG:
                    raise ValueError(f"{name} has {member.size} bytes")
                content = stream.extractfile(member)
                texts[name] = content.read().decode(errors="replace") if content else ""
    except zlib.error as error:
        raise ValueError(str(error)) from error
    return texts


# --- metadata ------------------------------------------------------------------------------


def _from_metadata(
    task: Task, number: int, left: dict[int, Wanted]
) -> tuple[list[str], dict[int, int]]:
    """Take from the metadata what could not be fetched: notes, and trials for each job."""
    notes: list[str] = []
    rescued: dict[int, int] = {}
    finished = {str(job): item for job, item in left.items() if item.kind == "ledger"}
    if not finished:
        return notes, rescued
    try:
        found = job_metadata(number)
    except UserError as error:
        return [str(error)], rescued
    for job, item in finished.items():
        if job not in found:
            notes.append(f"job {item.number} (PanDA {job}) left no metadata")
            continue
        try:
            events = metadata_events(found[job], item.number, item.job.attempt, task.project)
        except ValueError as error:
            notes.append(f"the metadata of job {item.number} (PanDA {job}) is skipped: {error}")
            continue
        data = b"".join(msgspec.json.encode(event) + b"\n" for event in events)
        name = ledger_name(item.number, item.job.attempt).removesuffix(SUFFIX)
        write_atomic(task.ledgers / f"{name}.metadata{SUFFIX}", data)
        rescued[int(job)] = sum(isinstance(event, Ended) for event in events)
    return notes, rescued


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


def _count(wanted: Sequence[Wanted], missing: dict[int, str], rescued: dict[int, int]) -> str:
    """How much came, and of what did not come one example."""
    kinds = {item.job.id: item.kind for item in wanted}
    job, reason = next(iter(missing.items()))
    text = f"{len(wanted) - len(missing)} of {len(wanted)} ledgers and logs fetched; "
    text += f"missing for example the {kinds[job]} of PanDA job {job}: {reason}"
    if rescued:
        text += f"; {sum(rescued.values())} trials are taken from the metadata instead"
    return text


def read_ledgers(folder: Path) -> int:
    """How many trials have finished, as far as was fetched."""
    ledgers = LedgerFolder(folder)
    ledgers.poll()
    return len(ledgers.study.finished)
