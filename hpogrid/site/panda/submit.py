"""From a task to what is sent to PanDA: names, inputs, the bundle, and the command."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from hpogrid.config.project import Project, load_project, project_path, read_project
from hpogrid.errors import UserError
from hpogrid.job.settings import JobSettings
from hpogrid.site.carry import Content
from hpogrid.site.panda.advice import asked
from hpogrid.site.panda.auth import login
from hpogrid.site.panda.bundle import bundle_content, write_bundle
from hpogrid.site.panda.client import Taken, check_arguments, submit
from hpogrid.site.panda.command import (
    Inputs,
    dataset_names,
    output_dataset,
    prun_arguments,
    queue_names,
)
from hpogrid.site.panda.idds import phpo_arguments, sandbox
from hpogrid.site.panda.installed import find_client
from hpogrid.site.panda.queues import Job, load_queues, refusal
from hpogrid.site.tasks import OWNER, Task, find_tasks, user_name

ARCHIVE = "panda.tgz"
OUT, EARLIER, SECONDS = "outDS", "earlier", "seconds"
_CACHE = "https://pandacache.cern.ch"


def read_task_project(task: Task) -> Project:
    """The project of a task: as it was submitted, or as it is stored."""
    return read_project(task.bundle) if task.bundle.is_dir() else load_project(task.project)


def content(task: Task) -> Content:
    """The files of the bundle."""
    folder = task.bundle if task.bundle.is_dir() else project_path(task.project)
    earlier = task.native.get(EARLIER)
    settings = JobSettings(
        name=str(task.native.get(OUT, task.name)),
        seed=task.seed,
        n_jobs=task.n_jobs,
        shared=task.shared,
        seconds=_seconds(task),
        earlier=f"{_cache()}/cache/{earlier}" if earlier else None,
    )
    return bundle_content(folder, settings)


def _seconds(task: Task) -> int | None:
    """How long a job may take: the walltime, or the limit of its queue if that is shorter."""
    walltime = read_task_project(task).grid_config.walltime_seconds
    limits = [seconds for seconds in (walltime, task.native.get(SECONDS)) if seconds is not None]
    return min(limits, default=None)


def planned(task: Task) -> list[str]:
    """The command as it would be, once the client's own parser has read it.

    Raises:
        UserError: the parser does not take it.
    """
    require_client(task.site)
    project = read_task_project(task)
    out_ds = output_name(task, project)
    inputs = _inputs(project, known=False)
    with scratch() as folder:
        return _command(task, project, out_ds, folder, ARCHIVE, inputs)


def prepare(task: Task) -> None:
    """Check what can be checked, and note the names by which the task is found again.

    Raises:
        UserError: something is wrong; nothing was sent.
    """
    require_client(task.site)
    try:
        found = login()
    except UserError as error:
        raise UserError(f"{_named(task.site)}: {error}") from error
    if found.kind == "token" and found.account is None:
        raise UserError("the PanDA token does not say whose it is; get a new one with pbook")
    task.user = found.account or task.user
    if found.name is not None:
        task.native[OWNER] = found.name
    project = read_task_project(task)
    limit = check_site(task.site, asked(project, idds=task.mode == "idds"))
    if limit is not None:
        task.native[SECONDS] = limit
    task.native.setdefault(OUT, output_name(task, project))
    task.native.setdefault(EARLIER, f"sources.{uuid.uuid4()}.__ow__")
    task.name = task.native[OUT]


def send(task: Task) -> int:
    """Submit a prepared task; return its number on the server.

    Raises:
        UserError, RunError: it is refused.
        Unsure: the server may have taken it.
    """
    project = read_task_project(task)
    archive = task.folder / ARCHIVE
    write_bundle(content(task), archive)
    inputs = _inputs(project, known=True)
    with scratch() as folder:
        command = _command(task, project, task.native[OUT], folder, str(archive), inputs)
        task.save()  # from here on the task can be found again by its name
        return submit(command[0], command[1:], folder)


def send_new(task: Task) -> int:
    """Submit a prepared task; return its number on the server.

    Where another task of the same second has the name, its date gets a number.

    Raises:
        see `send`.
    """
    name = task.native[OUT]
    dated = "$(" in read_task_project(task).grid_config.outDS
    for number in range(1, 4):
        try:
            return send(task)
        except Taken:
            if not dated:
                raise
            task.name = task.native[OUT] = f"{name}.{number}"
    return send(task)


def require_client(site: str) -> None:
    """Refuse to go on without panda-client, naming the sites that do without it."""
    find_client(_named(site))


def _named(site: str) -> str:
    """A site for people, who may have meant another one."""
    from hpogrid.site import QUEUES, SITES

    others = [name for name in SITES if name != QUEUES]
    close = difflib.get_close_matches(site, others, n=1)
    meant = f"did you mean {close[0]}?" if close else f"other sites: {', '.join(others)}"
    return f"site '{site}' (a queue of PanDA; {meant})"


def check_site(site: str, job: Job) -> int | None:
    """Refuse a queue that is not on the list, where there is a list, and name some for the job.

    Returns:
        The seconds that all of its queues let a job run, if they are limited.
    """
    names = queue_names(site)
    try:
        queues = load_queues() if names else {}
    except UserError:
        return None
    for name in names:
        if why := refusal(name, queues, job):
            raise UserError(f"site: {why}")
    limits = [queues[name].hours for name in names if queues[name].hours]
    return int(min(limits) * 3600) if limits else None


def output_name(task: Task, project: Project) -> str:
    """The output dataset; one that a task here has already gets a number, if it has a date."""
    if OUT in task.native:
        return str(task.native[OUT])
    template = project.grid_config.outDS
    name = output_dataset(template, project.name, _account())
    taken = {other.native.get(OUT) for other in find_tasks()}
    if name in taken and "$(" in template:
        return next(f"{name}.{n}" for n in range(1, 10**6) if f"{name}.{n}" not in taken)
    return name


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder to work in, whose name the client may safely hand to a shell."""
    base = tempfile.gettempdir()
    plain = base if re.fullmatch(r"[\w/.+-]+", base) else "/tmp"  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="hpogrid-", dir=plain) as folder:
        yield Path(folder)


