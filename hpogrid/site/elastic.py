"""A search that grows, shrinks and moves: trials, jobs and sites, while it runs or afterwards.

What is asked of jobs that run is a file in the task's folder (`hpogrid.engine.requests`).
"""

from __future__ import annotations

import shutil

import msgspec

from hpogrid.config.schemas import GridConfig
from hpogrid.engine.requests import STOP, kill_request
from hpogrid.errors import UserError
from hpogrid.files import explained, locked, make_folder
from hpogrid.site import bring, check_grid, keepers, make_site, site_kind
from hpogrid.site.base import ACTIVE, RETRYABLE, Kept
from hpogrid.site.control import (
    forget_requests,
    kill,
    overview,
    start_jobs,
    sure,
    trial_names,
)
from hpogrid.site.tasks import Task, check_jobs, load_task
from hpogrid.study.storage import check_url
from hpogrid.study.study import read_study


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
    _refuse_copies(task)
    sure(overview([task])[0])
    task.add_trials(trials)
    states = overview([task], details=True)[0].jobs
    jobs = [job.job for job in states if job.state in RETRYABLE]
    if jobs:
        forget_requests(task)
        start_jobs(task, jobs)
    return jobs, [job.job for job in states if job.state in ACTIVE]


def _refuse_copies(task: Task, *sites: str) -> None:
    """Refuse what needs jobs that see the task's folder."""
    disks = {make_site(name).traits.disk: name for name in (*sites, *keepers(task))}
    if len(disks) > 1:
        raise UserError(
            f"{' and '.join(sorted(disks.values()))} share no disk, and the trials of task "
            f"{task.id} are on one; submit a search that knows its results with: "
            f"hpogrid run {task.project} --site {(*sites, task.site)[0]} --warm_start {task.id}"
        )
    for name in (*sites, *keepers(task)):
        if not make_site(name).traits.shared_disk:
            where = name if name in sites else task.site
            raise UserError(
                f"jobs at {where} have a copy of the task of their own and do not see the folder "
                f"of task {task.id}; submit a search that knows its results with: "
                f"hpogrid run {task.project} --warm_start {task.id}"
            )


def add_jobs(
    task: Task, n_jobs: int, *, site: str | None = None, grid: GridConfig | None = None
) -> list[int]:
    """Add jobs to the search of a task, each with a budget like the others; return them.

    Args:
        task: it may run, or have ended.
        n_jobs: how many.
        site: where, if not at the task's own site; it has to share the disk.
        grid: how jobs run there, if not as the task's grid config says.

    Raises:
        Kept: not all of them were taken.
        UserError: it cannot be; nothing was added then.
    """
    name = site or task.site
    _refuse_copies(task, name)
    if task.point:
        raise UserError(f"task {task.id} is one trial, which takes no further jobs")
    project = task.read_project()
    if project.storage is not None and task.shared:
        check_url(project.storage, task.n_jobs + n_jobs)
    check_jobs(task.n_jobs + n_jobs)
    with locked(task.folder):
        before = load_task(task.id)
        jobs = list(range(before.n_jobs, before.n_jobs + n_jobs))
        task.begun_with = before.begun_with or before.n_jobs
        task.n_jobs = before.n_jobs + n_jobs
        task.sites = before.sites | (dict.fromkeys(jobs, name) if name != before.site else {})
        task.grids = before.grids | _grid_at(task, name, grid)
        for job in jobs:
            task.job_folder(job).mkdir(parents=True, exist_ok=True)
        task.save()
    try:
        make_site(name).retry(task, jobs)
    except Kept:
        raise
    except UserError:
        for job in jobs:
            shutil.rmtree(task.job_folder(job), ignore_errors=True)
        _put_back(task, before)
        raise
    return jobs


def _grid_at(task: Task, site: str, grid: GridConfig | None) -> dict[str, GridConfig]:
    """How jobs run at a site; native options of another one mean nothing there."""
    kind = site_kind(site)
    if grid is None:
        if kind == site_kind(task.site) or kind in task.grids:
            return {}
        grid = msgspec.structs.replace(task.read_project().grid_config, extra={})
    check_grid(kind, grid)
    return {kind: msgspec.structs.replace(grid, site=site, host=None)}


def _put_back(task: Task, before: Task) -> None:
    """A change of a task that came to nothing."""
    for name in ("n_jobs", "begun_with", "site", "sites", "grids", "imported"):
        setattr(task, name, getattr(before, name))
    task.save()


def move(task: Task, site: str, grid: GridConfig | None = None) -> list[int]:
    """Go on with a search at another site; return the jobs that were started there.

    What runs is ended first. Nothing is lost: all trials stay in the task's folder.

    Raises:
        Kept: not all jobs were taken there.
        UserError: nothing is left to do, or the site refuses; the task stays where it is then.
    """
    _refuse_copies(task, site)
    grids = _grid_at(task, site, grid)
    item = sure(overview([task], details=True)[0])
    jobs = [job.job for job in item.jobs if job.state in (*RETRYABLE, *ACTIVE)]
    if not jobs:
        raise UserError(
            f"task {task.id} is {item.status}: no job has anything left to do; "
            f"'hpogrid tasks extend {task.id} --trials N' adds trials"
        )
    if item.active:
        kill(task)
    before = load_task(task.id)
    task.site, task.sites, task.grids, task.imported = site, {}, before.grids | grids, False
    task.save()
    forget_requests(task)
    try:
        make_site(site).retry(task, jobs)
    except Kept:
        raise
    except UserError:
        _put_back(task, before)
        raise
    return jobs


def stop(task: Task) -> None:
    """Have the jobs of a task start no further trial; those that run go on to their end.

    Raises:
        UserError: no job waits or runs, or the jobs do not see the task's folder.
    """
    _refuse_copies(task)
    if not sure(overview([task])[0]).active:
        raise UserError(f"task {task.id} has no job that waits or runs")
    _ask(task, STOP)


def kill_trial(task: Task, trial: str) -> None:
    """Have a job end one of its trials, which has failed then.

    Raises:
        UserError: it does not run, or the jobs do not see the task's folder.
    """
    _refuse_copies(task)
    bring(task)
    study, _ = read_study(task.ledgers)
    if trial not in study.trials:
        raise UserError(f"task {task.id} has no trial '{trial}'; {trial_names(list(study.trials))}")
    if study.trials[trial].finished:
        raise UserError(f"trial {trial} of task {task.id} has ended already")
    _ask(task, kill_request(trial))


def _ask(task: Task, request: str) -> None:
    with explained(task.requests):
        make_folder(task.requests)
        (task.requests / request).touch()
    if make_site(task.site).traits.disk:
        sure(overview([task])[0])  # another machine is told by that
