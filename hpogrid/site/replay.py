"""A trial that is run again as it was: its values, its seed, and its version of the scripts."""

from __future__ import annotations

import msgspec

from hpogrid.config.project import FILE, Project
from hpogrid.engine.resources import cpu_count
from hpogrid.errors import UserError
from hpogrid.files import write_atomic
from hpogrid.job.start import Start
from hpogrid.site import HERE, make_site
from hpogrid.site.tasks import Task, find_tasks, new_task
from hpogrid.study.events import Environment
from hpogrid.study.study import Trial

_KEPT = ("max_concurrent", "time_attr")
"""What of a scheduler's parameters says how trials run, and not which of them end."""


def replay_task(
    task: Task,
    trial: Trial,
    environment: Environment | None,
    *,
    site: str | None,
    python: str | None,
) -> Task:
    """Make a task that runs a trial of another task again.

    Args:
        task: whose bundle is used, as it was.
        trial: of it.
        environment: in which the trial ran, if that is known.
        site: where; it is submitted there. None: it shall run in this process.
        python: of the trial, instead of the one of the model config.

    Raises:
        UserError: the trial cannot be repeated, or the site refuses the task.
    """
    if trial.parent is not None or trial.changed_at:
        raise UserError(
            f"trial {trial.id} went on from a checkpoint of trial {trial.parent}: it cannot be run "
            f"again alone; its values can: hpogrid local_run {task.project} --point ..."
        )
    project = _alone(task.read_project(), environment, python)
    new = new_task(
        project,
        site=site or HERE,
        foreground=site is None,
        start=Start(first=[trial.suggested], seed=trial.seed),
        bundle=task.bundle,
    )
    write_atomic(new.bundle / FILE, msgspec.json.encode(project))
    new.replays = f"{task.id}:{trial.id}"
    if site is not None:
        new.grids = task.grids
    new.save()
    if site is not None:
        make_site(site).submit(new)
    return new


def _alone(project: Project, environment: Environment | None, python: str | None) -> Project:
    """The project as it runs one trial."""
    hpo, model = project.hpo_config, project.model_config
    threads = environment.threads if environment is not None else 0
    config = msgspec.structs.replace(
        hpo.without_search(*_KEPT),
        trials=1,
        repeat=1,
        time_limit=None,
        stop_search=type(hpo.stop_search)(),
        storage=None,
        mlflow=None,
        # Sums of floats depend on how many threads have a part in them.
        cpus_per_trial=threads if 0 < threads <= cpu_count() else hpo.cpus_per_trial,
    )
    if python is not None:
        model = msgspec.structs.replace(model, python=python)
    return msgspec.structs.replace(project, hpo_config=config, model_config=model).with_hash()


def replays_of(project: str) -> list[Task]:
    """The tasks that run trials of a project again, oldest first."""
    return [task for task in find_tasks(project=project) if task.replays][::-1]
