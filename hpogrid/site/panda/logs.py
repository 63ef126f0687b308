"""The log of a job: a file in Rucio that its pilot left there."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from hpogrid.archives import Refused, unpack
from hpogrid.data.rucio import Did, Rucio
from hpogrid.errors import RunError, UserError
from hpogrid.job.settings import PACKED
from hpogrid.job.worknode import LOG_MARK
from hpogrid.site.panda.client import JobInfo
from hpogrid.site.panda.fetch import log_texts
from hpogrid.site.tasks import Task


def read_log(task: Task, job: JobInfo) -> str:
    """What a job printed, after a line about it; without its ledger's lines."""
    head = f"PanDA job {job.id}, attempt {job.attempt}, {job.status} at {job.site or 'no site yet'}"
    if job.reason:
        head += f": {job.reason}"
    file = next((file for file in job.files if file.type == "log"), None)
    if file is None or not file.lfn:
        return f"{head}\n(it has no log yet)"
    did = Did(file.scope or ".".join(file.lfn.split(".")[:2]), file.lfn)
    kept = task.folder / "outputs"
    try:
        if task.folder.is_dir():
            return f"{head}\n{_text(did, kept)}"
        with tempfile.TemporaryDirectory(prefix="hpogrid-") as folder:
            return f"{head}\n{_text(did, Path(folder))}"
    except UserError as error:
        return f"{head}\n(its log cannot be fetched: {error})"


def _text(did: Did, folder: Path) -> str:
    path = folder / did.name
    if not path.is_file():
        failed = Rucio().download([did], folder)
        if did in failed:
            return f"(its log is not there: {failed[did]})"
    try:
        texts = log_texts(path)
    except Refused as error:
        path.unlink()  # the next attempt fetches it anew
        return f"(its log {did.name} is damaged: {error})"
    lines = [line for text in texts.values() for line in text.splitlines() if LOG_MARK not in line]
    return "\n".join(lines)


def fetch_packed(task: Task, number: int, jobs: Sequence[JobInfo]) -> None:
    """Get what finished attempts of a job packed (logs, checkpoints) and unpack it in its folder.

    Raises:
        UserError: there is nothing, or it cannot be had.
    """
    dids = [
        Did(file.scope or ".".join(file.lfn.split(".")[:2]), file.lfn)
        for job in jobs
        for file in job.files
        if job.status == "finished" and file.type == "output" and file.lfn.endswith(PACKED)
    ]
    if not dids:
        raise RunError(f"job {number} of task {task.id} has left no logs of trials yet")
    folder = task.folder / "outputs"
    absent = [did for did in dids if not (folder / did.name).is_file()]
    failed = Rucio().download(absent, folder) if absent else {}
    for did in dids:
        if did in failed:
            raise RunError(f"the logs of job {number} cannot be fetched: {failed[did]}")
        task.job_folder(number).mkdir(parents=True, exist_ok=True)
        try:
            unpack(folder / did.name, task.job_folder(number))
        except Refused as error:
            (folder / did.name).unlink()  # the next attempt fetches it anew
            raise RunError(f"{did.name} cannot be unpacked: {error}") from error
