"""What users do with tasks, at whatever sites they are."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hpogrid.config.project import Project, load_project, project_path
from hpogrid.engine.prep import prep_logs
from hpogrid.errors import RunError, UserError
from hpogrid.job.run import PREP, read_result
from hpogrid.job.start import Start
from hpogrid.site import bring, check_grid, keeper, keepers, make_site, servers
from hpogrid.site.base import (
    ACTIVE,
    ENDED,
    RETRYABLE,
    JobStatus,
    Kept,
    Seen,
    ServerSite,
    Site,
    Steering,
    task_status,
)
from hpogrid.site.choice import Filters, choose
from hpogrid.site.elsewhere import SERVER_DAYS
from hpogrid.site.onward import go_on
from hpogrid.site.point import debug_command
from hpogrid.site.tasks import (
    IdRange,
    Task,
    find_tasks,
    load_task,
    new_task,
    next_number,
    sketch,
    tasks_path,
)
from hpogrid.space.value import Value, Values
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
    def metadata(self) -> Values:
        """For each job the summary of its finished trials."""
        server = make_site(self.task.site).server
        if server is not None:
            return server.metadata(self.task)
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

    def row(self) -> Values:
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
        Kept: some jobs were taken, or perhaps all; the task stays.
        UserError: unknown project or site, or a refusal; nothing is submitted then.
    """
    project = load_project(project_name)
    name = site or project.grid_config.place
    where = make_site(name)
    _check_mode(name, where, mode, project, start)
    if project.storage is not None and shared:
        check_url(project.storage, n_jobs)
    check_grid(name, project.grid_config)
    where.scripts(sketch(project, name, n_jobs))  # refuses what is wrong in the configs
    task = new_task(project, site=name, n_jobs=n_jobs, shared=shared, start=start, mode=mode)
    try:
        where.submit(task)
    except Kept:
        raise
    except UserError:
        shutil.rmtree(task.folder, ignore_errors=True)
        raise
    return task


def _check_mode(
    name: str, where: Site, mode: str, project: Project, start: Start | None = None
) -> None:
    """Refuse that somebody runs the search who cannot, or cannot run it so."""
    if mode not in where.traits.modes:
        able = ", ".join(site.label for site in servers() if mode in site.traits.modes)
        raise UserError(f"site {name} has no --mode {mode}: that is for queues of {able}")
    if mode != "grid" and start is not None and start != Start():
        raise UserError(
            f"--mode {mode} takes neither --search_points nor --warm_start; use --mode grid"
        )
    if mode != "grid" and project.hpo_config.prior:
        raise UserError(f"--mode {mode} has no use for a prior; take it out, or use --mode grid")


def overview(tasks: Iterable[Task], *, details: bool = False) -> list[Overview]:
    """The state of tasks, with one question to each kind of site.

    Args:
        tasks: any number.
        details: whether it matters which of their jobs is which.
    """
    tasks = list(tasks)
    go_on(besides=[task.id for task in tasks])
    seen: dict[int, Seen] = {}
    jobs: dict[int, list[JobStatus]] = {}
    for kind in {kind for task in tasks for kind in keepers(task)}:
        group = [task for task in tasks if kind in keepers(task)]
        site = make_site(kind)
        if site.server is not None:
            seen |= site.server.look(group, details=details)
            continue
        for number, found in site.status(group).items():
            jobs[number] = sorted([*jobs.get(number, []), *found], key=lambda status: status.job)
    return [
        Overview(task, seen[task.id].jobs, seen[task.id].status)
        if task.id in seen
        else Overview(task, jobs[task.id])
        for task in tasks
    ]


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
    problems: list[str] = []
    tasks = list(own)
    if ask:
        others: list[Task] = []
        for server in servers():
            try:
                days = filters.days or SERVER_DAYS
                others += server.others(find_tasks(), days=days, username=username)
            except UserError as error:
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
        here = [task for task in own if make_site(keeper(task)).server is None]
        last = [_last_seen(task) for task in own if make_site(keeper(task)).server is not None]
        found = sorted(overview(here) + last, key=lambda item: item.task.created, reverse=True)
        return Survey(found, [str(error)], left_out)


def _last_seen(task: Task) -> Overview:
    server = make_site(keeper(task)).server
    assert server is not None
    seen = server.remembered(task)
    return Overview(task, seen.jobs, seen.status)


def any_task(number: int) -> Task:
    """The task of that number: of this machine's table, or else of a server.

    Raises:
        UserError: there is none.
    """
    if (tasks_path() / str(number)).is_dir():
        return load_task(number)
    found = (task for server in servers() if (task := server.other(number)) is not None)
    return next(found, None) or load_task(number)


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


def kill(task: Task, jobs: Sequence[int] = ()) -> None:
    """End what is active of a task, or of these jobs of it.

    Raises:
        UserError: nothing is.
    """
    for job in jobs:
        _check_job(task, job)
    item = sure(overview([task], details=bool(jobs))[0])
    wanted = jobs or range(task.n_jobs)
    if jobs:
        active = any(job.state in ACTIVE for job in item.jobs if job.job in wanted)
    else:
        active = item.active
    if not active:
        which = f"job {', '.join(map(str, jobs))} of task {task.id}" if jobs else f"task {task.id}"
        raise UserError(f"{which} has no job that waits or runs" if not jobs else
                        f"{which} neither waits nor runs")  # fmt: skip
    _at_sites(task, wanted, lambda site, some: site.kill(task, some))


