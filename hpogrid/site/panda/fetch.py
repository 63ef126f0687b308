"""Bringing home what the jobs of a PanDA task found out.

There are three ways, and each trial is taken once whichever it came by: the ledgers that finished
jobs have as an output; the lines of the ledger in the logs of jobs that failed or were killed; and
``userJobMetadata.json``, which the server keeps of finished jobs. The first two are files in Rucio;
they are kept in the task's folder, and only what is missing is fetched.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from hpogrid.archives import Refused, read_files
from hpogrid.data.rucio import Did, Rucio
from hpogrid.errors import UserError
from hpogrid.files import Damaged, decode, read_record, write_atomic
from hpogrid.job.settings import LEDGER
from hpogrid.job.worknode import LOG_MARK
from hpogrid.site.base import ENDED
from hpogrid.site.panda.ask import one_line
from hpogrid.site.panda.client import (
    FileInfo,
    JobInfo,
    TaskInfo,
    job_metadata,
    list_jobs,
    task_error,
)
from hpogrid.site.panda.metadata import metadata_events
from hpogrid.site.panda.state import newest
from hpogrid.site.tasks import Task
from hpogrid.study.events import Ended, Event
from hpogrid.study.ledger import SUFFIX, ledger_name
from hpogrid.study.study import Source, Study
from hpogrid.text import counted

STATE = "fetched.json"
_LARGEST_LOG = 200 * 2**20
_OURS = "hpogrid: "  # begins what a job says of itself
_GONE = ("failed", "cancelled", "closed")
_FINAL = ("finished", *_GONE)


class Wanted(NamedTuple):
    """A file in Rucio that holds what a job found out."""

    job: JobInfo
    number: int  # of the job in the task, from 0
    kind: str  # ledger, metrics (an archive with the ledger), or log
    did: Did


class State(msgspec.Struct):
    """What was fetched.

    Attributes:
        done: PanDA's numbers of the jobs.
        complete: how the task was when all of it was here. Whoever has a job repeated, by whatever
            client and however late, changes the task on the server.
        failed: what is to be said of jobs that came to nothing.
    """

    done: list[int] = []
    complete: str | None = None
    failed: list[str] = []


def fetch(task: Task, info: TaskInfo) -> list[str]:
    """Bring home what is missing.

    Args:
        task: whose folder gets the ledgers.
        info: how the server tells the task to be.

    Returns:
        A sentence for each thing that is missing.

    Raises:
        UserError: the PanDA server does not tell which jobs there are.
    """
    state = _read_state(task)
    if state.complete is not None and state.complete == info.stamp:
        return state.failed
    jobs = list_jobs(info.id)
    wanted = [item for item in _wanted(jobs) if item.job.id not in state.done]
    missing, notes = _fetch_files(task, wanted)
    state.done += [item.job.id for item in wanted if item.job.id not in missing]
    left = {item.job.id: item for item in wanted if item.job.id in missing}
    more, rescued = _from_metadata(task, info.id, left)
    notes += more
    if missing:
        notes.insert(0, _count(wanted, missing, rescued))
    state.failed = _failed(task, jobs) if info.status in ENDED else []
    if not jobs and info.status in ENDED:
        notes.append(f"it is {info.status}: {task_error(info.id) or 'PanDA does not say why'}")
    ended = info.status in ENDED and all(job.status in _FINAL for job in jobs)
    state.complete = info.stamp if ended and jobs and not missing else None
    write_atomic(task.folder / STATE, msgspec.json.encode(state))
    return notes + state.failed


def _failed(task: Task, jobs: Sequence[JobInfo]) -> list[str]:
    """That the newest attempts of some jobs failed, for example why, and what to type."""
    failed = {index: job for index, job in newest(jobs).items() if job.status in _GONE}
    if not failed:
        return []
    index, job = next(iter(sorted(failed.items())))
    return [
        f"{len(failed)} of {counted(len(newest(jobs)), 'job')} failed or were ended, job {index} "
        f"for example: {one_line(_why(task, job))}; 'hpogrid tasks show {task.id}' "
        f"shows all, 'hpogrid tasks logs {task.id} --job {index}' what it printed, "
        f"'hpogrid tasks retry {task.id}' repeats them"
    ]


def _why(task: Task, job: JobInfo) -> str:
    """Why a job failed: its own last word about it, of which PanDA knows no more than a number."""
    for file in job.files:
        path = task.folder / "outputs" / file.lfn
        if file.type != "log" or not path.is_file():
            continue
        with contextlib.suppress(OSError, Refused):
            printed = log_texts(path).get("payload.stderr", "").splitlines()
            own = [line for line in printed if line.startswith(_OURS)]
            if own:
                return own[-1].removeprefix(_OURS)
    return job.reason or job.status


def _read_state(task: Task) -> State:
    return read_record(task.folder / STATE, State) or State()


def _wanted(jobs: Iterable[JobInfo]) -> list[Wanted]:
    """For each job that has ended the file to get: its ledger, or else its log."""
    wanted = []
    for job in jobs:
        for file in job.files:
            kind = _kind(job, file)
            if kind is not None:
                scope = file.scope or ".".join(file.lfn.split(".")[:2])
                # A job of the HPO service has no number in its task, but one that is its own.
                number = job.index if job.index is not None else job.id
                wanted.append(Wanted(job, number, kind, Did(scope, file.lfn)))
    return wanted


def _kind(job: JobInfo, file: FileInfo) -> str | None:
    """What can be taken from a file of a job, if anything."""
    if job.status in _GONE and file.type == "log":
        return "log"
    if job.status != "finished" or file.type != "output":
        return None
    if file.lfn.endswith(LEDGER):
        return "ledger"
    return "metrics" if re.search(r"\.metrics\.\d+\.tgz$", file.lfn) else None


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
            lost = [item.did for item in absent if not (folder / item.did.name).is_file()]
            reasons = dict.fromkeys(lost, str(error))
    for item in wanted:
        path = folder / item.did.name
        if item.did in reasons or not path.is_file():
            missing[item.job.id] = reasons.get(item.did, "it did not come")
            continue
        try:
            _take(task, item, path)
        except (OSError, Refused) as error:
            path.unlink(missing_ok=True)
            missing[item.job.id] = f"{item.did.name} is damaged: {error}"
    return missing, []


def _take(task: Task, item: Wanted, path: Path) -> None:
    if item.kind == "ledger":
        data = path.read_bytes()
    elif item.kind == "metrics":
        data = read_files(path, LEDGER.__eq__, _LARGEST_LOG).get(LEDGER, b"")
    else:
        data = ledger_in_log(path)
        data += _interrupted(data)
    if data:
        install(task, item.number, item.job, data)


def _interrupted(data: bytes) -> bytes:
    """Lines that end the trials which a job that is no more had left running."""
    study, source, last = Study(), Source(), 0.0
    for line in data.splitlines():
        try:
            event: Event = decode(line, Event, "a line")  # type: ignore[arg-type]
        except Damaged:
            continue
        study.apply(event, source)
        last = max(last, event.time)
    ended = [
        Ended(time=last, trial=trial.id, state="interrupted", reason="its job was ended")
        for trial in study
        if trial.state == "running"
    ]
    return b"".join(msgspec.json.encode(event) + b"\n" for event in ended)


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
        Refused: the archive is damaged.
    """

    def printed(name: str) -> bool:
        return name.rsplit("/", 1)[-1] in ("payload.stdout", "payload.stderr")

    found = read_files(archive, printed, _LARGEST_LOG)
    return {name.rsplit("/", 1)[-1]: data.decode(errors="replace") for name, data in found.items()}


# --- metadata ------------------------------------------------------------------------------


def _from_metadata(
    task: Task, number: int, left: dict[int, Wanted]
) -> tuple[list[str], dict[int, int]]:
    """Take from the metadata what could not be fetched: notes, and trials for each job."""
    notes: list[str] = []
    rescued: dict[int, int] = {}
    finished = {str(job): item for job, item in left.items() if item.kind != "log"}
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


def _count(wanted: Sequence[Wanted], missing: dict[int, str], rescued: dict[int, int]) -> str:
    """How much came, and of what did not come one example."""
    kinds = {item.job.id: item.kind for item in wanted}
    job, reason = next(iter(missing.items()))
    text = f"{len(wanted) - len(missing)} of {len(wanted)} ledgers and logs fetched; "
    text += f"missing for example the {kinds[job]} of PanDA job {job}: {reason}"
    if rescued:
        trials = counted(sum(rescued.values()), "trial", "is", "are")
        text += f"; {trials} taken from the metadata instead"
    return text
