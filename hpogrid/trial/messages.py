"""What driver and worker say to each other: one JSON object for each message, on a line.

A message of a trial names it and its attempt, so that nothing that is late, or that comes from a
process which a trial has left behind, is taken for another trial's.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Protocol

from hpogrid.trial.lifeline import GRACE

MAX_BYTES = 64 * 1024 * 1024
"""The largest message that a worker may send."""

_encoder = json.JSONEncoder(ensure_ascii=False)


class Garbled(ValueError):
    """What came is no message."""


@dataclass
class Message:
    """The base of all messages."""

    kind: ClassVar[str]

    def encode(self) -> bytes:
        """The message as a line."""
        text = _encoder.encode({"kind": self.kind, **vars(self)})
        return text.encode("utf-8", "replace") + b"\n"


@dataclass
class Model:
    """What is evaluated: the part of a model config that its worker needs."""

    script: str | None = None
    model: str | None = None
    param: dict[str, Any] = field(default_factory=dict)
    command: str | None = None
    template: str | None = None
    metric_regex: str | None = None
    arg_style: str = "auto"
    checkpoint_every: int = 1


@dataclass
class Setup(Message):
    """The first message to a worker: what it will evaluate, and where.

    Attributes:
        scripts: the folder of the training scripts.
        model: the fields of a `Model`.
        metrics: names of the objectives.
        logs: folder for the logs of trials.
        slot: which of the job's workers it is.
        spare: the folder for working folders that nothing was written to.
        grace: seconds that a program has to end once it was told to.
        resource: the metric that counts the steps of a trial.
        looks: whether it says in what it runs (see `Ready`).
    """

    kind = "setup"
    scripts: str
    model: dict[str, Any]
    metrics: list[Any]
    logs: str
    slot: int
    spare: str
    grace: float = GRACE
    resource: str = ""
    looks: bool = False


@dataclass
class Evaluate(Message):
    """Evaluate this trial.

    Attributes:
        config: the values of its parameters.
        folder: the trial's own, made when it is needed.
        restore: the checkpoint to go on from.
        filled: the template with the values in their places: its text for a program, the tree
            for a function or class.
        absent: parameters that the trial does not have, and that are null.
    """

    kind = "evaluate"
    trial: str
    config: dict[str, Any]
    seed: int
    attempt: int
    from_step: int
    folder: str
    restore: str | None = None
    filled: Any = None
    absent: list[Any] = field(default_factory=list)


@dataclass
class Verdict(Message):
    """The answer to a report: ``continue``, ``complete`` (a stop criterion is reached), ..."""

    kind = "verdict"
    decision: str


@dataclass
class Ready(Message):
    """The objective is loaded; ``surroundings`` are those of `look`, where it was to say."""

    kind = "ready"
    surroundings: dict[str, Any] = field(default_factory=dict)


@dataclass
class ReportMade(Message):
    """The objective reported; the worker waits for a `Verdict`."""

    kind = "report"
    trial: str
    attempt: int
    metrics: dict[str, Any]


@dataclass
class Done(Message):
    """The trial ended.

    Attributes:
        metrics: its last report, which is answered by nothing: what the objective returned.
        failure: the reason, if it failed.
        details: its traceback.
        last: the worker ends as well: the trial has left processes, or spoilt its own.
    """

    kind = "done"
    trial: str
    attempt: int
    metrics: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None
    details: str | None = None
    last: bool = False


@dataclass
class Broken(Message):
    """The objective cannot be loaded: no trial can run."""

    kind = "broken"
    message: str


_KINDS: dict[str, type[Message]] = {
    kind.kind: kind for kind in (Setup, Evaluate, Verdict, Ready, ReportMade, Done, Broken)
}
_TYPES: dict[str, Any] = {
    "str": str,
    "int": int,
    "bool": bool,
    "float": (int, float),
    "list[Any]": list,
    "dict[str, Any]": dict,
    "str | None": (str, type(None)),
    "Any": object,
}
_FIELDS: dict[type[Message], list[tuple[str, Any]]] = {
    kind: [(item.name, _TYPES[str(item.type)]) for item in fields(kind)] for kind in _KINDS.values()
}


def decode(
    line: bytes | bytearray, load: Callable[[bytes | bytearray], Any] = json.loads
) -> Message:
    """The message of a line.

    Raises:
        Garbled: it is none.
    """
    try:
        data = load(line)
        message = _KINDS[data.pop("kind")](**data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Garbled(f"no message: {shown(line)}") from error
    for name, kind in _FIELDS[type(message)]:
        if not isinstance(getattr(message, name), kind):
            raise Garbled(f"no message: {shown(line)}")
    return message


def shown(line: bytes | bytearray) -> str:
    """The beginning of a line, for a message."""
    text = line[:60].decode("utf-8", "replace")
    return repr(text if len(line) <= 60 else f"{text}...")


class Line(Protocol):
    """What a trial speaks to its driver through."""

    def send(self, message: Message) -> None:
        """Send a message."""

    def receive(self) -> Message | None:
        """Wait for the answer; None: the other side has gone."""


class Channel:
    """The worker's end: messages over a stream socket."""

    def __init__(self, stream: socket.socket) -> None:
        self._socket = stream
        self._stream = stream.makefile("rb")

    def send(self, message: Message) -> None:
        """Send one message.

        Raises:
            ValueError: it is too large.
        """
        line = message.encode()
        if len(line) > MAX_BYTES:
            raise ValueError(
                f"a report of {len(line) // 10**6} MB is too large (at most "
                f"{MAX_BYTES // 10**6} MB): write large data to a file in the trial's folder"
            )
        self._socket.sendall(line)

    def receive(self) -> Message | None:
        """Wait for the next message; None: the other side has gone."""
        try:
            line = self._stream.readline()
        except ConnectionError:
            line = b""
        return decode(line) if line else None