def _at_sites(task: Task, jobs: Iterable[int], act: Callable[[Site, list[int]], None]) -> None:
    """Do something with jobs, site by site."""
    jobs = list(jobs)
    for kind in sorted({keeper(task, job) for job in jobs}):
        act(make_site(kind), [job for job in jobs if keeper(task, job) == kind])


def _check_job(task: Task, job: int) -> None:
    if job >= task.n_jobs:
        raise UserError(f"task {task.id} has the jobs 0 to {task.n_jobs - 1}, not {job}")


def sure(item: Overview) -> Overview:
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
    status = sure(overview([task], details=True)[0])
    jobs = [job.job for job in status.jobs if job.state in RETRYABLE]
    if not jobs:
        hint = "" if status.active else f"; 'hpogrid tasks extend {task.id} --trials N' adds trials"
        raise UserError(
            f"task {task.id} is {status.status}: no job has failed, is unfinished, was killed or "
            f"lost{hint}"
        )
    return jobs


def retry(task: Task, options: Mapping[str, Value] | None = None) -> list[int]:
    """Start the jobs again that are unfinished, failed, were killed or lost; return them.

    Args:
        task: whose jobs.
        options: parameters of the task, for its server, that are to be others from now on.

    Raises:
        UserError: there is nothing to start, or no server.
    """
    server = _server(task, "other options for its jobs") if options else None
    jobs = retryable(task)
    forget_requests(task)
    if server is not None and options:
        server.retry_otherwise(task, jobs, options)
    else:
        start_jobs(task, jobs)
    return jobs


def steer(task: Task, what: Steering) -> None:
    """Have the server of a task go on otherwise with it.

    Raises:
        UserError: it has none, or refuses.
    """
    _server(task, what).steer(task, what)


def _server(task: Task, what: str) -> ServerSite:
    server = make_site(task.site).server
    if server is None:
        raise UserError(
            f"task {task.id} is at {task.site}, where nobody can do this ({what}): it is for the "
            "grid; 'hpogrid tasks kill' and 'retry' do elsewhere"
        )
    return server


def start_jobs(task: Task, jobs: Iterable[int]) -> None:
    """Start jobs, each at its site."""
    _at_sites(task, jobs, lambda site, some: site.retry(task, some))


def forget_requests(task: Task) -> None:
    """What was asked of earlier attempts is not asked of the next ones."""
    shutil.rmtree(task.requests, ignore_errors=True)


def notes(project_name: str, *, site: str | None, mode: str = "grid", ask: bool) -> list[str]:
    """What is to be said before a project is submitted (see `Site.notes`)."""
    project = load_project(project_name)
    name = site or project.grid_config.place
    where = make_site(name)
    _check_mode(name, where, mode, project)
    return where.notes(sketch(project, name, 1, mode=mode), project, ask=ask)


def plan(project_name: str, *, site: str | None, n_jobs: int, mode: str = "grid") -> list[str]:
    """What `submit` would do: the commands, what is to be said, and the files of the bundle."""
    project = load_project(project_name)
    name = site or project.grid_config.place
    where = make_site(name)
    _check_mode(name, where, mode, project)
    check_grid(name, project.grid_config)
    task = sketch(project, name, n_jobs, number=next_number(), mode=mode)
    files = where.server.files(task) if where.server else _files(project_name)
    lines = [f"site: {name}", f"jobs: {n_jobs}", "commands:"]
    lines += [f"  {shlex.join(command)}" for command in where.plan(task)]
    lines += [f"note: {note}" for note in where.notes(task, project, ask=False)]
    lines += [f"bundle of project {project.hash}:"]
    lines += [f"  {size:>10}  {path}" for path, size in files]
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
    if job is not None:
        _check_job(task, job)
    jobs = [job] if job is not None else range(task.n_jobs)
    return [
        f"--- job {index}\n{make_site(keeper(task, index)).logs(task, index)}".rstrip()
        for index in jobs
    ]


def _prep_logs(task: Task, job: int | None) -> list[str]:
    """What was prepared: for all jobs together, or by each where they share no disk."""
    site = make_site(task.site)
    jobs = [job] if job is not None else range(task.n_jobs)
    for index in jobs:
        site.fetch_job(task, index)
    folders = [task.prep]
    if not site.traits.shared_disk:
        folders = [task.job_folder(index) / PREP for index in jobs]
    return [text for folder in folders for text in prep_logs(folder)]


def trial_names(names: list[str]) -> str:
    """What the trials are called that there are."""
    if not names:
        return "none has begun yet"
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"it has {shown}"


def _trial_log(task: Task, trial: str) -> str:
    missing = bring(task)
    study, _ = read_study(task.ledgers)
    if trial not in study.trials:
        known = trial_names(list(study.trials))
        raise UserError("; ".join([f"task {task.id} has no trial '{trial}'; {known}", *missing]))
    record = study.trials[trial]
    make_site(task.site).fetch_job(task, record.job)
    project = task.read_project()
    path = trial_log(
        task.job_folder(record.job) / project.hpo_config.log_dir, trial, record.attempt
    )
    text = path.read_text(errors="replace").rstrip() if path.exists() else "(it wrote nothing)"
    if record.state == "failed":
        text += f"\n--- to debug it: {debug_command(project, record.applied)}"
    return text
