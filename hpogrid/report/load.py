"""From what a user names (a project, a ledger, a result file) to its trials, and to one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from hpogrid.config.project import FILE, Project, project_names, project_path, read_project
from hpogrid.errors import UserError
from hpogrid.files import read_record
from hpogrid.job.settings import TaskFolder
from hpogrid.job.start import FILE as START
from hpogrid.job.start import Start
from hpogrid.registry import unknown
from hpogrid.report.attached import saved_files
from hpogrid.report.replay import Replay
from hpogrid.report.results import Objective, Origin, Results, no_garbage_collection, span
from hpogrid.search.base import Mode
from hpogrid.site.choice import Filters, current_version, study_of, version_of
from hpogrid.site.replay import replays_of
from hpogrid.study.ledger import SUFFIX
from hpogrid.study.notes import read_notes
from hpogrid.study.study import LedgerFolder, Study, Trial
from hpogrid.text import counted

if TYPE_CHECKING:
    from hpogrid.site.tasks import Task

LEDGER = "ledger"
BUNDLE = "bundle"
JOBS = "jobs"


class Source(msgspec.Struct):
    """One task, file or folder.

    Attributes:
        name: of the project, or of the file.
        task: where the trials come from.
        study: the trials.
        project: the project as it was when they ran; None where it is not known.
        objectives: what was optimised, where a file says so and there is no project.
        budget: how many trials were asked for; None where it is not known.
        warnings: a sentence for each thing that was skipped.
        left_out: a sentence for each kind of task that is not part of the study.
        confirmed: fresh evaluations of its configurations, which are no part of it.
        replays: trials that were run again, which are no part of it either.
    """

    name: str
    task: Origin
    study: Study
    project: Project | None = None
    objectives: tuple[Objective, ...] = ()
    budget: int | None = None
    warnings: list[str] = []
    left_out: list[str] = []
    confirmed: list[Trial] = []
    replays: list[Replay] = []


def load_sources(
    target: str, filters: Filters | None = None, objectives: Sequence[Objective] = ()
) -> list[Source]:
    """The trials of the study of a project, oldest task first, or of one file or folder.

    A project is looked for first; ``./name`` is always a path. ``objectives`` says which of
    several checkpoints counts, where the models of another tool are read.

    Raises:
        UserError: neither, or no task passes the filters.
    """
    if is_project(target):
        return _project_sources(target, filters or Filters())
    path = Path(target)
    if path.exists():
        return [read_path(path, objectives)]
    raise UserError(f"no file {target}, and {unknown('project', target, project_names())}")


def is_project(target: str) -> bool:
    """Whether a name is that of a stored project, or of one that has tasks."""
    from hpogrid.site.tasks import find_tasks

    try:
        stored = (project_path(target) / FILE).is_file()
    except UserError:
        return False
    return stored or bool(find_tasks(project=target, limit=1))


def _project_sources(name: str, filters: Filters) -> list[Source]:
    from hpogrid.site.elsewhere import adopt
    from hpogrid.site.tasks import find_tasks

    known = bool(find_tasks(project=name, limit=1))
    problems = adopt(name, filters.wanted(name)) if filters.named or not known else []
    tasks, left_out = study_of(name, filters)
    sources, damaged = _readable(reversed(tasks))
    problems += damaged
    if sources:
        said = "\n".join(warning for source in sources for warning in source.warnings)
        sources[0].warnings[:0] = [problem for problem in problems if problem not in said]
        sources[0].left_out = left_out
        sources[-1].confirmed = _confirmed(name, sources[-1].task.version)
        sources[-1].replays = _replays(name)
        return sources
    if problems:
        raise UserError(f"project '{name}' has no tasks here, and {problems[0]}")
    if filters == Filters() and not find_tasks(project=name, limit=1):
        raise UserError(f"project '{name}' has no tasks yet; 'hpogrid run {name}' starts them")
    raise UserError(
        f"no task of project '{name}' passes the filters (--days, --limit, --taskname, --range); "
        "'hpogrid tasks show' lists all"
    )


def _confirmed(name: str, version: str) -> list[Trial]:
    """The fresh evaluations of configurations of this version that have come to their end."""
    from hpogrid.site.confirm import confirm_tasks

    sources, _ = _readable(confirm_tasks(name, version))
    return [trial for source in sources for trial in source.study.finished]


def _replays(name: str) -> list[Replay]:
    """The trials of a project that were run again and have come to their end, oldest first."""
    tasks = {task.id: task for task in replays_of(name)}
    found = []
    for source in _readable(tasks.values())[0]:
        number = int(source.task.id)
        of, _, trial = tasks[number].replays.partition(":")
        for again in source.study.finished if of.isdecimal() else ():
            environment = source.task.environment(again)
            found.append(Replay(int(of), trial, number, again, environment))
    return found


def _readable(tasks: Iterable[Task]) -> tuple[list[Source], list[str]]:
    """The sources of tasks; for each that is damaged a sentence instead."""
    sources, problems = [], []
    for task in tasks:
        try:
            sources.append(_task_source(task))
        except UserError as error:
            problems.append(f"task {task.id} is left out: {error}")
    return sources, problems


def _task_source(task: Task) -> Source:
    from hpogrid.site import bring

    warnings = bring(task)
    source = _source(task.ledgers, f"*{SUFFIX}", task)
    warnings += [f"task {task.id}: {warning}" for warning in source.warnings]
    warnings += _missing(task)
    budget = task.budget(source.project) if source.project else None
    return replace(source, name=task.project, budget=budget, warnings=warnings)


def _missing(task: Task) -> list[str]:
    """Whether jobs have ended before they had done their part."""
    from hpogrid.site.arrays import settled

    ended = (settled(task, job) for job in range(task.n_jobs))
    left = [status for status in ended if status and status.state == "unfinished"]
    if not left:
        return []
    return [
        f"task {task.id}: {len(left)} of {counted(task.n_jobs, 'job')} unfinished "
        f"(job {left[0].job}: {left[0].reason}); 'hpogrid tasks retry {task.id}' goes on"
    ]


def _own(task: Task, study: Study, folder: Path, project: Project | None) -> Origin:
    """Where the trials of a task come from, whose folder need not be in the table."""
    return Origin(
        id=task.id,
        site=task.site,
        seconds=span(study),
        created=task.created,
        folder=str(folder),
        name=task.name,
        shared=task.shared,
        seed=task.seed,
        key=(read_record(task.bundle / START, Start) or Start()).task,
        version=version_of(task),
        environments=study.environments,
        notes=read_notes(folder),
        files=saved_files(TaskFolder(folder).job(job) for job in range(task.n_jobs)),
        logs=project.hpo_config.log_dir if project else "",
    )


def read_path(path: Path, objectives: Sequence[Objective] = ()) -> Source:
    """Read a ledger, a folder of ledgers or models, the folder of a task, or a result file.

    Raises:
        UserError: it is none of them.
    """
    if path.is_dir():
        return _read_folder(path, objectives)
    if path.suffix == SUFFIX:
        return _source(path.parent, path.name)
    job = path.resolve().parent
    if job.parent.name == JOBS and job.name.isdigit() and (job.parent.parent / LEDGER).is_dir():
        return _source(job.parent.parent / LEDGER, f"job-{int(job.name):04d}.*{SUFFIX}")
    from hpogrid.report.recipe import read_result_file

    return read_result_file(path)


def _read_folder(folder: Path, objectives: Sequence[Objective]) -> Source:
    inner = folder / LEDGER
    found = inner if inner.is_dir() else folder
    if not any(found.glob(f"*{SUFFIX}")):
        from hpogrid.report.recipe import is_recipe, read_recipe

        if is_recipe(folder):
            return read_recipe(folder, objectives)
        raise UserError(
            f"{folder} holds no ledger (*{SUFFIX}); name a project, a ledger, or a result file"
        )
    return _source(found, f"*{SUFFIX}")


def _source(folder: Path, pattern: str, task: Task | None = None) -> Source:
    """Ledgers in a folder: of a task, maybe of one whose record lies beside it."""
    from hpogrid.site.tasks import FILE as RECORD
    from hpogrid.site.tasks import Task

    ledgers = LedgerFolder(folder, pattern)
    with no_garbage_collection():
        ledgers.poll()
    study, project = ledgers.study, _project_near(folder)
    task = task or read_record(folder.parent / RECORD, Task)
    if task:
        origin = _own(task, study, folder.parent, project)
    else:
        origin = Origin(seconds=span(study), folder=str(folder), environments=study.environments)
    name = project.name if project else folder.resolve().name
    return Source(name, origin, study, project, warnings=ledgers.warnings)


def _project_near(folder: Path) -> Project | None:
    """The project whose trials these are: beside the ledger, or in the bundle of its task."""
    for place in (folder, folder / BUNDLE, folder.parent, folder.parent / BUNDLE):
        if (place / FILE).is_file():
            return read_project(place)
    return None


def given_objectives(metric: str | None, mode: Mode | None) -> tuple[Objective, ...]:
    """The objective that a user names on the command line.

    Raises:
        UserError: one of the two without the other.
    """
    if metric is None and mode is None:
        return ()
    if metric is None or mode is None:
        raise UserError("give --metric and --mode together, such as --metric loss --mode min")
    return (Objective(metric, mode),)


def remarks(sources: Iterable[Source]) -> list[str]:
    """What a person should know of sources: what was damaged, and what is left out."""
    return [text for source in sources for text in (*source.warnings, *source.left_out)]


def objectives_of(sources: Sequence[Source]) -> tuple[Objective, ...]:
    """What was optimised: as the last project says, or a file; empty where it is not known."""
    projects = [source.project for source in sources if source.project is not None]
    if projects:
        config = projects[-1].hpo_config
        return tuple(map(Objective, config.metrics, config.modes))
    return next((item.objectives for item in sources if item.objectives), ())


def make_results(
    sources: Sequence[Source],
    *,
    extra: Sequence[str] = (),
    objectives: Sequence[Objective] = (),
) -> Results:
    """Merge sources into one table.

    Where projects differ (one was recreated between two tasks), the last one says what is
    optimised; give ``objectives`` to say otherwise.

    Raises:
        UserError: an extra column that is not there.
    """
    projects = [source.project for source in sources if source.project is not None]
    project = projects[-1] if projects else None
    present = project is not None and project.study_version == current_version(project.name)
    budgets = [source.budget for source in sources]
    return Results(
        sources[-1].name if sources else "",
        [(source.task, source.study) for source in sources],
        objectives=objectives or objectives_of(sources),
        space=project.space if project else None,
        extra=extra,
        project=project.name if project and present else None,
        mlflow=project.hpo_config.mlflow if project else None,
        experiment=project.hpo_config.mlflow_experiment if project else None,
        budget=sum(budgets) if None not in budgets else None,  # type: ignore[arg-type]
        notes=[note for source in sources for note in source.left_out],
        confirmed=[trial for source in sources for trial in source.confirmed],
        replays=[item for source in sources for item in source.replays],
    )
