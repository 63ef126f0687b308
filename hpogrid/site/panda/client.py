"""The PanDA server as we use it: typed answers, time limits, and one sentence for each fault.

The calls themselves are made by `hpogrid.site.panda.call` in another process.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hpogrid.errors import RunError, UserError
from hpogrid.site.base import Unsure
from hpogrid.site.panda.ask import (
    TimeUp,
    ask,
    explain,
    last_error,
    one_line,
    pair,
    result,
    time_limit,
)
from hpogrid.site.panda.auth import redact
from hpogrid.site.panda.call import TASKS, Call, Request

_CALL_SECONDS = 60.0
_PAGES_SECONDS = 20.0  # after which a process hands over the pages of a list that it has
_SUBMIT_SECONDS = 600.0
_FRESH_SECONDS = 2.0
_UNSURE = "whether PanDA took the task is not known: 'hpogrid tasks show' will tell"

T = TypeVar("T")


class Taken(RunError):
    """Another task has this output dataset."""


class TaskInfo(msgspec.Struct, kw_only=True, rename={"id": "jediTaskID", "name": "taskName"}):
    """A task as the server's list tells it; ``statistics`` counts its jobs by state."""

    id: int
    name: str
    status: str
    created: str | None = msgspec.field(default=None, name="creationDate")
    modified: str | None = msgspec.field(default=None, name="modificationTime")
    site: str | None = None
    user: str | None = msgspec.field(default=None, name="userName")
    statistics: str | None = None
    command: str | None = msgspec.field(default=None, name="cliParams")

    @property
    def stamp(self) -> str | None:
        """What is another one once anything has become of the task; None: it cannot be told."""
        return f"{self.status} {self.modified} {self.statistics}" if self.modified else None


class FileInfo(msgspec.Struct, kw_only=True):
    """A file of a job: ``type`` is output, log, pseudo_input..."""

    lfn: str = ""
    type: str = ""
    dataset: str = ""
    scope: str | None = None


class JobInfo(msgspec.Struct, kw_only=True):
    """A job: one attempt at the work that its sequence number names."""

    id: int = msgspec.field(name="PandaID")
    status: str = msgspec.field(name="jobStatus")
    attempt: int = msgspec.field(name="attemptNr", default=1)
    site: str | None = msgspec.field(name="computingSite", default=None)
    files: list[FileInfo] = msgspec.field(name="Files", default_factory=list)
    pilot: str | None = msgspec.field(name="pilotErrorDiag", default=None)
    payload: str | None = msgspec.field(name="exeErrorDiag", default=None)
    ddm: str | None = msgspec.field(name="ddmErrorDiag", default=None)
    server: str | None = msgspec.field(name="taskBufferErrorDiag", default=None)
    broker: str | None = msgspec.field(name="brokerageErrorDiag", default=None)

    @property
    def index(self) -> int | None:
        """Which job of the task it is, from 0."""
        for file in self.files:
            if file.dataset == "seq_number" and file.lfn.isdigit():
                return int(file.lfn) - 1
        return None

    @property
    def reason(self) -> str | None:
        """Why it failed, in the words of whoever noticed."""
        said = [self.pilot, self.payload, self.ddm, self.server, self.broker]
        return next((text for text in said if text), None)


def call(*calls: Call, seconds: float = _CALL_SECONDS) -> list[Any]:
    """Call functions of the client, and return what the server answered to each.

    Raises:
        UserError: no client, no valid credentials.
        RunError: the server cannot be reached, refuses, or does not make sense.
    """
    answers, said = ask(Request(calls=list(calls)), seconds)
    return [result(answer, item.name, said) for answer, item in zip(answers, calls, strict=True)]


def submit(command: str, arguments: Sequence[str], folder: Path) -> int:
    """Run prun or phpo in a folder; return the number of the new task.

    Raises:
        UserError, RunError: it is refused (`Taken`: because of its output dataset).
        Unsure: it may have been taken.
    """
    request = Request(command=command, arguments=list(arguments))
    try:
        [answer], said = ask(request, _SUBMIT_SECONDS, folder)
    except TimeUp as error:
        raise Unsure(f"{error}; {_UNSURE}") from error
    task = answer.result.get("task") if isinstance(answer.result, dict) else None
    if isinstance(task, int) and task > 0:
        return task
    if answer.http is not None and answer.http[2].endswith("/task/submit"):
        raise Unsure(f"{explain(answer, command, said)}; {_UNSURE}")
    if answer.http is not None or not isinstance(answer.result, dict):
        raise RunError(explain(answer, command, said))
    reason = answer.result.get("said") or last_error(said) or answer.error or "no reason is given"
    kind = Taken if "already queued for outDS" in str(reason) else RunError
    raise kind(f"PanDA refuses the task: {one_line(redact(str(reason)))}")


def check_arguments(command: str, arguments: Sequence[str], folder: Path) -> dict[str, Any]:
    """Have prun's or phpo's own parser read the arguments; return the parameters of the task.

    Raises:
        UserError: they are wrong.
    """
    request = Request(command=command, arguments=list(arguments), check=True)
    [answer], said = ask(request, _CALL_SECONDS, folder, credentials=False)
    if isinstance(answer.result, dict):
        return answer.result
    if (answer.error or "").startswith("EOFError"):
        raise UserError(explain(answer, command, said))
    reason = last_error(said) or answer.error or "no reason is given"
    raise UserError(f"{command} does not take these options: {one_line(redact(reason))}")


