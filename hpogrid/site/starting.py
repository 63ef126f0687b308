"""Making the start of a task from what the user names."""

from __future__ import annotations

from pathlib import Path

from hpogrid.config.project import Project, project_names
from hpogrid.errors import UserError
from hpogrid.job.start import Start
from hpogrid.search.auto import choose
from hpogrid.search.base import Problem
from hpogrid.site import bring
from hpogrid.site.choice import study_of, version_of
from hpogrid.site.tasks import Task, load_task
from hpogrid.study.history import History, read_history, study_history
from hpogrid.study.study import read_study
from hpogrid.text import counted


def make_start(
    project: Project, points: Path | None, warm_start: str | None
) -> tuple[Start, list[str]]:
    """Read points and earlier results.

    Args:
        project: that will be run.
        points: file with points to evaluate first.
        warm_start: a task number, a project, or what `read_history` reads.

    Returns:
        The start, and what the user should know about it.

    Raises:
        UserError: a point that is not in the space, or a source that is none.
    """
    start, notes = Start(), []
    if points is not None:
        from hpogrid.search.points import read_points

        start.first = [point.suggested for point in read_points(points, project.space)]
        notes.append(f"{counted(len(start.first), 'point')} from {points} evaluated first")
    if warm_start is not None:
        history, left_out = _history(project, warm_start)
        notes += left_out
        if not history.points:
            raise UserError(f"{history.sentence(warm_start)}; nothing to start from")
        start.past = history.points
        notes.append(f"{history.sentence(warm_start)}; {_use(project, history)}")
    return start, notes


def _use(project: Project, history: History) -> str:
    """What becomes of earlier results."""
    hpo = project.hpo_config
    known = len(history.points)
    problem = Problem(project.space, hpo.modes, 0, hpo.trials, known=known)
    match choose(problem).algorithm if hpo.algorithm == "auto" else hpo.algorithm:
        case "random":
            return "random draws learn nothing from them"
        case "grid":
            return "what was evaluated is left out"
    if all(point.same for point in history.points):
        return "they count as results of this search"
    return "a few are evaluated again, and if they hold, all count"


def _is_of(project: Project, task: Task) -> bool:
    """Whether a task searched for the very same with trials of the same length."""
    same = version_of(task) == project.study_version
    return same and task.read_project().hpo_config.stop == project.hpo_config.stop


def _history(project: Project, source: str) -> tuple[History, list[str]]:
    space, metrics = project.space, project.hpo_config.metrics
    tasks: list[Task] = []
    left_out: list[str] = []
    if source.isdigit():
        tasks = [load_task(int(source))]
    elif source in project_names():
        tasks, left_out = study_of(source)
        if not tasks:
            raise UserError(f"warm start: project '{source}' has no task yet")
    if tasks:
        left_out = [*left_out, *(sentence for task in tasks for sentence in bring(task))]
        studies = (read_study(task.ledgers)[0] for task in tasks)
        same = all(_is_of(project, task) for task in tasks)
        return study_history(studies, space, metrics, same=same), left_out
    return read_history(source, space, metrics), left_out
