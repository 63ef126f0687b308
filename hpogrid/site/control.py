"""What users do with tasks, at whatever sites they are."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hpogrid.config.project import load_project, project_path
from hpogrid.engine.job import read_result
from hpogrid.engine.worker import trial_log
from hpogrid.errors import UserError
from hpogrid.site import make_site
from hpogrid.site.base import ACTIVE, JobStatus, task_status
from hpogrid.site.tasks import IdRange, Task, find_tasks, load_task, new_task, sketch
from hpogrid.study.metadata import job_metadata
from hpogrid.study.storage import check_url
from hpogrid.study.study import load_study

_RETRYABLE = ("failed", "killed", "lost")


@dataclass(frozen=True)
class Overview:
    """A task and its jobs as they are now."""

    task: Task
    jobs: Sequence[JobStatus]

    @property
    def status(self) -> str:
        """In PanDA's words."""
        return task_status(self.jobs)

    @property
    def active(self) -> bool:
        """Whether a job waits or runs."""
        return any(job.state in ACTIVE for job in self.jobs)

    @cached_property
    def finished(self) -> int:
        """How many trials have finished."""
        results = [read_result(self.task.job_folder(job.job)) for job in self.jobs]
        if all(results):
            return sum(result.finished for result in results if result)
        return len(load_study(self.task.ledgers)[0].finished)

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """For each job the summary of its finished trials."""
        project = self.task.read_project()
        study, _ = load_study(self.task.ledgers)
        return {
            str(job.job): job_metadata(project, [t for t in study if t.job == job.job])
            for job in self.jobs
        }

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


def submit(project_name: str, *, site: str | None, n_jobs: int, shared: bool = True) -> Task:
    """Submit the jobs of a project.

    Args:
        project_name: of a stored project; the task gets it as it is now.
        site: instead of the grid config's.
        n_jobs: how many.
        shared: whether they are one search.

    Raises:
        UserError: unknown project or site; nothing is submitted then.
    """
    project = load_project(project_name)
    name = site or project.grid_config.site
    where = make_site(name)
    if project.hpo_config.storage is not None and shared:
        check_url(project.hpo_config.storage, n_jobs)
    task = new_task(project, site=name, n_jobs=n_jobs, shared=shared)
    where.submit(task)
    return task


def overview(tasks: Iterable[Task]) -> list[Overview]:
    """The state of tasks, with one question to each site."""
    tasks = list(tasks)
    jobs: dict[int, list[JobStatus]] = {}
    for site in {task.site for task in tasks}:
        jobs |= make_site(site).status([task for task in tasks if task.site == site])
    return [Overview(task, jobs[task.id]) for task in tasks]


def select(texts: Sequence[str]) -> list[Task]:
    """The tasks that are named by number or range (``3-9``).

    Raises:
        UserError: no such task.
    """
    found: dict[int, Task] = {}
    for text in texts:
        if text.isdigit():
            found[int(text)] = load_task(int(text))
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
    if not overview([task])[0].active:
        raise UserError(f"task {task.id} has no job that waits or runs")
    make_site(task.site).kill(task)


def retryable(task: Task) -> list[int]:
    """The jobs of a task that can be started again.

    Raises:
        UserError: there is none.
    """
    status = overview([task])[0]
    jobs = [job.job for job in status.jobs if job.state in _RETRYABLE]
    if not jobs:
        raise UserError(
            f"task {task.id} is {status.status}: no job has failed or was killed or lost"
        )
    return jobs


def retry(task: Task) -> list[int]:
    """Start the jobs again that failed, were killed or lost; return them."""
    jobs = retryable(task)
    make_site(task.site).retry(task, jobs)
    return jobs


def plan(project_name: str, *, site: str | None, n_jobs: int) -> list[str]:
    """What `submit` would do: the files of the bundle with their sizes, and the commands."""
    project = load_project(project_name)
    name = site or project.grid_config.site
    where = make_site(name)
    folder = project_path(project_name)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    lines = [f"site: {name}", f"jobs: {n_jobs}", f"bundle of project {project.hash}:"]
    lines += [f"  {path.stat().st_size:>10}  {path.relative_to(folder)}" for path in files]
    lines += ["commands:"]
    lines += [f"  {shlex.join(command)}" for command in where.plan(sketch(project, name, n_jobs))]
    return lines


def read_logs(task_id: int, job: int | None, trial: str | None) -> list[str]:
    """The logs of all jobs of a task, of one job, or of one trial.

    Raises:
        UserError: no such task, job or trial.
    """
    task = load_task(task_id)
    if trial is not None:
        return [_trial_log(task, trial)]
    if job is not None and job >= task.n_jobs:
        raise UserError(f"task {task.id} has the jobs 0 to {task.n_jobs - 1}, not {job}")
    site = make_site(task.site)
    jobs = [job] if job is not None else range(task.n_jobs)
    return [f"--- job {index}\n{site.logs(task, index)}".rstrip() for index in jobs]


def _trial_log(task: Task, trial: str) -> str:
    study, _ = load_study(task.ledgers)
    if trial not in study.trials:
        raise UserError(f"task {task.id} has no trial '{trial}'; they are called 0-1, 0-2, ...")
    record = study.trials[trial]
    folder = task.job_folder(record.job) / task.read_project().hpo_config.log_dir
    path = trial_log(folder, trial, record.attempt)
    return path.read_text(errors="replace").rstrip() if path.exists() else "(it wrote nothing)"
