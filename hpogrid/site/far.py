"""A site of another machine, which is reached by OpenSSH: ``user@login.node:slurm``.

hpogrid is brought there, as it goes with jobs, and the site's own code does there what is asked
(`hpogrid.site.there`): so every kind of site runs as it is. A task has its folder there; here is a
copy of its ledgers and results, which grows whenever one looks.
"""

from __future__ import annotations

import io
import re
import tarfile
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import msgspec

from hpogrid.config.project import Project, project_path
from hpogrid.config.schemas import GridConfig
from hpogrid.errors import RunError, UserError
from hpogrid.files import files_below, locked, make_folder, write_atomic
from hpogrid.job.run import RESULT
from hpogrid.job.settings import BUNDLE, ENTRY, START
from hpogrid.site import SITES, jobs_at, make_site, there
from hpogrid.site.arrays import END_RECORD, settled
from hpogrid.site.base import Finding, JobState, JobStatus, Kept, Traits, Unsure
from hpogrid.site.carry import Content, carried, carried_path
from hpogrid.site.tasks import Task, project_at, sketch
from hpogrid.ssh import Cut, Host, Reply, split_place
from hpogrid.study.ledger import SUFFIX

FOLDER = ".local/share/hpogrid"
"""Where tasks are there, from the user's home, unless somebody says otherwise."""

_UNSURE_SECONDS = 120.0
_ENDS = (RESULT, END_RECORD)
_START = (
    'cd "$1" 2>/dev/null && HPOGRID_HOME=$PWD && export HPOGRID_HOME && cd "carried/$2" '
    f"2>/dev/null || exit {there.MISSING_CODE}; exec sh ./{START} python3 ./{ENTRY} -m "
    f"{there.PROGRAM}"
)
_BRING = (
    'mkdir -p "$1/carried/$3" && cd "$1/carried" && tar xzf - -C "$3" && { [ -d "$2" ] || '
    'mv "$3" "$2"; }; code=$?; rm -rf "$3"; exit $code'
)
_KINDS: dict[str, type[UserError]] = {
    "unsure": Unsure, "kept": Kept, "run": RunError, "user": UserError,
}  # fmt: skip


class Place(msgspec.Struct):
    """What is kept of a task here: its number there; 0: nobody knows whether it came there."""

    number: int = 0


