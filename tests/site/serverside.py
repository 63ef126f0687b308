"""A second kind of site with a server of its own, as somebody would add it: one file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig
from hpogrid.site.base import Finding, JobStatus, Seen, Traits
from hpogrid.site.tasks import Task, sketch

ELSEWHERE: dict[int, tuple[Project, str]] = {}
"""The tasks on the server that were submitted from other machines."""


class ServerSide:
    """A site whose server runs everything at once."""

    label = "Cloud"
    traits = Traits(shared_disk=False)

    @property
    def server(self) -> ServerSide:
        return self

    def check_config(self, grid: GridConfig) -> None:
        pass

    def notes(self, task: Task, project: Project, *, ask: bool) -> list[str]:
        return ["the cloud has no disk"]

    def check(self, project: Project | None, name: str) -> Iterator[Finding]:
        yield Finding("cloud", "good", "answers")

    def plan(self, task: Task) -> list[list[str]]:
        return [["cloud", "run", task.name]]

    def scripts(self, task: Task) -> dict[Path, str]:
        return {}

    def submit(self, task: Task) -> None:
        task.native = {"cloud": task.name}
        task.save()

    def status(self, tasks: Sequence[Task]) -> dict[int, list[JobStatus]]:
        return {task.id: self.look([task])[task.id].jobs for task in tasks}

    def look(self, tasks: Sequence[Task], *, details: bool = False) -> dict[int, Seen]:
        jobs = {task.id: [JobStatus(n, "done") for n in range(task.n_jobs)] for task in tasks}
        return {number: Seen("done", found) for number, found in jobs.items()}

    def others(self, known: Sequence[Task], *, days: float, username: str | None) -> list[Task]:
        return [task for number in ELSEWHERE if (task := self.other(number)) is not None]

    def other(self, number: int) -> Task | None:
        if number not in ELSEWHERE:
            return None
        project, name = ELSEWHERE[number]
        task = sketch(project, "cloud", 1, number=number)
        task.name = name
        return task

    def kill(self, task: Task, jobs: Collection[int]) -> None:
        raise AssertionError("nothing runs for longer than an instant")

    def retry(self, task: Task, jobs: Sequence[int]) -> None:
        self.submit(task)

    def logs(self, task: Task, job: int) -> str:
        return "all is well\n"

    def fetch(self, task: Task) -> Sequence[str] | None:
        return None

    def files(self, task: Task) -> list[tuple[str, int]]:
        return [("bundle.tgz", 100)]

    def fetch_job(self, task: Task, job: int) -> None:
        pass

    def metadata(self, task: Task) -> dict[str, Any]:
        return {}
