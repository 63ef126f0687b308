"""The PanDA grid: one task on its server for each task of ours, with all its jobs."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig
from hpogrid.errors import RunError, UserError
from hpogrid.site.base import Finding, JobStatus, Seen, Steering, Traits
from hpogrid.site.panda.advice import notes
from hpogrid.site.panda.bundle import sizes
from hpogrid.site.panda.client import (
    TaskInfo,
    find_task,
    finish_task,
    get_task,
    job_metadata,
    kill_task,
    list_jobs,
    list_tasks,
    pause_task,
    reload_task,
    resume_task,
    retry_task,
    upload,
)
from hpogrid.site.panda.state import (
    foreign,
    newest,
    note_retry,
    number_of,
    remember,
    remembered,
    see,
    take_number,
)
from hpogrid.site.panda.submit import (
    EARLIER,
    OUT,
    content,
    planned,
    prepare,
    send_new,
)
from hpogrid.site.tasks import DAY, PROVISIONAL, Task, TaskFilter, find_tasks

_HOUR = 3600.0


class PandaSite:
    """Jobs on the grid (see `Site` and `ServerSite`)."""

    label = "PanDA"
    traits = Traits(shared_disk=False, image=True, modes=("grid", "idds"))

    @property
    def server(self) -> PandaSite:
        """It has one."""
        return self

    # --- submission ------------------------------------------------------------------------

    def check_config(self, grid: GridConfig) -> None:
        """The client looks at the options when a project is submitted."""

    def check(self, project: Project | None, name: str) -> Iterator[Finding]:
        """The client, the credentials and the servers; and a project."""
        from hpogrid.site.panda.check import check_grid, check_project

        yield from check_grid()
        if project is not None:
            yield from check_project(project, name)

    def examine(
        self, project: Project, name: str, *, image: bool, probe: bool
    ) -> Iterator[Finding]:
        """A job's program in the image here, and a job that tells what it finds."""
        from hpogrid.site.panda.check import check_project

        return check_project(project, name, image=image, probe=probe)

    def scripts(self, task: Task) -> dict[Path, str]:
        """None: the jobs find all in the bundle."""
        return {}

    def plan(self, task: Task) -> list[list[str]]:
        """The prun (or phpo) command, which the client's own parser has read."""
        return [planned(task)]

    def files(self, task: Task) -> list[tuple[str, int]]:
        """What is in the bundle."""
        return sizes(content(task))

    def notes(self, task: Task, project: Project, *, ask: bool) -> list[str]:
        """What has no effect, or another one than was asked for, and what will not work."""
        idds = task.mode == "idds"
        return [note.text for note in notes(project, task.site, idds=idds, ask=ask)]

    def submit(self, task: Task) -> None:
        """Submit one task with all jobs; its number on the server becomes the task's.

        Raises:
            UserError, RunError: it is refused.
            Unsure: nobody knows whether the server took it; `look` will find out.
        """
        task.native[PROVISIONAL] = True
        prepare(task)
        take_number(task, send_new(task))

    # --- state -----------------------------------------------------------------------------

    def status(self, tasks: Sequence[Task]) -> dict[int, list[JobStatus]]:
        """The jobs of each task (see `Site`)."""
        seen = self.look(tasks, details=True)
        return {task.id: seen[task.id].jobs for task in tasks}

    def look(self, tasks: Sequence[Task], *, details: bool = False) -> dict[int, Seen]:
        """The state of tasks, from one list that the server hands out (see `ServerSite`)."""
        seen = {}
        for task, info in _listed(tasks):
            seen[task.id] = see(task, info, details)
            remember(task, seen[task.id].status, info)
        return seen

    def remembered(self, task: Task) -> Seen:
        """The state of a task as it was last seen (see `ServerSite`)."""
        return remembered(task)

    def others(self, known: Sequence[Task], *, days: float, username: str | None) -> list[Task]:
        """Tasks that were submitted elsewhere, if PanDA is used from here at all."""
        if not _in_use(known):
            return []
        since = time.time() - days * DAY
        listed, user = list_tasks(since), None
        if username and not re.search(r"[*?\[]", username):
            wanted = TaskFilter(username=username)
            if not any(wanted.passes(foreign(info)) for info in listed):
                # Somebody else's, whom the server knows by the full name.
                listed, user = list_tasks(since, username), username
        numbers = {number_of(task) for task in known}
        names = {task.native.get(OUT) for task in known}
        return [
            foreign(info, user)
            for info in listed
            if info.id not in numbers and info.name.rstrip("/") not in names
        ]

    def other(self, number: int) -> Task | None:
        """A task of one's own that was submitted elsewhere."""
        if not _in_use(find_tasks()):
            return None
        info = get_task(number)
        return foreign(info) if info is not None else None

    def metadata(self, task: Task) -> dict[str, Any]:
        """``userJobMetadata.json`` of all finished jobs."""
        number = number_of(task)
        return job_metadata(number) if number is not None else {}

    # --- control ---------------------------------------------------------------------------

    def kill(self, task: Task, jobs: Collection[int]) -> None:
        """Ask the server to end the task; that takes it some time.

        Raises:
            UserError: it is not all jobs.
        """
        if len(set(jobs)) < task.n_jobs:
            raise UserError(f"{self.label} ends whole tasks only; leave --job out")
        kill_task(_sent(task))

    def retry(self, task: Task, jobs: Sequence[int]) -> None:
        """Ask the server for new jobs, and lay out for them what the earlier ones found out."""
        self.retry_otherwise(task, jobs, {})

    def retry_otherwise(self, task: Task, jobs: Sequence[int], options: Mapping[str, Any]) -> None:
        """Retry with other parameters of the task (see `ServerSite`)."""
        if number_of(task) is None:
            self.submit(task)
            return
        if task.folder.is_dir():
            from hpogrid.site.panda.retry import lay_out

            self.fetch(task)
            lay_out(task, jobs, str(task.native.get(EARLIER, "")), upload)
        retry_task(_sent(task), options)
        note_retry(task)

    def steer(self, task: Task, what: Steering) -> None:
        """Have the server go on otherwise with the task (see `ServerSite`)."""
        number = _sent(task)
        if what in ("finish", "finish softly"):
            finish_task(number, soft=what == "finish softly")
        elif what == "pause":
            pause_task(number)
        elif what == "resume":
            resume_task(number)
        else:
            reload_task(number)

    def logs(self, task: Task, job: int) -> str:
        """What the newest attempt of a job printed."""
        from hpogrid.site.panda.logs import read_log

        number = number_of(task)
        if number is None:
            return "(PanDA does not know this task)"
        found = newest(list_jobs(number))
        return read_log(task, found[job]) if job in found else "(PanDA has not made this job yet)"

    def fetch_job(self, task: Task, job: int) -> None:
        """Bring the logs and checkpoints of a job's trials into its folder.

        Raises:
            UserError: they are not there; why.
        """
        from hpogrid.site.panda.logs import fetch_packed

        found = [item for item in list_jobs(_sent(task)) if item.index == job]
        fetch_packed(task, job, found)

    def fetch(self, task: Task) -> list[str]:
        """Bring the ledgers home (see `hpogrid.site.panda.fetch`)."""
        from hpogrid.site.panda.fetch import fetch

        [(_, info)] = _listed([task])
        number = number_of(task)
        if number is None:
            return ["it is not known whether PanDA took the task"]
        info = info or get_task(number)
        if info is None:
            return [f"PanDA does not know task {number} any more"]
        return fetch(task, info)


