"""What users do with tasks, at whatever sites they are."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hpogrid.config.project import load_project, project_path
from hpogrid.engine.prep import prep_logs
from hpogrid.errors import RunError, UserError
from hpogrid.job.run import PREP, read_result
from hpogrid.job.start import Start
from hpogrid.site import make_site, site_kind
from hpogrid.site.base import (
    ACTIVE,
    ENDED,
    RETRYABLE,
    JobStatus,
    Seen,
    ServerSite,
    Site,
    Steering,
    WithScripts,
    task_status,
)
from hpogrid.site.choice import Filters, choose
from hpogrid.site.elsewhere import SERVER_DAYS
from hpogrid.site.point import debug_command
from hpogrid.site.tasks import (
    IMPORTED,
    IdRange,
    Task,
    find_tasks,
    load_task,
    new_task,
    next_number,
    sketch,
    tasks_path,
)
from hpogrid.study.metadata import job_metadata
from hpogrid.study.storage import check_url
from hpogrid.study.study import read_study
from hpogrid.text import counted
from hpogrid.trial.worker import trial_log


@dataclass(frozen=True)
class Overview:
    """A task and its jobs as they are now; ``told`` is its status as its server tells it."""

    task: Task
    jobs: Sequence[JobStatus]
    told: str | None = None

    @property
    def status(self) -> str:
        """In PanDA's words."""
        return self.told or task_status(self.jobs)

    @property
    def active(self) -> bool:
        """Whether a job waits or runs."""
        if self.told is not None:
            return self.told not in ENDED
        return any(job.state in ACTIVE for job in self.jobs)

    @cached_property
    def _ended(self) -> tuple[int, int]:
        """How many trials have finished, and how many of them failed."""
        results = [read_result(self.task.job_folder(job.job)) for job in self.jobs]
        known = [result for result in results if result]
        if results and len(known) == len(results):
            return sum(one.finished for one in known), sum(one.failed for one in known)
        trials = read_study(self.task.ledgers)[0].finished
        return len(trials), sum(trial.state == "failed" for trial in trials)

    @property
    def finished(self) -> int:
        """How many trials have finished."""
        return self._ended[0]

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """For each job the summary of its finished trials."""
        site = make_site(self.task.site)
        if isinstance(site, ServerSite):
            return site.metadata(self.task)
        project = self.task.read_project()
        study, _ = read_study(self.task.ledgers)
        return {
            str(job.job): job_metadata(project, [t for t in study if t.job == job.job])
            for job in self.jobs
        }

    @property
    def trouble(self) -> str | None:
        """That all trials failed, which the status does not tell."""
        finished, failed = self._ended
        if self.active or not finished or failed < finished:
            return None
        return (
            f"task {self.task.id}: all {counted(finished, 'trial')} failed; 'hpogrid report "
            f"{self.task.project}' shows why"
        )

    def row(self) -> dict[str, Any]:
        """The task as a row, with the column names of the specification."""
        return {
            "jeditaskid": self.task.id,
            "status": self.status,
            "taskname": self.task.name,
            "computingsite": self.task.site,
            "username": self.task.user,
            "project": self.task.project,
            "jobs": self.task.n_jobs,
            "trials": self.finished,
            "created": self.task.created,
        }


def submit(
    project_name: str,
    *,
    site: str | None,
    n_jobs: int,
    shared: bool = True,
    start: Start | None = None,
    mode: str = "grid",
) -> Task:
    """Submit the jobs of a project.

    Args:
        project_name: of a stored project; the task gets it as it is now.
        site: instead of the grid config's.
        n_jobs: how many.
        shared: whether they are one search.
        start: points to evaluate first, and earlier results.
        mode: ``idds``: PanDA's HPO service runs the search, and the jobs evaluate its points.

    Raises:
        UserError: unknown project or site; nothing is submitted then.
    """
    project = load_project(project_name)
    name = site or project.grid_config.site
    where = make_site(name)
    native = _native(where, mode, start)
    if project.storage is not None and shared:
        check_url(project.storage, n_jobs)
    if isinstance(where, WithScripts):
        where.scripts(sketch(project, name, n_jobs))  # refuses what is wrong in the configs
    task = new_task(project, site=name, n_jobs=n_jobs, shared=shared, start=start)
    task.native |= native
    try:
        where.submit(task)
    except UserError:
        if not task.native:
            shutil.rmtree(task.folder, ignore_errors=True)
        raise
    return task


def _native(where: Site, mode: str, start: Start | None) -> dict[str, Any]:
    """What a task is marked with whose search PanDA's HPO service runs."""
    if mode != "idds":
        return {}
    if not isinstance(where, ServerSite):
        raise UserError("--mode idds is for queues of PanDA; choose one with --site")
    if start is not None and start != Start():
        raise UserError(
            "PanDA's HPO service takes neither --search_points nor --warm_start; use --mode grid"
        )
    return {"mode": mode}


