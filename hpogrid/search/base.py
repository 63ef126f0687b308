"""The contract of a search algorithm, and the parts that all of them share.

An algorithm proposes latents (`hpogrid.space.latent`) and is told outcomes, also of points it
never proposed: that one property gives resume, warm start and sharing between jobs.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import msgspec

from hpogrid.errors import UserError
from hpogrid.space.latent import Latents
from hpogrid.space.space import Space, plain

Mode = Literal["min", "max"]


class Outcome(msgspec.Struct, frozen=True):
    """How the evaluation of a point ended.

    Attributes:
        values: the objective values, raw (one for each mode); None: it failed.
    """

    values: tuple[float, ...] | None


FAILED = Outcome(None)


class Searcher(Protocol):
    """Who proposes the next point."""

    def suggest(self) -> Latents | None:
        """One latent for each axis of the space; None: there is nothing left to propose."""

    def observe(self, point: Latents, outcome: Outcome) -> None:
        """Learn how a point ended, whether it was proposed here or elsewhere."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``algorithm_param`` of an algorithm: its fields with their defaults."""


@dataclass(frozen=True)
class Task:
    """What a searcher is made for.

    Attributes:
        space: what is searched.
        modes: for each objective value, which way is better.
        seed: everything random derives from it.
        trials: how many points will be asked for, where that is known.
    """

    space: Space
    modes: tuple[Mode, ...]
    seed: int
    trials: int | None = None


class BaseSearcher(ABC):
    """Turns outcomes into losses to minimise, and counts, so that an algorithm need not.

    A subclass gives `Settings` (its options), `_ask` and `_tell`. A failed trial is told as the
    worst loss seen so far; failures before the first success wait for it. Every proposal draws
    from a generator seeded by the number of points known, so a searcher that was told a history
    goes on exactly as the one that lived through it.
    """

    Settings: ClassVar[type[Options]] = Options
    objectives: ClassVar[int] = 1
    """How many objective values it can handle."""

    def __init__(self, task: Task, options: Options | None = None) -> None:
        if len(task.modes) > self.objectives:
            raise UserError(
                f"{type(self).__name__} handles {self.objectives} metric, not {len(task.modes)}; "
                "use algorithm optuna with sampler nsga2 for several"
            )
        self.task = task
        self.options: Any = options if options is not None else self.Settings()
        self._known = 0
        self._pending: list[Latents] = []
        self._worst: tuple[float, ...] | None = None
        self._waiting: list[Latents] = []

    def suggest(self) -> Latents | None:
        """Propose a point (see `Searcher`)."""
        latents = self._ask(derive_seed(self.task.seed, self._known))
        if latents is not None:
            self._known += 1
            self._pending.append(latents)
        return latents

    def observe(self, point: Latents, outcome: Outcome) -> None:
        """Learn an outcome (see `Searcher`)."""
        if point in self._pending:
            self._pending.remove(point)
        else:
            self._known += 1
        losses = self._losses(outcome)
        if losses is None:
            if self._worst is None:
                self._waiting.append(point)
                return
            losses = self._worst
        else:
            self._worst = losses if self._worst is None else tuple(map(max, self._worst, losses))
        self._tell(point, losses)
        waiting, self._waiting = self._waiting, []
        for failed in waiting:
            self._tell(failed, self._worst)

    def _losses(self, outcome: Outcome) -> tuple[float, ...] | None:
        if outcome.values is None or not all(map(math.isfinite, outcome.values)):
            return None
        signs = (1.0 if mode == "min" else -1.0 for mode in self.task.modes)
        return tuple(sign * value for sign, value in zip(signs, outcome.values, strict=True))

    @abstractmethod
    def _ask(self, seed: int) -> Latents | None:
        """Propose a point; everything random in it derives from ``seed``."""

    @abstractmethod
    def _tell(self, point: Latents, losses: tuple[float, ...]) -> None:
        """Learn the losses (smaller is better) of a point, proposed here or elsewhere."""


def derive_seed(*parts: object) -> int:
    """A 31-bit seed that depends on all the parts, the same on every machine."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % (2**31 - 1)


def read_options(kind: type[Options], data: dict[str, Any], what: str) -> Options:
    """Read the parameters of an algorithm or scheduler.

    Args:
        kind: the struct that declares them.
        data: what the user gave.
        what: whose they are, for the message (``"algorithm_param of optuna"``).

    Raises:
        UserError: an unknown key or a wrong type; the valid keys are listed with defaults.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise UserError(f"{what}: {plain(error)}; valid: {describe_options(kind)}") from error


def describe_options(kind: type[Options]) -> str:
    """The valid keys with their defaults, in one line."""
    fields: Sequence[msgspec.structs.FieldInfo] = msgspec.structs.fields(kind)
    rows = (f"{field.name}={msgspec.json.encode(field.default).decode()}" for field in fields)
    return ", ".join(rows) or "none (it has no parameters)"
