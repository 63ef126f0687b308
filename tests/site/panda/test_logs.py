"""Logs of jobs, and what they packed: files in a Rucio that a test makes up."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from hpogrid.data.rucio import Did
from hpogrid.errors import RunError
from hpogrid.job.settings import PACKED
from hpogrid.job.worknode import LOG_MARK
from hpogrid.site.panda import logs
from hpogrid.site.panda.client import FileInfo, JobInfo
from hpogrid.site.panda.logs import fetch_packed, read_log
from hpogrid.site.tasks import Task, new_task
from tests.projects import store_project

LOG = "user.me.log.1.tgz"


def archive(files: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as packed:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


class Files:
    """A Rucio that has some files."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.down = False

    def download(self, dids: Sequence[Did], folder: Path) -> dict[Did, str]:
        if self.down:
            raise RunError("the Rucio server does not answer")
        folder.mkdir(parents=True, exist_ok=True)
        for did in dids:
            if did.name in self.files:
                (folder / did.name).write_bytes(self.files[did.name])
        return {did: "no copy of it was found" for did in dids if did.name not in self.files}


@pytest.fixture
def rucio(monkeypatch: pytest.MonkeyPatch) -> Files:
    files = Files()
    monkeypatch.setattr(logs, "Rucio", lambda: files)
    return files


@pytest.fixture
def task(home: Path) -> Task:
    return new_task(store_project(), site="Q", n_jobs=2)


def job(status: str = "finished", *files: FileInfo) -> JobInfo:
    return JobInfo(
        id=5, status=status, files=list(files), pilot="" if status != "failed" else "OOM"
    )


def test_what_a_job_printed(rucio: Files, task: Task) -> None:
    text = f"hello\n{LOG_MARK} {{}}\nbye\n"
    rucio.files[LOG] = archive({"tarball_PandaJob_5/payload.stdout": text})
    log = FileInfo(lfn=LOG, type="log")
    assert read_log(task, job("failed", log)) == (
        "PanDA job 5, attempt 1, failed at no site yet: OOM\nhello\nbye"
    )
    rucio.files = {}
    assert "hello" in read_log(task, job("failed", log))  # it was kept


def test_a_log_that_cannot_be_had(rucio: Files, task: Task) -> None:
    log = FileInfo(lfn=LOG, type="log")
    assert read_log(task, job("running")).endswith("(it has no log yet)")
    assert read_log(task, job("failed", log)).endswith(
        "(its log is not there: no copy of it was found)"
    )
    rucio.down = True
    assert "the Rucio server does not answer" in read_log(task, job("failed", log))
    rucio.down = False
    rucio.files[LOG] = b"no archive"
    assert "is damaged" in read_log(task, job("failed", log))
    rucio.files[LOG] = archive({"payload.stderr": "whole"})
    assert read_log(task, job("failed", log)).endswith("whole")


def test_what_a_job_packed(rucio: Files, task: Task) -> None:
    name = f"user.me._1.{PACKED}"
    with pytest.raises(RunError, match=f"job 1 of task {task.id} has left no logs of trials yet"):
        fetch_packed(task, 1, [job("running")])
    done = job("finished", FileInfo(lfn=name, type="output", scope="user.me"))
    with pytest.raises(RunError, match="cannot be fetched: no copy of it was found"):
        fetch_packed(task, 1, [done])
    rucio.files[name] = archive({"../outside": "x"})
    with pytest.raises(RunError, match="cannot be unpacked"):
        fetch_packed(task, 1, [done])
    rucio.files[name] = archive({"trials/1-1/model": "weights"})
    fetch_packed(task, 1, [done])
    assert (task.job_folder(1) / "trials" / "1-1" / "model").read_text() == "weights"