def overview(tasks: Iterable[Task], *, details: bool = False) -> list[Overview]:
    """The state of tasks, with one question to each kind of site.

    Args:
        tasks: any number.
        details: whether it matters which of their jobs is which.
    """
    tasks = list(tasks)
    seen: dict[int, Seen] = {}
    jobs: dict[int, list[JobStatus]] = {}
    for kind in {_kind(task) for task in tasks}:
        group = [task for task in tasks if _kind(task) == kind]
        site = make_site(kind)
        if isinstance(site, ServerSite):
            seen |= site.look(group, details=details)
        else:
            jobs |= site.status(group)
    return [
        Overview(task, seen[task.id].jobs, seen[task.id].status)
        if task.id in seen
        else Overview(task, jobs[task.id])
        for task in tasks
    ]


def _kind(task: Task) -> str:
    """Who knows how the jobs of a task are: of one that was imported no server does."""
    kind = site_kind(task.site)
    return "local" if IMPORTED in task.native and kind == "panda" else kind


@dataclass(frozen=True)
class Survey:
    """Tasks as they are, and what could not be found out or is left out, a sentence each."""

    found: list[Overview]
    problems: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def survey(
    filters: Filters | None = None, *, username: str | None = None, ask: bool = True
) -> Survey:
    """The tasks that match all filters, newest first: of this machine's table and of servers.

    Args:
        filters: which tasks.
        username: a wildcard pattern.
        ask: whether to ask servers about tasks that were submitted elsewhere.
    """
    filters = filters or Filters()
    own, left_out = choose(filters, username=username)
    site = make_site("panda")
    assert isinstance(site, ServerSite)
    problems: list[str] = []
    tasks = list(own)
    if ask:
        try:
            days = filters.days or SERVER_DAYS
            others = site.others(find_tasks(), days=days, username=username)
        except UserError as error:
            others = []
            problems.append(str(error))
        wanted = filters.wanted(username=username)
        tasks += [task for task in others if wanted.passes(task)]
        tasks.sort(key=lambda task: (task.created, task.id), reverse=True)
        if (more := len(tasks) - filters.limit) > 0:
            left_out.append(f"{counted(more, 'older task')} left out: --limit {filters.limit}")
            del tasks[filters.limit :]
    try:
        return Survey(overview(tasks), problems, left_out)
    except UserError as error:
        here = [task for task in own if site_kind(task.site) != "panda"]
        last = [_last_seen(task) for task in own if site_kind(task.site) == "panda"]
        found = sorted(overview(here) + last, key=lambda item: item.task.created, reverse=True)
        return Survey(found, [str(error)], left_out)


def _last_seen(task: Task) -> Overview:
    site = make_site(task.site)
    assert isinstance(site, ServerSite)
    seen = site.remembered(task)
    return Overview(task, seen.jobs, seen.status)


def any_task(number: int) -> Task:
    """The task of that number: of this machine's table, or else of a server.

    Raises:
        UserError: there is none.
    """
    if (tasks_path() / str(number)).is_dir():
        return load_task(number)
    site = make_site("panda")
    assert isinstance(site, ServerSite)
    task = site.other(number)
    return task if task is not None else load_task(number)


def select(texts: Sequence[str]) -> list[Task]:
    """The tasks that are named by number or range (``3-9``).

    Raises:
        UserError: no such task.
    """
    found: dict[int, Task] = {}
    for text in texts:
        if text.isdecimal():
            found[int(text)] = any_task(int(text))
            continue
        matching = find_tasks(ids=IdRange(text))
        if not matching:
            raise UserError(f"there is no task in {text}; 'hpogrid tasks show' lists them")
        found |= {task.id: task for task in matching}
    return [found[number] for number in sorted(found)]


def kill(task: Task) -> None:
    """End what is active of a task.

    Raises:
        UserError: nothing is.
    """
    if not _sure(overview([task])[0]).active:
        raise UserError(f"task {task.id} has no job that waits or runs")
    make_site(task.site).kill(task)


def _sure(item: Overview) -> Overview:
    """The overview, unless its site did not answer."""
    unsure = next((job for job in item.jobs if job.state == "unknown"), None)
    if unsure is not None:
        raise RunError(unsure.reason or "the site does not answer")
    return item


def retryable(task: Task) -> list[int]:
    """The jobs of a task that can be started again.

    Raises:
        UserError: there is none.
    """
    status = _sure(overview([task], details=True)[0])
    jobs = [job.job for job in status.jobs if job.state in RETRYABLE]
    if not jobs:
        hint = "" if status.active else f"; 'hpogrid tasks extend {task.id} --trials N' adds trials"
        raise UserError(
            f"task {task.id} is {status.status}: no job has failed, is unfinished, was killed or "
            f"lost{hint}"
        )
    return jobs


def retry(task: Task, options: Mapping[str, Any] | None = None) -> list[int]:
    """Start the jobs again that are unfinished, failed, were killed or lost; return them.

    Args:
        task: whose jobs.
        options: parameters of the task, for its server, that are to be others from now on.

    Raises:
        UserError: there is nothing to start, or no server.
    """
    site = make_site(task.site)
    if not options:
        jobs = retryable(task)
        site.retry(task, jobs)
        return jobs
    server = _server(task, "other options for its jobs")
    jobs = retryable(task)
    server.retry_otherwise(task, jobs, options)
    return jobs


