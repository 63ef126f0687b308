"""What a submission would be, before it is one: sizes, times, defaults, files, commands."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import msgspec

from hpogrid.config.advice import drift_notes, project_notes
from hpogrid.config.project import SCRIPTS, Project, load_project, project_path
from hpogrid.config.schemas import CONTAINER, SCHEMAS
from hpogrid.errors import RunError
from hpogrid.files import files_below
from hpogrid.site import control, make_site
from hpogrid.site.container import wanted
from hpogrid.site.tasks import sketch
from hpogrid.study.study import read_study
from hpogrid.text import counted

Line = tuple[str, str]
"""What it is, and its value."""


def describe(project_name: str, *, site: str | None, n_jobs: int, scout: bool) -> list[Line]:
    """What `control.submit` would do.

    Args:
        project_name: of a stored project.
        site: instead of the grid config's.
        n_jobs: how many jobs.
        scout: whether to run one trial here, to tell how long all will take.

    Raises:
        UserError: unknown project or site.
        RunError: the scouting trial failed.
    """
    project = load_project(project_name)
    commands = control.plan(project_name, site=site, n_jobs=n_jobs)
    lines = [
        ("project", f"{project_name} ({project.hash})"),
        ("site", site or project.grid_config.place),
        ("container", _container(project, site or project.grid_config.place)),
        ("input data", project.grid_config.inDS or "none"),
        *_points(project, n_jobs),
    ]
    if scout:
        lines += _times(project, n_jobs)
        commands = control.plan(project_name, site=site, n_jobs=n_jobs)  # after the scout's task
    files = files_below(project_path(project_name) / SCRIPTS)
    notes = drift_notes(project) + project_notes(project, files)
    lines += [("note", text) for text in notes]
    lines += [("default", text) for text in _defaults(project)]
    return [*lines, *(("", text) for text in commands)]


def _container(project: Project, site: str) -> str:
    """The image that jobs run in; the default one is for the grid only."""
    traits, image = make_site(site).traits, project.grid_config.container
    if traits.image or (traits.disk and image != CONTAINER):  # it is not for us to look for it
        return image
    found = wanted(project, sketch(project, site, 1))
    return "none" if found is None else found.image


def _points(project: Project, n_jobs: int) -> list[Line]:
    config = project.hpo_config
    size = project.space.size()
    asked = config.trials * n_jobs
    finite = "infinite" if size is None else f"{size} configurations"
    lines = [
        ("search space", f"{counted(len(project.space.parameters), 'parameter')}, {finite}"),
        (
            "trials",
            f"{counted(n_jobs, 'job')} x {config.trials} = {asked}, "
            f"{config.max_concurrent} at once in a job",
        ),
    ]
    if size is not None and size * config.repeat < asked:
        lines.append(("trials", f"no more than {size * config.repeat}: then every one was tried"))
    return [*lines, *_prep(project)]


def _prep(project: Project) -> Iterator[Line]:
    """The stages of the preparation, and how often each runs if all values are tried."""
    parameters = project.space.parameters
    for number, stage in enumerate(project.model_config.prep, start=1):
        counts = [parameters[name].count() for name in stage.keys if name in parameters]
        often = "many times" if None in counts else f"{math.prod(filter(None, counts))} x"
        yield f"prep {number}", f"{often} {stage.command}"


def _times(project: Project, n_jobs: int) -> list[Line]:
    """Run one trial, and reckon with that."""
    import random

    from hpogrid.site.local import run_here
    from hpogrid.site.point import point_task

    point = project.space.sample(random.Random(0))
    task = point_task(project, point.applied)
    began = time.time()
    run_here(task, lambda run: None)
    trials = list(read_study(task.ledgers)[0])
    if not trials or trials[0].state == "failed":
        reason = trials[0].reason if trials else "it did not start"
        raise RunError(f"the scouting trial (task {task.id}) failed: {reason}")
    seconds = trials[0].duration
    config = project.hpo_config
    job = seconds * config.trials / config.max_concurrent + (time.time() - began - seconds)
    return [
        ("scouting trial", f"{_words(seconds)} on this machine (task {task.id})"),
        ("expected time", f"{_words(job)} a job, {_words(job * n_jobs)} of all jobs together"),
    ]


def _words(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _defaults(project: Project) -> Iterator[str]:
    """The settings that nobody chose, or that are as if nobody had."""
    for kind in SCHEMAS:
        config = getattr(project, kind)
        for field in msgspec.structs.fields(config):
            value = getattr(config, field.name)
            default = field.default
            if field.default_factory is not msgspec.NODEFAULT:
                default = field.default_factory()
            if value == default and msgspec.to_builtins(value) not in (None, {}, [], False):
                yield f"{kind} {field.name} = {msgspec.json.encode(value).decode()}"
