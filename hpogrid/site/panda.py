"""The PanDA grid: one task on its server for each task of ours, with all its jobs."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hpogrid.config.project import Project, load_project, project_path, read_project
from hpogrid.errors import RunError, UserError
from hpogrid.registry import require
from hpogrid.site.base import ENDED, JobState, JobStatus, Seen
from hpogrid.site.panda_auth import login
from hpogrid.site.panda_bundle import (
    Content,
    JobSettings,
    bundle_content,
    sizes,
    write_bundle,
)
from hpogrid.site.panda_client import (
    JobInfo,
    TaskInfo,
    Unsure,
    check_arguments,
    find_task,
    get_task,
    job_metadata,
    kill_task,
    list_jobs,
    list_tasks,
    retry_task,
    submit,
    task_error,
    upload,
)
from hpogrid.site.panda_command import Inputs, dataset_names, output_dataset, prun_arguments
from hpogrid.site.tasks import DAY, Task, find_tasks, user_name

ARCHIVE = "panda.tgz"
_TASK, _STATUS, _OUT, _EARLIER = "jediTaskID", "status", "outDS", "earlier"
_CACHE = "https://pandacache.cern.ch"
_REGISTERED_SECONDS = 900.0  # until a task that was taken has to be on the list
_SUBMIT_SECONDS = 900.0  # until a task that is not on the list was never sent
_HOUR = 3600.0

_JOB_STATES: dict[str, JobState] = {
    "finished": "done", "failed": "failed", "cancelled": "killed", "closed": "killed",
    "starting": "running", "running": "running", "holding": "running", "transferring": "running",
    "merging": "running", "broken": "failed", "lost": "failed", "missing": "failed",
}  # fmt: skip


class PandaSite:
    """Jobs on the grid (see `Site` and `ServerSite`)."""

    # --- submission ------------------------------------------------------------------------

    def plan(self, task: Task) -> list[list[str]]:
        """The prun command, which prun's own parser has read."""
        project = _project(task)
        inputs = _inputs(project, known=False)
        arguments = _arguments(task, project, _out_ds(task, project), ARCHIVE, inputs)
        return [["prun", *arguments]]

    def files(self, task: Task) -> list[tuple[str, int]]:
        """What is in the bundle."""
        return sizes(self.content(task))

    def submit(self, task: Task) -> None:
        """Submit one task with all jobs; its number on the server becomes the task's.

        Raises:
            UserError, RunError: it is refused, and nothing is left of it here.
            Unsure: nobody knows whether the server took it; `look` will find out.
        """
        try:
            project = _project(task)
            _require_client(task)
            login()
            _check_queues(task.site)
            task.native.setdefault(_OUT, _out_ds(task, project))
            task.native.setdefault(_EARLIER, f"sources.{uuid.uuid4()}.__ow__")
            task.name = task.native[_OUT]
            archive = task.folder / ARCHIVE
            write_bundle(self.content(task), archive)
            arguments = _arguments(
                task, project, task.native[_OUT], str(archive), _inputs(project, known=True)
            )
            task.save()  # from here on the task can be found again by its name
            with tempfile.TemporaryDirectory(prefix="hpogrid-") as folder:
                number = submit("prun", arguments, Path(folder))
        except Unsure:
            raise
        except UserError:
            shutil.rmtree(task.folder, ignore_errors=True)
            raise
        _take_number(task, number)

    def content(self, task: Task) -> Content:
        """The files of the bundle."""
        project = _project(task)
        folder = task.bundle if task.bundle.is_dir() else project_path(task.project)
        earlier = task.native.get(_EARLIER)
        settings = JobSettings(
            task=str(task.native.get(_OUT, task.name)),
            seed=task.seed,
            n_jobs=task.n_jobs,
            shared=task.shared,
            seconds=project.grid_config.walltime_seconds,
            earlier=f"{_cache()}/cache/{earlier}" if earlier else None,
        )
        return bundle_content(folder, settings)

    # --- state -----------------------------------------------------------------------------

    def status(self, tasks: Sequence[Task]) -> dict[int, list[JobStatus]]:
        """The jobs of each task (see `Site`)."""
        seen = self.look(tasks, details=True)
        return {task.id: seen[task.id].jobs for task in tasks}

    def look(self, tasks: Sequence[Task], *, details: bool = False) -> dict[int, Seen]:
        """The state of tasks, from one list that the server hands out (see `ServerSite`)."""
        listed = list_tasks(min(task.created for task in tasks) - _HOUR) if tasks else []
        by_number = {info.id: info for info in listed}
        by_name = {info.name.rstrip("/"): info for info in listed}
        seen = {}
        for task in tasks:
            info = by_number.get(_number(task) or 0) or by_name.get(str(task.native.get(_OUT)))
            if info is not None and _number(task) is None:
                _take_number(task, info.id)
            seen[task.id] = self._see(task, info, details)
            _remember(task, seen[task.id].status)
        return seen

    def _see(self, task: Task, info: TaskInfo | None, details: bool) -> Seen:
        number = _number(task)
        if number is None:
            return _never_sent(task)
        if info is None:
            info = get_task(number)
        if info is None:
            fresh = time.time() - task.created < _REGISTERED_SECONDS
            return Seen("registered" if fresh else "unknown")
        if not details:
            return Seen(info.status, _counted(info.statistics))
        jobs = _latest(list_jobs(number))
        if info.status in ENDED and not jobs:
            reason = task_error(number)
            jobs = [JobStatus(job, "failed", reason) for job in range(task.n_jobs)]
        return Seen(info.status, jobs)

    def others(self, known: Sequence[Task], *, days: float, username: str | None) -> list[Task]:
        """Tasks that were submitted elsewhere, if PanDA is used from here at all."""
        if not _in_use(known):
            return []
        exact = username if username and not re.search(r"[*?\[]", username) else None
        numbers = {_number(task) for task in known}
        names = {task.native.get(_OUT) for task in known}
        return [
            _foreign(info)
            for info in list_tasks(time.time() - days * DAY, exact)
            if info.id not in numbers and info.name.rstrip("/") not in names
        ]

    def other(self, number: int) -> Task | None:
        """A task of one's own that was submitted elsewhere."""
        if not _in_use(find_tasks()):
            return None
        info = get_task(number)
        return _foreign(info) if info is not None else None

    def metadata(self, task: Task) -> dict[str, Any]:
        """``userJobMetadata.json`` of all finished jobs."""
        number = _number(task)
        return job_metadata(number) if number is not None else {}

    # --- control ---------------------------------------------------------------------------

    def kill(self, task: Task) -> None:
        """Ask the server to end the task; that takes it some time."""
        kill_task(_sent(task))

    def retry(self, task: Task, jobs: Sequence[int]) -> None:
        """Ask the server for new jobs, and lay out for them what the earlier ones found out."""
        if _number(task) is None:
            self.submit(task)
            return
        if task.folder.is_dir():
            from hpogrid.site.panda_retry import lay_out

            self.fetch(task)
            lay_out(task, jobs, str(task.native.get(_EARLIER, "")), upload)
        retry_task(_sent(task))

    def logs(self, task: Task, job: int) -> str:
        """What the newest attempt of a job printed."""
        from hpogrid.site.panda_logs import read_log

        found = [item for item in list_jobs(_sent(task)) if item.index == job]
        if not found:
            return "(PanDA has not made this job yet)"
        return read_log(task, found[-1])

    def fetch(self, task: Task) -> list[str]:
        """Bring the ledgers home (see `hpogrid.site.panda_fetch`)."""
        from hpogrid.site.panda_fetch import STATE, fetch

        if not (task.folder / STATE).exists() or task.native.get(_STATUS) not in ENDED:
            self.look([task])
        number = _number(task)
        if number is None:
            return ["it is not known whether PanDA took the task"]
        return fetch(task, number, str(task.native.get(_STATUS)))


