"""The other side of `hpogrid.site.far`: a site of this machine does what another machine asks.

`python hpogrid_job.py -m hpogrid.site.there` reads one `Call` from its stdin and writes an `Answer`
to its stdout. Its user directory is that of the tasks which came from elsewhere.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from hpogrid.config.home import home
from hpogrid.config.project import load_project, project_path
from hpogrid.engine.prep import STEPS
from hpogrid.errors import RunError, UserError
from hpogrid.files import (
    Damaged,
    explained,
    files_below,
    locked,
    make_folder,
    scratch,
    write_atomic,
)
from hpogrid.job.run import PREP, RESULT
from hpogrid.site import make_site
from hpogrid.site.arrays import END_RECORD
from hpogrid.site.base import Finding, JobStatus, Kept, Unsure
from hpogrid.site.tasks import Task, claim_folder, find_tasks, load_task
from hpogrid.study.ledger import SUFFIX

PROGRAM = "hpogrid.site.there"
MARK = b"\nhpogrid-answer "
"""What comes before an answer: a login may print something too."""

MISSING_CODE = 77
"""The exit code that says that the program has to be brought first."""

_LARGEST_LOG = 64 * 2**20
_PUSHED = ("n_jobs", "added", "begun_with", "site", "sites", "grids")
"""What the machine that asks decides of a task."""

What = Literal["look", "submit", "retry", "kill", "logs", "files", "plan", "check"]


class Sent(msgspec.Struct):
    """A task as the machine has it that asks.

    Attributes:
        task: with sites named as they are called here.
        number: of the task here; 0: that is not known.
        requests: what was asked of its jobs.
        sizes: how much of each ledger is known there, in bytes.
        files: what the task consists of, by names in its folder; empty: it should be here.
    """

    task: Task
    number: int = 0
    requests: list[str] = []
    sizes: dict[str, int] = {}
    files: dict[str, bytes] = {}


class Call(msgspec.Struct):
    """What is asked: of a site, about tasks or some jobs of one."""

    what: What
    site: str
    tasks: list[Sent] = []
    jobs: list[int] = []
    ask: bool = False


class Piece(msgspec.Struct):
    """A file, or what comes after its first ``offset`` bytes."""

    data: bytes
    offset: int | None = None


class Found(msgspec.Struct):
    """A task as it is here: its number (0: it is not here), its jobs at the site, its files."""

    number: int = 0
    jobs: list[JobStatus] = []
    files: dict[str, Piece] = {}


class Problem(msgspec.Struct):
    """Why something was not done."""

    kind: Literal["unsure", "kept", "run", "user"]
    text: str


class Answer(msgspec.Struct):
    """What was done, and what there is to know: texts are lines, or scripts by their paths."""

    home: str = ""
    problem: Problem | None = None
    missing: bool = False
    tasks: list[Found] = []
    commands: list[list[str]] = []
    texts: list[str] = []
    scripts: dict[str, str] = {}
    findings: list[Finding] = []


def checked(name: str) -> str:
    """The name of a file in a task's folder, as the other machine gave it.

    Raises:
        Damaged: it leads out of the folder.
    """
    parts = name.split("/")
    if not all(parts) or {".", ".."} & set(parts) or "\0" in name:
        raise Damaged(f"the other machine named a file {name!r}, which is none of a task")
    return name


# --- tasks that came from elsewhere --------------------------------------------------------------


def _find(sent: Sent) -> Task | None:
    """The task, by its number or else by its name: the answer to its submission may be lost."""

    def is_it(task: Task) -> bool:
        return (task.name, task.seed) == (sent.task.name, sent.task.seed)

    if sent.number:
        try:
            task = load_task(sent.number)
        except UserError:
            pass
        else:
            if is_it(task):
                return task
    return next(filter(is_it, find_tasks()), None)


def _take(sent: Sent) -> Task:
    """Make the folder of a task that is not here yet."""
    task = msgspec.structs.replace(sent.task, id=claim_folder(), native={})
    for name, data in sent.files.items():
        write_atomic(task.folder / checked(name), data)
    with explained(task.folder):
        make_folder(task.ledgers)
    task.save()
    return task


def _update(task: Task, sent: Sent) -> Task:
    """Have a task be as the machine wants it that asks."""
    changed = {name: getattr(sent.task, name) for name in _PUSHED}
    with locked(task.folder):
        if any(getattr(task, name) != value for name, value in changed.items()):
            task = msgspec.structs.replace(load_task(task.id), **changed)
            task.save()
    for job in range(task.n_jobs):
        make_folder(task.job_folder(job))
    wanted = {checked(name) for name in sent.requests}
    there = set(os.listdir(task.requests)) if task.requests.is_dir() else set()
    for name in there - wanted:
        (task.requests / name).unlink(missing_ok=True)
    for name in wanted - there:
        make_folder(task.requests)
        (task.requests / name).touch()
    return task


def _pieces(task: Task, sizes: dict[str, int]) -> Iterator[tuple[str, Piece]]:
    """How its jobs ended, and what is new in its ledgers; in this order: the end comes last."""
    for job in range(task.n_jobs):
        for name in (RESULT, END_RECORD):
            path = task.job_folder(job) / name
            if path.exists():
                yield path.relative_to(task.folder).as_posix(), Piece(path.read_bytes())
    for path in sorted(task.ledgers.glob(f"*{SUFFIX}")):
        name = path.relative_to(task.folder).as_posix()
        with path.open("rb") as stream:
            offset = stream.seek(sizes.get(name, 0))
            data = stream.read()
        if data or name not in sizes:
            yield name, Piece(data, offset)


def _logs(task: Task, job: int) -> Iterator[tuple[str, Piece]]:
    """The logs of a job's trials, and of what was prepared."""
    folder = task.job_folder(job)
    logs = task.read_project().hpo_config.log_dir
    for place in (folder / logs, folder / PREP / STEPS, task.prep / STEPS):
        for path in files_below(place).values():
            name = os.path.relpath(path, task.folder)
            if name.endswith((".log", ".json")) and path.stat().st_size <= _LARGEST_LOG:
                yield name, Piece(path.read_bytes())


