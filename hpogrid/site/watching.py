"""Looking at tasks of another machine through its `hpogrid serve`."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hpogrid.errors import RunError, UserError
from hpogrid.site.studies import import_task
from hpogrid.site.tasks import Task
from hpogrid.study.serve.calls import TaskLine
from hpogrid.study.serve.client import Answer, Client, Unreachable
from hpogrid.study.study import read_study


@contextlib.contextmanager
def _asking(url: str) -> Iterator[Client]:
    client = Client(url)
    try:
        yield client
    except (Unreachable, Answer) as error:
        raise RunError(f"{url} cannot be asked: {error}") from error
    finally:
        client.close()


def tasks_there(url: str, number: int | None = None) -> list[dict[str, object]]:
    """The tasks of a server as a table has them, newest first; or one task's jobs.

    Raises:
        RunError: the server does not answer.
        UserError: it has no such task.
    """
    with _asking(url) as client:
        lines = sorted(client.tasks(), key=lambda line: line.created, reverse=True)
        if number is None:
            return [_row(line) for line in lines]
        found = next((line for line in lines if line.id == number), None)
        if found is None:
            raise UserError(f"there is no task {number} at {url}; without a number all are listed")
        return _jobs(client, found)


def _row(line: TaskLine) -> dict[str, object]:
    return {
        "jeditaskid": line.id,
        "project": line.project,
        "jobs": line.n_jobs,
        "computingsite": line.site,
        "started": time.strftime("%Y-%m-%d %H:%M", time.localtime(line.created)),
        "taskname": line.name,
    }


def _jobs(client: Client, line: TaskLine) -> list[dict[str, object]]:
    files = client.listing(line.key).ledgers
    with tempfile.TemporaryDirectory() as folder:
        for name, file in files.items():
            _append(client, line.key, name, Path(folder) / Path(name).name, file.size)
        trials = list(read_study(Path(folder))[0])
    counts = Counter((trial.job, trial.state) for trial in trials)
    states = sorted({trial.state for trial in trials})
    rows = []
    for job in range(line.n_jobs):
        ages = [file.age for name, file in files.items() if name.startswith(f"job-{job:04d}.")]
        row: dict[str, object] = {"job": job, "silent_s": round(min(ages)) if ages else None}
        rows.append(row | {state: counts[job, state] for state in states})
    return rows


class Mirror:
    """The tasks of a project at a server, in the user directory of here."""

    def __init__(self, url: str, project: str) -> None:
        self._url = url
        self._project = project
        self._tasks: dict[str, Task] = {}

    def refresh(self) -> None:
        """Bring the tasks and the lines of ledgers that are new.

        Raises:
            RunError: the server does not answer.
            UserError: it has no task of the project.
        """
        with _asking(self._url) as client:
            lines = sorted(client.tasks(), key=lambda line: line.created)
            for line in (one for one in lines if one.project == self._project):
                if line.key not in self._tasks:
                    self._tasks[line.key] = _bring(client, line.key)
                for name, file in client.listing(line.key).ledgers.items():
                    path = self._tasks[line.key].ledgers / Path(name).name
                    if not path.exists() or path.stat().st_size != file.size:
                        _append(client, line.key, name, path, file.size)
        if not self._tasks:
            names = ", ".join(sorted({line.project for line in lines})) or "none"
            raise UserError(
                f"{self._url} has no task of a project '{self._project}'; it has: {names}"
            )


def _bring(client: Client, key: str) -> Task:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "task.tar.gz"
        archive.write_bytes(client.export(key))
        return import_task(archive)


def _append(client: Client, key: str, name: str, path: Path, size: int) -> None:
    """What a ledger has more than here; all of it where it begins anew."""
    with path.open("ab") as stream:
        if stream.tell() > size:
            stream.truncate(0)
        while data := client.read(key, name, stream.tell()):
            stream.write(data)


@contextlib.contextmanager
def looking_at(url: str, project: str) -> Iterator[Mirror]:
    """Meanwhile the tasks of a project are here as they are at a server, and no others.

    Raises:
        RunError: the server does not answer.
        UserError: it has no task of the project.
    """
    before = os.environ.get("HPOGRID_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HPOGRID_HOME"] = folder
        try:
            mirror = Mirror(url, project)
            mirror.refresh()
            yield mirror
        finally:
            if before is None:
                del os.environ["HPOGRID_HOME"]
            else:
                os.environ["HPOGRID_HOME"] = before
