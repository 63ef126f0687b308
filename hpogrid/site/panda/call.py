"""Calls panda-client in a process of its own: ``python -m hpogrid.site.panda.call ANSWER``.

This is the only module that imports the client, which reads its settings when it is imported,
overwrites ``sys.argv``, changes directory, prints, asks questions and calls ``sys.exit``; here it
may. One request (a JSON object) comes from stdin and one answer goes to the file ANSWER, see
`Request` and `Answer`. What the client prints goes to stdout, which the caller keeps for
diagnosis.
"""

from __future__ import annotations

import os
import sys
import time
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

# Without this the client looks host names up when it is imported, and picks hosts at random.
_ENVIRONMENT = {"PANDA_BEHIND_REAL_LB": "1"}
TASKS = "the list of tasks"
"""A call of ours: `getJobIDsJediTasksInTimeRange` for page after page (see `_tasks`)."""


class Call(msgspec.Struct):
    """A function of ``pandaclient.Client`` and its arguments."""

    name: str
    args: list[Any] = []
    kwargs: dict[str, Any] = {}


class Request(msgspec.Struct):
    """What to do: some calls, or a command (``prun`` or ``phpo``) with its arguments.

    Attributes:
        check: only parse the arguments and make the task's parameters; nothing is sent.
    """

    calls: list[Call] = []
    command: str | None = None
    arguments: list[str] = []
    check: bool = False


class Answer(msgspec.Struct):
    """What came of one call or command.

    Attributes:
        result: what the function returned; for a command what it says about its task.
        error: why it ended otherwise, in the client's words.
        http: the last answer of a server that was not 200: its code (1: no answer), text, URL.
    """

    result: Any = None
    error: str | None = None
    http: tuple[int, str, str] | None = None


def main(answer: Path) -> None:
    """Serve one request."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    from pandaclient import Client, openidc_utils

    _forbid_logins(openidc_utils)
    noted = _note_http(Client)
    if request.command is not None:
        answers = [_answer(partial(_command, request), noted)]
    else:
        answers = [_answer(partial(_call, Client, call), noted) for call in request.calls]
    answer.write_bytes(msgspec.json.encode(answers, enc_hook=str))


def _call(client: types.ModuleType, call: Call) -> Any:
    if call.name == TASKS:
        return _tasks(client, *call.args)
    return getattr(client, call.name)(*call.args, **call.kwargs)


def _tasks(
    client: types.ModuleType, since: str, user: str | None, after: int | None, seconds: float
) -> tuple[int, Any]:
    """Tasks with numbers beyond ``after``: pages until an empty one, or until time is up.

    A page may be short because the server keys it by request, of which tasks can share one.

    Returns:
        The transport's code, and the tasks with the last number: None if there are no more.
    """
    found: list[Any] = []
    end = time.monotonic() + seconds
    while True:
        code, page = client.getJobIDsJediTasksInTimeRange(since, user, after)
        if code != 0:
            return code, page
        items = list(page.values()) if isinstance(page, dict) else []
        numbers = [item.get("jediTaskID") for item in items if isinstance(item, dict)]
        new = [number for number in numbers if isinstance(number, int) and number > (after or 0)]
        found += items
        after = max(new, default=None)
        if after is None or time.monotonic() >= end:
            return 0, [found, after]


def _answer(function: Callable[[], Any], noted: list[tuple[int, str, str]]) -> Answer:
    """Run a function of the client, however it ends."""
    noted.clear()
    answer = Answer()
    try:
        answer.result = function()
    except SystemExit as stop:
        answer.error = f"exit code {stop.code}"
    except Exception as error:  # a library whose errors are not declared
        answer.error = f"{type(error).__name__}: {error}"
    if noted:
        answer.http = noted[-1]
    return answer


def _command(request: Request) -> Any:
    from pandaclient import PhpoScript, PrunScript, panda_api

    name = request.command
    if request.check:
        script = {"prun": PrunScript, "phpo": PhpoScript}[str(name)]
        sys.argv = [str(name)]
        return script.main(get_taskparams=True, ext_args=request.arguments, dry_mode=True)
    api = panda_api.get_api()
    submit = {"prun": api.execute_prun, "phpo": api.execute_phpo}[str(name)]
    good, reply = submit(request.arguments)
    reply = reply if isinstance(reply, dict) else {}
    return {"good": good, "task": reply.get("jediTaskID"), "said": reply.get("returnOut")}


def _note_http(client: types.ModuleType) -> list[tuple[int, str, str]]:
    """Keep what servers answer other than 200; the client only prints it.

    A release in which that is done elsewhere is used all the same: its words are in what it prints.
    """
    noted: list[tuple[int, str, str]] = []
    http = getattr(client, "_HttpClient", None)
    send = getattr(http, "_send", None)
    if http is None or send is None:
        return noted

    def noting(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        code, content = send(self, method, url, *args, **kwargs)
        if code != 0:
            noted.append((code, str(content)[:500], url.split("?")[0]))
        return code, content

    http._send = noting
    return noted


def _forbid_logins(openidc: Any) -> None:
    """No login in a browser from here, and no login server without a verified certificate."""
    import ssl

    def refuse(*_: Any) -> tuple[bool, str]:
        return False, "there is no valid token: log in with pbook, which opens a browser"

    openidc.OpenIdConnect_Utils.get_device_code = refuse
    if os.environ.get("PANDA_VERIFY_HOST") != "off":
        verified = types.SimpleNamespace(**vars(ssl))
        verified._create_unverified_context = ssl.create_default_context
        openidc.ssl = verified


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stdout.flush()
    # The client's exit handlers would pass the name of a folder to a shell.
    os._exit(0)