class FarSite:
    """A site of another machine (see `Site`).

    Args:
        place: ``[USER@]HOST[:FOLDER]``.
        kind: of the site there.

    Raises:
        UserError: it is no such place, or no site that can be there.
    """

    server = None

    def __init__(self, place: str, kind: str) -> None:
        able = [name for name in SITES if make_site(name).server is None]
        if kind not in able:
            raise UserError(
                f"'{place}:{kind}' is no site: through ssh jobs run at one of {', '.join(able)}; "
                f"write --host {place} --site {able[0]}"
            )
        host, folder = split_place(place)
        self.name, self.kind = f"{place}:{kind}", kind
        self._host, self._folder = Host(host), folder or FOLDER
        own = make_site(kind).traits
        self.traits: Traits = msgspec.structs.replace(own, here=False, disk=place)

    # --- before a submission -------------------------------------------------------------------

    def check_config(self, grid: GridConfig) -> None:
        """As at that kind of site."""
        make_site(self.kind).check_config(grid)

    def check(self, project: Project | None, name: str) -> Iterator[Finding]:
        """Whether the machine answers, and what the site there finds."""
        sent = [self._sketched(sketch(project, self.kind, 1))] if project else []
        grid = project.grid_config if project else GridConfig()
        try:
            told = self._ask(there.Call("check", self.kind, sent), grid)
        except UserError as error:
            yield Finding("ssh", "bad", str(error))
            return
        yield Finding("ssh", "good", f"{self._host.name} answers; tasks are in {told.home} there")
        yield from told.findings

    def plan(self, task: Task) -> list[list[str]]:
        """The commands that are run there."""
        return self._plan(task).commands

    def scripts(self, task: Task) -> dict[Path, str]:
        """The files that are written there."""
        return {Path(name): text for name, text in self._plan(task).scripts.items()}

    def notes(self, task: Task, project: Project, *, ask: bool) -> list[str]:
        """What the site there has to say."""
        return self._plan(task, ask=ask).texts

    def _plan(self, task: Task, *, ask: bool = False) -> there.Answer:
        call = there.Call("plan", self.kind, [self._sketched(task)], ask=ask)
        return self._checked(self._ask(call, project_at(task, self.name).grid_config), task)

    # --- jobs ----------------------------------------------------------------------------------

    def submit(self, task: Task) -> None:
        """Bring the task there, and have its jobs submitted.

        Raises:
            Unsure: the connection broke: they may have been.
        """
        task.keep(Place())
        self._start("submit", task, list(range(task.n_jobs)))

    def retry(self, task: Task, jobs: Sequence[int]) -> None:
        """Have jobs started again, there; a task that is not there any more is brought again."""
        self._start("retry", task, list(jobs))

    def _start(self, what: there.What, task: Task, jobs: list[int]) -> None:
        call = there.Call(what, self.kind, [self._sent(task, whole=what == "submit")], jobs)
        try:
            told = self._ask_of(task, call)
            if told.missing:
                call.tasks = [self._sent(task, whole=True)]
                told = self._ask_of(task, call)
        except Cut as error:
            raise Unsure(
                f"it is not known whether the jobs were started: {error}; the task stays, and "
                f"'hpogrid tasks show {task.id}' looks for it"
            ) from error
        if told.problem is None or told.problem.kind in ("kept", "unsure"):
            self._know(task, told.tasks[0].number)
        self._checked(told, task)

    def status(self, tasks: Sequence[Task]) -> dict[int, list[JobStatus]]:
        """Ask once about all tasks that are not done, and bring what is new of them."""
        wanted = [task for task in tasks if not self._is_done(task)]
        problem = None
        found: dict[int, there.Found] = {}
        try:
            found = self._look(wanted)
        except UserError as error:
            problem = str(error)
        return {task.id: self._statuses(task, found.get(task.id), problem) for task in tasks}

    def kill(self, task: Task, jobs: Collection[int]) -> None:
        """Have jobs ended.

        Raises:
            RunError: that was not possible, or nobody knows whether they were.
        """
        call = there.Call("kill", self.kind, [self._sent(task)], list(jobs))
        told = self._checked(self._ask_of(task, call), task)
        if told.missing:
            raise RunError(f"{self._host.name} has no such task; there is nothing to kill")

    def logs(self, task: Task, job: int) -> str:
        """What a job wrote."""
        call = there.Call("logs", self.kind, [self._sent(task)], [job])
        return "".join(self._checked(self._ask_of(task, call), task).texts)

    def fetch(self, task: Task) -> list[str]:
        """Bring what is new of the ledgers."""
        if self._look([task])[task.id].number:
            return []
        return [f"{self._host.name} does not have it; showing what was brought before"]

    def fetch_job(self, task: Task, job: int) -> None:
        """Bring the logs of a job's trials; their checkpoints stay there."""
        call = there.Call("files", self.kind, [self._sent(task)], [job])
        told = self._checked(self._ask_of(task, call), task)
        for name, piece in told.tasks[0].files.items() if told.tasks else ():
            write_atomic(task.folder / there.checked(name), piece.data)

    # --- a task here and there -----------------------------------------------------------------

    def _sketched(self, task: Task) -> there.Sent:
        """A task that is none yet, with its project."""
        files = files_below(project_path(task.project)).items()
        sent = self._sent(task)
        sent.files = {name: path.read_bytes() for name, path in files}
        return sent

    def _sent(self, task: Task, *, whole: bool = False) -> there.Sent:
        """A task as it is told of; ``whole``: with all that jobs need."""
        own = msgspec.structs.replace(
            task,
            site=_kind(task.site),
            sites={job: _kind(name) for job, name in task.sites.items()},
            grids={_kind(name): grid for name, grid in task.grids.items()},
            native={},
        )
        known = files_below(task.folder) if task.folder.is_dir() else {}
        return there.Sent(
            own,
            self._number(task),
            [name.partition("/")[2] for name in known if name.startswith("requests/")],
            {name: path.stat().st_size for name, path in known.items() if _is_ledger(name)},
            {name: path.read_bytes() for name, path in known.items() if whole and _goes(name)},
        )

    def _number(self, task: Task) -> int:
        return task.native_as(Place).number

    def _know(self, task: Task, number: int) -> None:
        if number and number != self._number(task):
            task.keep(Place(number))

    def _look(self, tasks: Sequence[Task]) -> dict[int, there.Found]:
        """What the machine says of tasks; what is new is in their folders then."""
        if not tasks:
            return {}
        call = there.Call("look", self.kind, [self._sent(task) for task in tasks])
        told = self._checked(self._ask_of(tasks[0], call), tasks[0])
        found = dict(zip([task.id for task in tasks], told.tasks, strict=True))
        for task in tasks:
            self._know(task, found[task.id].number)
            if found[task.id].number:
                _take(task, found[task.id])
        return found

    def _is_done(self, task: Task) -> bool:
        ends = (settled(task, job) for job in jobs_at(task, self.name))
        return all(end is not None and end.state == "done" for end in ends)

    def _statuses(
        self, task: Task, found: there.Found | None, problem: str | None
    ) -> list[JobStatus]:
        if found is not None and found.number:
            return found.jobs
        name = self._host.name
        other: tuple[JobState, str]
        if problem is None and time.time() - task.created < _UNSURE_SECONDS:
            other = ("queued", f"{name} may have it or not: the connection broke")
        elif problem is None:
            other = ("lost", f"{name} does not have the task")
        else:
            other = ("unknown", problem)
        jobs = jobs_at(task, self.name)
        return [settled(task, job) or JobStatus(job, *other) for job in jobs]

    def _checked(self, told: there.Answer, task: Task) -> there.Answer:
        """The answer, unless something was not done; tasks have their numbers of here."""
        if told.problem is None:
            return told
        text = told.problem.text
        for found in told.tasks:
            text = re.sub(rf"\b(task|tasks \w+) {found.number}\b", rf"\1 {task.id}", text)
        raise _KINDS[told.problem.kind](f"{self._host.name}: {text}")

    # --- the connection ------------------------------------------------------------------------

    def _ask_of(self, task: Task, call: there.Call) -> there.Answer:
        return self._ask(call, project_at(task, self.name).grid_config)

    def _ask(self, call: there.Call, grid: GridConfig) -> there.Answer:
        """Have the program there answer; it is brought first where it is not there yet.

        Raises:
            Cut: there is no connection, or it broke.
            RunError: the program cannot run there.
        """
        content = carried(grid)
        name = carried_path(content).name
        words = start_words(self._folder, name)
        data = msgspec.msgpack.encode(call)
        reply = self._host.run(words, data)
        if reply.code == there.MISSING_CODE:
            bring = ["sh", "-c", _BRING, "sh", self._folder, name, f".{uuid.uuid4().hex}"]
            brought = self._host.run(bring, _packed(content))
            if brought.code != 0:
                why = f"{self._host.name}: hpogrid cannot be brought to {self._folder} there"
                raise RunError(f"{why}: {brought.complaint}")
            reply = self._host.run(words, data)
        return self._read(reply)

    def _read(self, reply: Reply) -> there.Answer:
        _, mark, rest = reply.data.partition(there.MARK)
        if not mark and reply.code != 0:
            raise RunError(f"{self._host.name}: {reply.complaint}")
        size, _, data = rest.partition(b"\n")
        if not size.isdigit() or len(data) < int(size):
            raise Cut(f"ssh to {self._host.name}: the answer was cut off; try again")
        return msgspec.msgpack.decode(data[: int(size)], type=there.Answer)