def _command(
    task: Task, project: Project, out_ds: str, folder: Path, archive: str, inputs: Inputs
) -> list[str]:
    """The program and its arguments, once its own parser has read them."""
    if task.mode == "idds":
        sandbox(project, content(task), folder)
        names = list(inputs.datasets)
        command = ["phpo", *phpo_arguments(project, task.site, task.n_jobs, out_ds, names)]
    else:
        arguments = prun_arguments(project, task.site, task.n_jobs, out_ds, archive, inputs)
        command = ["prun", *arguments]
    check_arguments(command[0], command[1:], folder)
    return command


def _account() -> str:
    try:
        return login().account or user_name()
    except UserError:
        return user_name()


def _inputs(project: Project, *, known: bool) -> Inputs:
    """The input datasets with their numbers of files.

    Args:
        project: whose grid config names them.
        known: whether they have to exist; else one file is assumed of what cannot be asked for.
    """
    names = dataset_names(project.grid_config.inDS)
    if not names:
        return Inputs()
    from hpogrid.data.rucio import Rucio

    try:
        rucio = Rucio()
        counts = {str(rucio.did(name)): rucio.entry(rucio.did(name)).files for name in names}
    except UserError:
        if known:
            raise
        return Inputs(dict.fromkeys(names, 1))
    empty = [name for name, count in counts.items() if not count]
    if empty:
        raise UserError(f"inDS: {empty[0]} has no files; 'hpogrid data upload' fills it")
    return Inputs(counts)


def _cache() -> str:
    parts = urlsplit(os.environ.get("PANDACACHE_URL", _CACHE))
    return f"{parts.scheme}://{parts.netloc}"