# --- the calls -----------------------------------------------------------------------------


class _Listing(msgspec.Struct):
    """The list of tasks as it was last got, for those who ask again within a moment."""

    got: float = -math.inf
    since: float = math.inf
    user: str | None = None
    tasks: list[TaskInfo] = []


_last = _Listing()


def list_tasks(since: float, user: str | None = None) -> list[TaskInfo]:
    """The tasks that changed since a time (seconds since the epoch), and perhaps older ones.

    Args:
        since: tasks that have not changed since need not be there.
        user: whose; None: one's own.
    """
    global _last
    now = time.monotonic()
    if user != _last.user or since < _last.since or now - _last.got > _FRESH_SECONDS:
        tasks = _list_tasks(since, user)
        _last = _Listing(time.monotonic(), since, user, tasks)
    return _last.tasks


def _list_tasks(since: float, user: str | None) -> list[TaskInfo]:
    """However many there are: the time limit is for some pages, not for all of them."""
    text = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(since))
    seconds = min(_PAGES_SECONDS, time_limit(_CALL_SECONDS) / 3)
    found: dict[int, TaskInfo] = {}
    after: int | None = None
    while True:
        [(items, after)] = call(Call(TASKS, [text, user, after, seconds]))
        found |= {task.id: task for task in decode_all(items, TaskInfo)}
        if after is None:
            return list(found.values())


def find_task(name: str) -> int | None:
    """The number of one's own task of exactly this name."""
    filters = {"taskName": name}
    [found] = call(Call("get_tasks_detailed_info_since", kwargs={"filters": filters}))
    numbers = [
        item["jediTaskID"]
        for item in found or []
        if _is_dict(item) and item.get("taskName") == name and isinstance(item["jediTaskID"], int)
    ]
    return max(numbers, default=None)


def get_task(task: int) -> TaskInfo | None:
    """One's own task of that number, of whatever age."""
    filters = {"jediTaskID": str(task)}
    [found] = call(Call("get_tasks_detailed_info_since", kwargs={"filters": filters}))
    return next((info for info in decode_all(found or [], TaskInfo) if info.id == task), None)


def task_error(task: int) -> str | None:
    """What the server says went wrong with a task as a whole."""
    filters = {"jediTaskID": str(task)}
    [found] = call(Call("get_tasks_detailed_info_since", kwargs={"filters": filters}))
    for item in found or []:
        if _is_dict(item) and item.get("errorDialog"):
            return one_line(re.sub(r"<[^>]*>", " ", str(item["errorDialog"])))
    return None


def list_jobs(task: int) -> list[JobInfo]:
    """All jobs of a task, every attempt, in the order in which they were made."""
    [found] = call(Call("get_job_descriptions", [task]))
    return sorted(decode_all(found or [], JobInfo), key=lambda job: job.id)


def job_metadata(task: int) -> dict[str, Any]:
    """What the finished jobs of a task left as ``userJobMetadata.json``, by PanDA's job id."""
    [found] = call(Call("getUserJobMetadata", [task]))
    if not _is_dict(found):
        return {}
    return {
        str(job): item.get("user_job_metadata") if _is_dict(item) else None
        for job, item in found.items()
    }


def kill_task(task: int) -> None:
    """Ask for the end of a task.

    Raises:
        RunError: it is not one's own, or has ended.
    """
    _command("kill", task, Call("killTask", [task]))


def finish_task(task: int, *, soft: bool) -> None:
    """Ask for the end of a task that keeps what is done; ``soft``: once running jobs are."""
    _command("finish", task, Call("finishTask", [task, soft]))


def pause_task(task: int) -> None:
    """Ask that a task gets no more jobs for now."""
    _command("pause", task, Call("pauseTask", [task]))


def resume_task(task: int) -> None:
    """Ask that a paused task goes on."""
    _command("resume", task, Call("resumeTask", [task]))


def reload_task(task: int) -> None:
    """Ask that a task looks at its input datasets again, and goes on with what is new there."""
    _command("reload", task, Call("reload_input", [task]))


def retry_task(task: int, options: Mapping[str, Any] | None = None) -> None:
    """Ask for new jobs in place of those that failed.

    Args:
        task: its number.
        options: parameters of the task that are to be others from now on.

    Raises:
        RunError: it is not one's own, or there is nothing to retry.
    """
    _command("retry", task, Call("retryTask", [task, False, True, dict(options or {}) or None]))


def _command(what: str, task: int, item: Call) -> None:
    """Ask the server to do something with a task."""
    [answer] = call(item)
    code, said = pair(answer)
    if code is False or code not in (0, 3, True):
        raise RunError(f"PanDA does not {what} task {task}: {one_line(str(said))}")


def upload(path: Path) -> None:
    """Put a file into the server's cache, over an older one if its name ends in ``__ow__``."""
    [said] = call(Call("putFile", [str(path)]), seconds=_SUBMIT_SECONDS)
    if said != "True":
        raise RunError(f"PanDA does not take {path.name}: {one_line(redact(str(said)))}")


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def decode_all(items: Any, kind: type[T]) -> Iterator[T]:
    """Those of the items that make sense."""
    for item in items if isinstance(items, Iterable) else []:
        try:
            yield msgspec.convert(item, kind, strict=False)
        except msgspec.ValidationError:
            continue