# --- details -------------------------------------------------------------------------------


def _project(task: Task) -> Project:
    return read_project(task.bundle) if task.bundle.is_dir() else load_project(task.project)


def _require_client(task: Task) -> None:
    from hpogrid.site import SITES

    others = ", ".join(name for name in SITES if name != "panda")
    what = f"site '{task.site}' (a queue of PanDA; other sites: {others})"
    require("pandaclient", extra="panda", what=what)


def _check_queues(site: str) -> None:
    """Refuse a queue that is not on the list, where there is a list."""
    from hpogrid.site.panda_check import check_queues

    for finding in check_queues(site):
        if finding.state == "bad":
            raise UserError(f"site: {finding.text}")


def _arguments(
    task: Task, project: Project, out_ds: str, archive: str, inputs: Inputs
) -> list[str]:
    """The arguments of prun, once its own parser has read them."""
    _require_client(task)
    arguments = prun_arguments(project, task.site, task.n_jobs, out_ds, archive, inputs)
    with tempfile.TemporaryDirectory(prefix="hpogrid-") as folder:
        check_arguments("prun", arguments, Path(folder))
    return arguments


def _out_ds(task: Task, project: Project) -> str:
    """The output dataset; one that a task here has already gets a number, if it has a date."""
    if _OUT in task.native:
        return str(task.native[_OUT])
    template = project.grid_config.outDS
    name = output_dataset(template, project.name, _account())
    taken = {other.native.get(_OUT) for other in find_tasks()}
    if name in taken and "$(" in template:
        return next(f"{name}.{n}" for n in range(1, 10**6) if f"{name}.{n}" not in taken)
    return name


