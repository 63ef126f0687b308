"""What can be cleaned: the tasks of a project, and folders of models that other tools trained."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hpogrid.cleanup.links import linked
from hpogrid.cleanup.policy import Candidate, Place, candidates, chosen, newest
from hpogrid.cleanup.trash import TRASH, Item, Trash, batch_name
from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.report.recipe import is_recipe, read_recipe
from hpogrid.report.results import Objective
from hpogrid.site.tasks import IdRange, Task, find_tasks
from hpogrid.study.study import Trial, read_study
from hpogrid.study.values import as_loss, result_of


@dataclass(frozen=True)
class Target:
    """A folder with a trash of its own, and the trials in it."""

    root: Path
    places: Sequence[Place]


@dataclass(frozen=True)
class Plan:
    """What would go, what stays only because of a link, and the trials that are left alone."""

    going: list[Candidate]
    linked: list[Candidate]
    busy: list[str]
    total: int


def find_targets(
    name: str, *, ids: str | None, objectives: Sequence[Objective], idle: float
) -> list[Target]:
    """The targets that a user names.

    Args:
        name: of a project, or a folder of models.
        ids: only these tasks of the project.
        objectives: what says which model is best, in a folder of models.
        idle: seconds for which a model's folder has not changed when nothing trains it.

    Raises:
        UserError: there is neither.
    """
    tasks = find_tasks(project=name, ids=IdRange(ids) if ids else None)
    if tasks:
        return [task_target(task) for task in reversed(tasks)]
    folder = Path(name)
    if folder.is_dir():
        if not is_recipe(folder):
            raise UserError(
                f"{folder} holds no models (folders with the files metrics and hyperparams.txt); "
                "name a project, or a folder of models"
            )
        return [folder_target(folder, objectives, idle)]
    if ids and find_tasks(project=name):
        raise UserError(f"project '{name}' has no task in {ids}; 'hpogrid tasks show' lists them")
    known = sorted({task.project for task in find_tasks()})
    raise UserError(f"no folder {name}, and {unknown('project with tasks', name, known)}")


def task_target(task: Task) -> Target:
    """The trials of a task. One that has not come to its end will go on, and is busy."""
    config = task.read_project().hpo_config
    places = []
    for trial in read_study(task.ledgers)[0]:
        folder = task.job_folder(trial.job) / "trials" / trial.id
        if folder.is_dir() and not folder.is_symlink():
            value = _loss(trial, config.metrics[0], config.modes[0])
            name = f"{task.id}/{trial.id}"
            places.append(Place(name, folder, value, not trial.finished))
    return Target(task.folder, places)


def folder_target(folder: Path, objectives: Sequence[Objective], idle: float) -> Target:
    """The models below a folder. One is busy while its files change or a process has them open."""
    source = read_recipe(folder, objectives)
    objective = source.objectives[0]
    used = _used_paths()
    places = []
    for name, trial in source.study.trials.items():
        value = _loss(trial, objective.name, objective.mode)
        model = folder / name
        places.append(Place(name, model, value, _is_busy(model, idle, used)))
    return Target(folder, places)


def _loss(trial: Trial, name: str, mode: str) -> float | None:
    value = result_of(trial, name)
    return None if value is None else as_loss(value, mode)


def _is_busy(model: Path, idle: float, used: Iterable[str]) -> bool:
    inside = os.path.realpath(model) + "/"
    if any(f"{path}/".startswith(inside) for path in used):
        return True
    changed = model.lstat().st_mtime
    for folder, _, files in os.walk(model):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                changed = max(changed, os.lstat(f"{folder}/{name}").st_mtime)
    return time.time() - changed < idle


def _used_paths() -> set[str]:
    """What processes of this machine have open, or as working directory, as far as one may see."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.add(os.readlink(process / "cwd"))
        with contextlib.suppress(OSError):
            for handle in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    found.add(os.readlink(handle))
    return found


def make_plan(targets: Sequence[Target], policy: str, kinds: Sequence[str]) -> Plan:
    """What a policy would remove. The best are found among the trials of all targets together.

    Args:
        targets: where.
        policy: see `hpogrid.cleanup.policy`.
        kinds: ``checkpoint``, ``output`` or both.
    """
    places = [place for target in targets for place in target.places]
    keeps = chosen(places, policy)
    going: list[Candidate] = []
    total = 0
    for place in places:
        found = list(candidates(place))
        total += sum(item.size for item in found)
        if place.busy:
            continue
        staying = newest(found) if keeps(place) else set()
        going += [
            item
            for item in found
            if item.kind in kinds
            and not (keeps(place) and (item.kind == "output" or item.path in staying))
        ]
    roots = [target.root for target in targets]
    needed = linked(roots, [item.path for item in going], TRASH)
    return Plan(
        [item for item in going if item.path not in needed],
        [item for item in going if item.path in needed],
        [place.trial for place in places if place.busy],
        total,
    )


def carry_out(targets: Sequence[Target], plan: Plan) -> list[Item]:
    """Move what a plan says into the trash of its target; return what was moved."""
    moved: list[Item] = []
    name = batch_name()
    for target in targets:
        own = [
            (item.path, item.size) for item in plan.going if item.path.is_relative_to(target.root)
        ]
        if own:
            moved += Trash(target.root).put(own, name)
    return moved


def undo(targets: Sequence[Target]) -> tuple[list[Item], list[str]]:
    """Bring back what went last; return it, and why something is not back.

    A batch of which every place is taken again stays, and the one before it is brought back.
    """
    trashes = {target.root: Trash(target.root) for target in targets}
    back: list[Item] = []
    problems: list[str] = []
    names = {name for trash in trashes.values() for name in trash.batches()}
    for name in sorted(names, reverse=True):
        for trash in trashes.values():
            found, why = trash.undo(name)
            back += found
            problems += why
        if back:
            break
    return back, problems


__all__ = ["Plan", "Target", "carry_out", "find_targets", "make_plan", "undo"]
