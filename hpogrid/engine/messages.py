"""What driver and worker say to each other: one JSON line for each message."""

from __future__ import annotations

import select
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import msgspec

from hpogrid.config.schemas import ModelConfig, PrepStage

if TYPE_CHECKING:
    from hpogrid.engine.spec import Assignment
    from hpogrid.space.space import Space


class PrepSetup(msgspec.Struct):
    """What is prepared before trials, and where; ``fixed`` are the values that all trials share."""

    stages: list[PrepStage]
    folder: str
    fixed: dict[str, Any]


class Setup(msgspec.Struct, tag="setup"):
    """The first message to a worker: what it will evaluate."""

    scripts: str
    model: ModelConfig
    metrics: tuple[str, ...]
    logs: str  # folder for the logs of trials
    slot: int
    prep: PrepSetup | None = None
    names: tuple[str, ...] = ()  # of all parameters
    resource: str = ""  # the metric that counts the steps


class Evaluate(msgspec.Struct, tag="evaluate"):
    """Evaluate this trial. ``folder`` is the trial's own, made when it is needed."""

    trial: str
    config: dict[str, Any]
    seed: int
    attempt: int
    from_step: int
    folder: str
    restore: str | None = None
    absent: tuple[str, ...] = ()  # parameters that the trial does not have, and that are null


def evaluate_message(assignment: Assignment, trials: Path, space: Space) -> Evaluate:
    """What a worker is told of an assignment; ``trials`` is the folder of the trials' own."""
    return Evaluate(
        assignment.trial,
        assignment.config,
        assignment.seed,
        assignment.attempt,
        assignment.from_step,
        str(trials / assignment.trial),
        str(assignment.restore) if assignment.restore else None,
        tuple(sorted(space.absent(assignment.config))),
    )


class Verdict(msgspec.Struct, tag="verdict"):
    """The answer to a report, or to `Prepared`: whether to go on."""

    go_on: bool


class Ready(msgspec.Struct, tag="ready"):
    """The objective is loaded."""


class Prepared(msgspec.Struct, tag="prepared"):
    """What the trial needs is there, after so many seconds; the worker waits for a `Verdict`."""

    seconds: float


class ReportMade(msgspec.Struct, tag="report"):
    """The objective reported; the worker waits for a `Verdict`."""

    metrics: dict[str, Any]


class Done(msgspec.Struct, tag="done"):
    """The trial ended; ``failure`` is the reason, ``details`` the traceback, if it failed."""

    failure: str | None = None
    details: str | None = None


class Broken(msgspec.Struct, tag="broken"):
    """The objective cannot be loaded: no trial can run."""

    message: str


ToWorker = Setup | Evaluate | Verdict
FromWorker = Ready | Prepared | ReportMade | Done | Broken

T = TypeVar("T")


class Line(Protocol):
    """What a trial speaks to its driver through."""

    def send(self, message: ReportMade | Prepared) -> None:
        """Send a message."""

    def receive(self) -> ToWorker | None:
        """Wait for the answer; None: the other side has gone."""


class Channel(Generic[T]):
    """Messages over a stream socket. ``kind`` is the union of those that come in."""

    def __init__(self, stream: socket.socket, kind: Any) -> None:
        self.socket = stream
        self._decoder = msgspec.json.Decoder(kind)
        self._encoder = msgspec.json.Encoder()
        self._buffer = b""

    def send(self, message: ToWorker | FromWorker) -> None:
        """Send one message."""
        self.socket.sendall(self._encoder.encode(message) + b"\n")

    def receive(self) -> T | None:
        """Wait for the next message; None: the other side has gone."""
        while b"\n" not in self._buffer:
            data = self._read()
            if not data:
                return None
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        message: T = self._decoder.decode(line)
        return message

    @property
    def has_more(self) -> bool:
        """Whether a whole message is here already."""
        return b"\n" in self._buffer

    @property
    def readable(self) -> bool:
        """Whether there is something to receive, be it the end."""
        return self.has_more or bool(select.select([self.socket], [], [], 0)[0])

    def _read(self) -> bytes:
        try:
            return self.socket.recv(1 << 16)
        except ConnectionError:
            return b""