def _listed(tasks: Sequence[Task]) -> Iterator[tuple[Task, TaskInfo | None]]:
    """Tasks with what the server's list says of them; one without a number is given it."""
    listed = list_tasks(min(task.created for task in tasks) - _HOUR) if tasks else []
    by_number = {info.id: info for info in listed}
    by_name = {info.name.rstrip("/"): info for info in listed}
    for task in tasks:
        info = by_number.get(number_of(task) or 0) or by_name.get(str(task.native.get(OUT)))
        if info is not None and number_of(task) is None:
            take_number(task, info.id)
        yield task, info


def _sent(task: Task) -> int:
    """The task's number on the server.

    Raises:
        RunError: the server does not know the task.
    """
    number = number_of(task)
    if number is None:
        number = find_task(f"{task.native.get(OUT)}/")
        if number is None:
            raise RunError(f"PanDA does not know task {task.id}; 'hpogrid tasks retry' sends it")
        take_number(task, number)
    return number


def _in_use(known: Sequence[Task]) -> bool:
    """Whether PanDA is used from here: a task was sent, or the client is set up."""
    if any(OUT in task.native for task in known):
        return True
    return any(os.environ.get(name) for name in ("PANDA_AUTH", "PANDA_URL_SSL", "PANDA_SYS"))
