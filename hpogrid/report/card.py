"""One trial: which one a person means, and all that is known of it."""

from __future__ import annotations

import shlex
import time
from typing import NamedTuple

from hpogrid.errors import UserError
from hpogrid.report.load import load_sources
from hpogrid.report.results import Origin
from hpogrid.site.choice import Filters
from hpogrid.site.control import any_task, trial_names
from hpogrid.site.tasks import Task, load_task
from hpogrid.space.value import Values
from hpogrid.study.events import Environment
from hpogrid.study.notes import Said
from hpogrid.study.study import Trial
from hpogrid.study.values import WITH_RESULT


class Chosen(NamedTuple):
    """A trial, its task, and what the report knows of that."""

    task: Task
    trial: Trial
    origin: Origin


def card(chosen: Chosen) -> Values:
    """The facts about a trial by their names, as JSON has them; what is not known is left out."""
    trial, origin = chosen.trial, chosen.origin
    said, task = origin.said(trial), str(origin.id)
    log = ["hpogrid", "tasks", "logs", task, "--trial", trial.id]
    replay = ["hpogrid", "replay", task, trial.id]
    found: Values = {
        "trial": trial.id,
        "task": origin.id,
        "state": trial.state,
        "reason": trial.reason,
        "values": trial.applied,
        "result": trial.metrics if trial.state in WITH_RESULT else None,
        "reports": len(trial.reports) or None,
        "last_report": trial.reports[-1].metrics if trial.reports else None,
        "started": _moment(trial.started),
        "seconds": round(trial.duration, 3) if trial.ended is not None else None,
        "attempts": trial.attempt,
        "seed": trial.seed,
        "host": trial.host,
        "site": origin.site,
        "job": trial.job,
        "environment": environment_rows(origin.environment(trial)) or None,
        "tags": said.tags or None,
        "notes": list(map(note_words, said.notes)) or None,
        "files": [item.path for item in origin.files.get(trial.id, ())] or None,
        "log": shlex.join(log) if task else None,
        "replay": shlex.join(replay) if task and trial.parent is None else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def note_words(said: Said) -> str:
    """A note, with who wrote it and when."""
    return f"{said.note} ({said.user}, {_moment(said.time)})"


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def environment_rows(found: Environment | None) -> dict[str, str]:
    """What an environment is made of, a line each; what is not known is left out."""
    if found is None:
        return {}
    rows = {
        "Python": " ".join(filter(None, [found.python, found.program and f"({found.program})"])),
        "packages": ", ".join(f"{name} {version}" for name, version in found.packages.items()),
        "system": found.system,
        "GPUs": ", ".join(found.gpus),
        "GPU driver": found.driver,
        "threads": str(found.threads or ""),
        "image": found.image,
        "image digest": "" if found.digest in found.image else found.digest,
        "Git commit": found.git.words if found.git else "",
    }
    return {name: text for name, text in rows.items() if text}


def find_trial(target: str, name: str) -> Chosen:
    """The trial of a project's study, or of one task.

    Args:
        target: the name of a project, or the number of a task.
        name: of the trial, ``<job>-<number>``.

    Raises:
        UserError: no such project, task or trial, or several of that name.
    """
    only = target.isdecimal()
    project = any_task(int(target)).project if only else target
    filters = Filters(ids=target, all_versions=True) if only else Filters()
    sources = [item for item in load_sources(project, filters) if isinstance(item.task.id, int)]
    found = [source for source in sources if name in source.study.trials]
    if not found:
        known = [trial for source in sources for trial in source.study.trials]
        where = f"task {target}" if only else f"project '{target}'"
        raise UserError(f"{where} has no trial '{name}'; {trial_names(known)}")
    numbers = [str(source.task.id) for source in found]
    if len(found) > 1:
        raise UserError(
            f"there is a trial {name} in each of the tasks {', '.join(numbers)}: name one of them "
            f"instead of the project, such as {shlex.join([numbers[-1], name])}"
        )
    return Chosen(load_task(int(numbers[0])), found[0].study.trials[name], found[0].task)
