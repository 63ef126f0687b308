"""Studies as things of their own: in a storage, and as files that go from place to place."""

from __future__ import annotations

import re
import tarfile
import time
from collections import Counter
from pathlib import Path

import msgspec

from hpogrid.config.assemble import unpack_export
from hpogrid.config.home import check_name
from hpogrid.config.project import check_scripts, load_project, read_project
from hpogrid.errors import UserError
from hpogrid.files import explained, files_below, load_record, scratch, writing
from hpogrid.job.run import RESULT
from hpogrid.registry import unknown
from hpogrid.site.choice import study_of
from hpogrid.site.tasks import (
    FILE,
    Task,
    claim_folder,
    find_tasks,
    load_task,
    tasks_path,
)
from hpogrid.space.value import Values
from hpogrid.study.ledger import SUFFIX
from hpogrid.study.notes import NOTES
from hpogrid.study.study import Trial, read_study
from hpogrid.study.values import best_of

BUNDLE = "bundle"
_PART = re.compile(
    rf"{FILE}|{NOTES}|{BUNDLE}/.+|ledger/[^/]+{re.escape(SUFFIX)}|jobs/\d{{1,6}}/{re.escape(RESULT)}"
)
"""What an export holds."""


def stored_studies(url: str) -> list[Values]:
    """The studies of an Optuna storage: name, directions, trials, best value, start.

    Raises:
        UserError: the storage cannot be used.
    """
    from optuna import get_all_study_summaries

    from hpogrid.study.storage import reach

    summaries = reach(url, lambda storage: get_all_study_summaries(storage=storage))
    return [
        {
            "study": item.study_name,
            "mode": ",".join("min" if d.name == "MINIMIZE" else "max" for d in item.directions),
            "trials": item.n_trials,
            "best": item.best_trial.value if item.best_trial else None,
            "started": str(item.datetime_start or "")[:19],
        }
        for item in summaries
    ]


def own_studies() -> list[Values]:
    """A row for each project that was run: its trials and the best of them."""
    return [_summary(name) for name in dict.fromkeys(task.project for task in find_tasks()[::-1])]


def own_study(name: str) -> Values:
    """The row of one project, with how many trials are in which state.

    Raises:
        UserError: no such project, or it was never run.
    """
    if not find_tasks(project=name, limit=1):
        load_project(name)
        raise UserError(f"project '{name}' was not run yet; start it with: hpogrid run {name}")
    return _summary(name)


def stored_study(url: str, name: str) -> Values:
    """One study of a storage.

    Raises:
        UserError: no such study.
    """
    rows = {str(row["study"]): row for row in stored_studies(url)}
    if name not in rows:
        raise UserError(unknown("study", name, list(rows)))
    return rows[name]


def create_study(project_name: str, url: str | None) -> tuple[str, str]:
    """Make the study of a project in its storage, or in ``url``; return name and storage.

    Raises:
        UserError: neither names a storage, or it cannot be used.
    """
    from hpogrid.study.address import without_secret
    from hpogrid.study.storage import open_study

    project = load_project(project_name)
    config = project.hpo_config
    where = url or project.storage
    if where is None:
        raise UserError(
            f"project '{project_name}' has no storage; give --storage URL (jobs on one shared "
            "file system need none)"
        )
    name = project.study_name
    open_study(where, name, config.metrics, config.modes)
    return name, without_secret(where)


def _summary(name: str) -> Values:
    """A row for the study of a project."""
    tasks, left_out = study_of(name)
    project = tasks[0].read_project()
    metric, mode = project.hpo_config.metrics[0], project.hpo_config.modes[0]
    trials: list[Trial] = []
    for task in tasks:
        trials += read_study(task.ledgers)[0].trials.values()
    best = best_of(trials, metric, mode)
    states = Counter(trial.state for trial in trials)
    return {
        "study": name,
        "mode": mode,
        "trials": len(trials),
        "best": best.value if best else None,
        "states": ", ".join(f"{count} {state}" for state, count in sorted(states.items())),
        "started": time.strftime(
            "%Y-%m-%d %H:%M", time.localtime(min((t.started for t in trials), default=0))
        ),
        "version": project.study_version,
        "notes": "; ".join(left_out),
    }


def export_task(number: int, output: Path | None) -> Path:
    """Write a task to one ``.tar.gz`` file: bundle, ledgers and results.

    Raises:
        UserError: no such task.
    """
    task = load_task(number)
    output = output or Path(f"{task.project}-{number}.tar.gz")
    with writing(output) as stream, tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.add(task.folder / FILE, FILE)
        archive.add(task.bundle, BUNDLE)
        if (task.folder / NOTES).exists():
            archive.add(task.folder / NOTES, NOTES)
        for path in sorted(task.ledgers.glob(f"*{SUFFIX}")):
            archive.add(path, f"ledger/{path.name}")
        for path in sorted(task.folder.glob(f"jobs/*/{RESULT}")):
            archive.add(path, str(path.relative_to(task.folder)))
    return output


def import_task(path: Path) -> Task:
    """Make a task of an exported file, under a new number of this user directory.

    Raises:
        UserError: the file is missing, no export, damaged, or would do harm.
    """
    with scratch(tasks_path()) as folder:
        unpack_export(path, folder)
        try:
            task = _exported(folder)
        except FileNotFoundError as error:
            raise UserError(f"{path} is no export of a task: it has no {FILE}") from error
        except UserError as error:
            problem = str(error).replace(f"{folder}/", "")
            raise UserError(f"{path} is no export of a task: {problem}") from error
        task = msgspec.structs.replace(task, id=claim_folder(), imported=True, native={})
        (folder / "ledger").mkdir(exist_ok=True)
        task.save(folder)
        with explained(task.folder):
            folder.rename(task.folder)
    return task


def _exported(folder: Path) -> Task:
    """The task that was unpacked in a folder.

    Raises:
        FileNotFoundError: there is none.
        UserError: something that no export holds, or not what it was.
    """
    task = load_record(folder / FILE, Task)
    check_name(task.project, "project")
    for name in files_below(folder):
        if not _PART.fullmatch(name):
            raise UserError(f"it holds {name}, which no export does")
    numbers = [int(place.name) for place in (folder / "jobs").glob("*")]
    if max(numbers, default=0) >= task.n_jobs:
        raise UserError(f"it holds a result of job {max(numbers)} of {task.n_jobs} jobs")
    check_scripts(read_project(folder / BUNDLE), folder / BUNDLE)
    return task