def steer(task: Task, what: Steering) -> None:
    """Have the server of a task go on otherwise with it.

    Raises:
        UserError: it has none, or refuses.
    """
    _server(task, what).steer(task, what)


def _server(task: Task, what: str) -> ServerSite:
    site = make_site(task.site)
    if not isinstance(site, ServerSite):
        raise UserError(
            f"task {task.id} is at {task.site}, where nobody can do this ({what}): it is for the "
            "grid; 'hpogrid tasks kill' and 'retry' do elsewhere"
        )
    return site


def extend(task: Task, trials: int) -> tuple[list[int], list[int]]:
    """Add trials to the budget of each job of a task, and start those that do not run.

    The new budget is written before anything is started: whatever is killed then, a retry goes
    on to the same budget.

    Returns:
        The jobs that were started, and those that still run or wait: with the budget that they
        knew when they started, so that they are unfinished when they end.

    Raises:
        UserError: the jobs do not see the task's folder.
    """
    site = make_site(task.site)
    if isinstance(site, ServerSite):
        raise UserError(
            f"task {task.id} is at {task.site}, where jobs have a copy of the task of their own; "
            f"submit more of them with: hpogrid run {task.project} --warm_start {task.id}"
        )
    _sure(overview([task])[0])
    task.add_trials(trials)
    states = overview([task], details=True)[0].jobs
    jobs = [job.job for job in states if job.state in RETRYABLE]
    if jobs:
        site.retry(task, jobs)
    return jobs, [job.job for job in states if job.state in ACTIVE]


def notes(project_name: str, *, site: str | None, mode: str = "grid", ask: bool) -> list[str]:
    """What is to be said before a project is submitted (see `ServerSite.notes`)."""
    project = load_project(project_name)
    name = site or project.grid_config.site
    where = make_site(name)
    if not isinstance(where, ServerSite):
        return []
    task = sketch(project, name, 1)
    task.native |= _native(where, mode, None)
    return where.notes(task, ask=ask)


def plan(project_name: str, *, site: str | None, n_jobs: int, mode: str = "grid") -> list[str]:
    """What `submit` would do: the commands, what is to be said, and the files of the bundle."""
    project = load_project(project_name)
    name = site or project.grid_config.site
    where = make_site(name)
    task = sketch(project, name, n_jobs, number=next_number())
    task.native |= _native(where, mode, None)
    files = where.files(task) if isinstance(where, ServerSite) else _files(project_name)
    lines = [f"site: {name}", f"jobs: {n_jobs}", "commands:"]
    lines += [f"  {shlex.join(command)}" for command in where.plan(task)]
    lines += [f"note: {note}" for note in notes(project_name, site=site, mode=mode, ask=False)]
    lines += [f"bundle of project {project.hash}:"]
    lines += [f"  {size:>10}  {path}" for path, size in files]
    if isinstance(where, WithScripts):
        for path, text in where.scripts(task).items():
            lines += [f"{path}:", *(f"  {line}".rstrip() for line in text.splitlines())]
    return lines


def _files(project_name: str) -> list[tuple[str, int]]:
    folder = project_path(project_name)
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [(str(path.relative_to(folder)), path.stat().st_size) for path in paths]


def read_logs(task_id: int, job: int | None, trial: str | None, *, prep: bool = False) -> list[str]:
    """The logs of all jobs of a task, of one job, of one trial, or of what was prepared.

    Raises:
        UserError: no such task, job or trial.
    """
    task = any_task(task_id)
    if prep:
        return _prep_logs(task, job)
    if trial is not None:
        return [_trial_log(task, trial)]
    if job is not None and job >= task.n_jobs:
        raise UserError(f"task {task.id} has the jobs 0 to {task.n_jobs - 1}, not {job}")
    site = make_site(task.site)
    jobs = [job] if job is not None else range(task.n_jobs)
    return [f"--- job {index}\n{site.logs(task, index)}".rstrip() for index in jobs]


def _prep_logs(task: Task, job: int | None) -> list[str]:
    """What was prepared: for all jobs together, or by each where they share no disk."""
    site = make_site(task.site)
    jobs = [job] if job is not None else range(task.n_jobs)
    folders = [task.prep]
    if isinstance(site, ServerSite):
        folders = [task.job_folder(index) / PREP for index in jobs]
        for index in jobs:
            site.fetch_job(task, index)
    return [text for folder in folders for text in prep_logs(folder)]


def _trial_log(task: Task, trial: str) -> str:
    study, _ = read_study(task.ledgers)
    if trial not in study.trials:
        raise UserError(f"task {task.id} has no trial '{trial}'; they are called 0-1, 0-2, ...")
    record = study.trials[trial]
    site = make_site(task.site)
    if isinstance(site, ServerSite):
        site.fetch_job(task, record.job)
    project = task.read_project()
    path = trial_log(
        task.job_folder(record.job) / project.hpo_config.log_dir, trial, record.attempt
    )
    text = path.read_text(errors="replace").rstrip() if path.exists() else "(it wrote nothing)"
    if record.state == "failed":
        text += f"\n--- to debug it: {debug_command(project, record.applied)}"
    return text