def _account() -> str:
    try:
        return login().account or user_name()
    except UserError:
        return user_name()


def _inputs(project: Project, *, known: bool) -> Inputs:
    """The input datasets with their numbers of files.

    Args:
        project: whose grid config names them.
        known: whether they have to exist; else one file is assumed of what cannot be asked for.
    """
    names = dataset_names(project.grid_config.inDS)
    if not names:
        return Inputs()
    from hpogrid.data.rucio import Rucio

    try:
        rucio = Rucio()
        counts = {str(rucio.did(name)): rucio.entry(rucio.did(name)).files for name in names}
    except UserError:
        if known:
            raise
        return Inputs(dict.fromkeys(names, 1))
    empty = [name for name, count in counts.items() if not count]
    if empty:
        raise UserError(f"inDS: {empty[0]} has no files; 'hpogrid data upload' fills it")
    return Inputs(counts)


def _cache() -> str:
    parts = urlsplit(os.environ.get("PANDACACHE_URL", _CACHE))
    return f"{parts.scheme}://{parts.netloc}"


def _number(task: Task) -> int | None:
    number = task.native.get(_TASK)
    return number if isinstance(number, int) else None


def _sent(task: Task) -> int:
    number = _number(task)
    if number is None:
        number = find_task(f"{task.native.get(_OUT)}/")
        if number is None:
            raise RunError(f"PanDA does not know task {task.id}; 'hpogrid tasks retry' sends it")
        _take_number(task, number)
    return number


def _take_number(task: Task, number: int) -> None:
    task.native[_TASK] = number
    task.save()
    task.renumber(number)


def _remember(task: Task, status: str) -> None:
    if task.native.get(_STATUS) != status and task.folder.is_dir():
        task.native[_STATUS] = status
        task.save()


def _never_sent(task: Task) -> Seen:
    if time.time() - task.created < _SUBMIT_SECONDS:
        return Seen("submitting")
    reason = "it was never sent (its submission was cut off)"
    return Seen("broken", [JobStatus(job, "lost", reason) for job in range(task.n_jobs)])


def _counted(statistics: str | None) -> list[JobStatus]:
    """Jobs by their state (``finished*2,ready*1``); which of them is which is not told."""
    states: list[JobState] = []
    for part in (statistics or "").split(","):
        match = re.fullmatch(r"(\w+)\*(\d{1,6})", part.strip())
        if match:
            states += [_JOB_STATES.get(match.group(1), "queued")] * int(match.group(2))
    return [JobStatus(index, state) for index, state in enumerate(states)]


def _latest(jobs: Sequence[JobInfo]) -> list[JobStatus]:
    """The newest attempt of each job."""
    newest = {job.index: job for job in jobs if job.index is not None}
    found = []
    for index, job in sorted(newest.items(), key=lambda item: item[0] or 0):
        state = _JOB_STATES.get(job.status, "queued")
        words = [f"PanDA {job.id}", f"attempt {job.attempt}" if job.attempt > 1 else "", job.site]
        about = ", ".join(word for word in words if word)
        reason = f"{about}: {job.reason}" if state in ("failed", "killed") and job.reason else about
        found.append(JobStatus(index or 0, state, reason))
    return found


def _foreign(info: TaskInfo) -> Task:
    """A task that has no folder here."""
    owner = re.match(r"(?:user|group)\.([^.]+)\.", info.name)
    match = re.search(r"\.hpogrid\.(.+)\.out\.", info.name)
    return Task(
        id=info.id,
        name=info.name.rstrip("/"),
        project=match.group(1) if match else "",
        site=info.site or "ANY",
        user=owner.group(1) if owner else "",
        n_jobs=max(1, len(_counted(info.statistics))),
        created=_time(info.created),
        seed=0,
        project_hash="",
        native={_TASK: info.id, _STATUS: info.status},
    )


def _time(text: str | None) -> float:
    """A time of the server (UTC) in seconds since the epoch."""
    try:
        return datetime.fromisoformat(text or "").replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _in_use(known: Sequence[Task]) -> bool:
    """Whether PanDA is used from here: a task was sent, or the client is set up."""
    if any(_OUT in task.native for task in known):
        return True
    return any(os.environ.get(name) for name in ("PANDA_AUTH", "PANDA_URL_SSL", "PANDA_SYS"))