def start_words(folder: str, name: str) -> list[str]:
    """The command that starts the program there.

    Args:
        folder: of tasks.
        name: of the program, which differs with its version.
    """
    return ["sh", "-c", _START, "sh", folder, name]


def _kind(name: str) -> str:
    """What a site is called on its own machine."""
    return name.rpartition(":")[2]


def _is_ledger(name: str) -> bool:
    return re.fullmatch(rf"ledger/[\w.-]+{re.escape(SUFFIX)}", name) is not None


def _is_end(name: str) -> bool:
    return re.fullmatch(r"jobs/\d+/.+", name) is not None and name.endswith(_ENDS)


def _goes(name: str) -> bool:
    """Whether a file of a task's folder goes with it."""
    return name.startswith(f"{BUNDLE}/") or _is_ledger(name) or _is_end(name)


def _take(task: Task, found: there.Found) -> None:
    """Have the ledgers and results of a task be here as they are there."""
    with locked(task.folder):
        for name, piece in found.files.items():
            path = task.folder / there.checked(name)
            if _is_end(name):
                write_atomic(path, piece.data)
            elif _is_ledger(name) and piece.offset == (path.stat().st_size if path.exists() else 0):
                with path.open("ab") as stream:  # else somebody else looked at the same time
                    stream.write(piece.data)
        for job in range(task.n_jobs):
            make_folder(task.job_folder(job))
            for end in _ENDS:
                path = task.job_folder(job) / end
                if path.relative_to(task.folder).as_posix() not in found.files:
                    path.unlink(missing_ok=True)


def _packed(content: Content) -> bytes:
    """The program, as an archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=3) as archive:
        for name, source in content.items():
            data = source if isinstance(source, bytes) else source.read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()
