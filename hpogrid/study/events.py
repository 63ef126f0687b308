"""The records of a ledger: one JSON line for each event in the life of a trial."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from hpogrid.config.git import Git
from hpogrid.space.value import Values

State = Literal["running", "complete", "pruned", "failed", "interrupted"]
"""``complete`` and ``pruned`` (stopped early by a scheduler) have a result; ``failed`` has a
reason instead; ``interrupted`` was cut off and may be run again under the same id."""

FINISHED = ("complete", "pruned", "failed")

Metrics = dict[str, Any]

Time = Annotated[float, msgspec.Meta(ge=0, lt=2**37)]
"""Seconds since the epoch, which a calendar can say."""


class _Event(msgspec.Struct, frozen=True, tag_field="event", omit_defaults=True, gc=False):
    """Something that happened at ``time``."""

    time: Time


class Opened(_Event, frozen=True, tag="open"):
    """A job began to write this file; always its first line.

    ``attempt`` counts the times that the job was started, from 1. ``boot`` tells machines apart
    that have the same name. ``read`` says how many bytes of each earlier attempt's file this one
    goes on from; what stands after them is void.
    """

    job: int
    attempt: int
    host: str
    pid: int
    version: str
    project: str  # the project's content hash
    seed: int
    boot: str = ""
    read: dict[int, int] = {}


class Started(_Event, frozen=True, tag="start"):
    """A trial began. ``applied`` is left out where it equals ``suggested``.

    ``attempt`` counts its starts; a later one goes on after report ``from_step``. Repetitions
    of a configuration with other seeds carry the id of the first one as ``group``.
    """

    trial: str
    seed: int
    suggested: Values
    applied: Values | None = None
    attempt: int = 1
    from_step: int = 0
    parent: str | None = None
    group: str | None = None


class Reported(_Event, frozen=True, tag="report"):
    """The objective reported metrics. ``step`` counts its reports from 1."""

    trial: str
    step: int
    metrics: Metrics


class Ended(_Event, frozen=True, tag="end"):
    """A trial ended.

    ``metrics`` is its result: the last or best report, or the mean of some for the objectives, as
    the hpo config says. ``steps`` is the number of its reports. Of the time since its start it
    waited ``prepared`` seconds for what was prepared for it. One that is ``paused`` was interrupted
    by a scheduler, which says when it goes on.
    """

    trial: str
    state: State
    metrics: Metrics = {}
    steps: int = 1
    reason: str | None = None
    prepared: float = 0  # an int, so that msgspec knows it for the default and leaves it out
    paused: bool = False


class Environment(msgspec.Struct, frozen=True, omit_defaults=True):
    """In what the trials of a job run; what is not known is empty.

    Attributes:
        python, program: the version and the path of their Python.
        packages: the versions of the distributions that their scripts import, and of those that
            these require.
        threads: so many their libraries are told to compute with.
        system: operating system and machine.
        gpus, driver: the models of NVIDIA's GPUs of the machine, and the version of the driver.
        image: the container's, as the job was told it or as the container says.
        digest: of the image, where its name holds it.
        git: of the folder that the scripts were taken from, at that moment.
    """

    python: str = ""
    program: str = ""
    packages: dict[str, str] = {}
    threads: int = 0
    system: str = ""
    gpus: tuple[str, ...] = ()
    driver: str = ""
    image: str = ""
    digest: str = ""
    git: Git | None = None


class Found(_Event, frozen=True, tag="environment"):
    """In what the trials of this attempt of a job run."""

    environment: Environment


class Closed(_Event, frozen=True, tag="close"):
    """The job stopped writing, for ``reason``.

    ``over``: a larger budget would have changed nothing, for the target was reached, nothing got
    better any more, or the whole space was tried.
    """

    reason: str
    over: bool = False


Event = Opened | Found | Started | Reported | Ended | Closed