# --- what is asked -------------------------------------------------------------------------------


def answer(call: Call) -> Answer:
    """Do what is asked."""
    told = Answer(home=str(home()))
    try:
        if call.what in ("plan", "check"):
            _rehearse(call, told)
        else:
            _act(call, told)
    except Unsure as error:
        told.problem = Problem("unsure", str(error))
    except Kept as error:
        told.problem = Problem("kept", str(error))
    except RunError as error:
        told.problem = Problem("run", str(error))
    except UserError as error:
        told.problem = Problem("user", str(error))
    return told


def _act(call: Call, told: Answer) -> None:
    """Do something with tasks that are here, or come now."""
    site = make_site(call.site)
    if call.what == "look":
        found = [_find(sent) for sent in call.tasks]
        here = [task and _update(task, sent) for task, sent in zip(found, call.tasks, strict=True)]
        status = site.status([task for task in here if task is not None])
        for task, sent in zip(here, call.tasks, strict=True):
            told.tasks.append(
                Found(task.id, status[task.id], dict(_pieces(task, sent.sizes)))
                if task
                else Found()
            )
        return
    (sent,) = call.tasks
    task = _find(sent)
    fresh = task is None
    if task is None and not sent.files:
        told.missing = True
        return
    task = _update(task or _take(sent), sent)
    told.tasks = [Found(task.id)]
    try:
        if call.what == "submit" and fresh:
            site.submit(task)
        elif call.what == "retry":
            site.retry(task, call.jobs)
    except Kept:
        raise
    except UserError:
        if fresh:
            shutil.rmtree(task.folder, ignore_errors=True)
        raise
    if call.what == "kill":
        site.kill(task, call.jobs)
    elif call.what == "logs":
        told.texts = [site.logs(task, job) for job in call.jobs]
    elif call.what == "files":
        told.tasks[0].files = {name: one for job in call.jobs for name, one in _logs(task, job)}


def _rehearse(call: Call, told: Answer) -> None:
    """Say what would become of a project, in a user directory of its own for a moment."""
    real = told.home
    with scratch(Path(real)) as folder:
        os.environ["HPOGRID_HOME"] = str(folder)
        try:
            site = make_site(call.site)
            project = None
            for sent in call.tasks:
                for name, data in sent.files.items():
                    write_atomic(project_path(sent.task.project) / checked(name), data)
                project = load_project(sent.task.project)
            if call.what == "check":
                told.findings = list(site.check(project, call.site))
            elif project is not None:
                task = call.tasks[0].task
                told.commands = site.plan(task)
                told.scripts = {str(path): text for path, text in site.scripts(task).items()}
                told.texts = site.notes(task, project, ask=call.ask)
        finally:
            os.environ["HPOGRID_HOME"] = real

    def put(text: str) -> str:
        return text.replace(str(folder), real)

    told.findings = [one._replace(text=put(one.text)) for one in told.findings]
    told.commands = [[put(word) for word in line] for line in told.commands]
    told.scripts = {put(name): put(text) for name, text in told.scripts.items()}


def main() -> int:
    """Answer the call on stdin."""
    with os.fdopen(os.dup(1), "wb") as stream:
        os.dup2(2, 1)  # what others print is no answer
        try:
            call = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Call)
        except msgspec.MsgspecError as error:
            sys.stderr.write(f"the call was cut off: {error}\n")
            return 1
        data = msgspec.msgpack.encode(answer(call))
        stream.write(MARK + b"%d\n" % len(data) + data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
