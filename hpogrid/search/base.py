"""The contract of a search algorithm, and the parts that all of them share.

An algorithm proposes latents (`hpogrid.space.latent`) and is told outcomes, also of points it
never proposed: that one property gives resume, warm start and sharing between jobs.
"""

from __future__ import annotations

import hashlib
import math
import random
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import msgspec

from hpogrid.errors import UserError
from hpogrid.search.curves import Curves, Seen
from hpogrid.search.prior import NO_PRIOR, Believer, Prior
from hpogrid.space.latent import Axis, Category, IntegerRange, Latents, middle
from hpogrid.space.space import Space, identity, plain
from hpogrid.space.value import Value, Values

Mode = Literal["min", "max"]

_LARGEST = 1e30
"""Losses are cut here, so that a library may square and sum them."""

_TAIL = 1e-4
"""Models propose nothing further out on a distribution without bounds, where it has no value
that anybody means: they like to try the corners, and these are at seven sigma."""


class Outcome(msgspec.Struct, frozen=True):
    """How the evaluation of a point ended.

    Attributes:
        values: the objective values, raw (one for each mode); None: it failed.
        curve: what they were at the resources (such as epochs) at which trials are compared, each
            with the values there, in rising order; empty: that is not known.
        cut: whether it was ended early, so that the values are those of the last of these.
    """

    values: tuple[float, ...] | None
    curve: tuple[tuple[float, tuple[float, ...]], ...] = ()
    cut: bool = False


FAILED = Outcome(None)


class Searcher(Protocol):
    """Who proposes the next point."""

    remark: str
    """What its user should know about it, in one sentence; mostly empty."""
    learns: bool
    """Whether what was found decides what it proposes."""
    multifidelity: ClassVar[bool]
    """Whether it tells results at different resources apart, and so has a use for `report`."""

    def suggest(self) -> Latents | None:
        """One latent for each axis of the space; None: there is nothing left to propose.

        A proposal counts only when it is started: the caller is free to drop it.
        """

    def start(self, point: Latents) -> None:
        """Note that a point is being evaluated, whether it was proposed here or elsewhere."""

    def observe(self, point: Latents, outcome: Outcome) -> None:
        """Learn how a point ended, whether it was started or not."""

    def report(self, point: Latents, outcome: Outcome, resource: float) -> None:
        """Learn an intermediate result of a running point, after ``resource`` (such as epochs)."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``algorithm_param`` of an algorithm: its fields with their defaults."""

    @classmethod
    def translated(cls, data: Values) -> Values:
        """Parameters by our names, where others write them in a way of their own."""
        return data

    @classmethod
    def variant(cls, data: Mapping[str, Value]) -> type[Options]:
        """The struct to read ``data`` with, where one parameter decides which others there are."""
        return cls


@dataclass(frozen=True)
class Problem:
    """What a searcher is made for.

    Attributes:
        space: what is searched.
        modes: for each objective value, which way is better.
        seed: everything random derives from it.
        trials: how many points will be asked for, where that is known.
        prior: what its user believes about parameters.
        known: how many points are known from earlier searches.
    """

    space: Space
    modes: tuple[Mode, ...]
    seed: int
    trials: int | None = None
    prior: Prior = NO_PRIOR
    known: int = 0


class BaseSearcher(ABC):
    """Turns outcomes into losses to minimise, and keeps count, so that an algorithm need not.

    A subclass gives `Settings` (its options), `_ask` and `_tell`; `_start` where its library
    keeps account of running points. A failed trial is told as the worst loss seen so far (`_fail`);
    failures before the first success wait for it. A trial that was cut is told as what it would
    have come to (`_counted`); an algorithm that can take back what it was told gives `_retell`.
    Every proposal draws from a generator seeded
    by the number of points known, so a searcher that was told a history goes on exactly as the
    one that lived through it. Axes with a single value are kept from the algorithm.
    Some proposals come from what the user believes instead (`Believer`), where the algorithm
    `believes`.
    """

    Settings: ClassVar[type[Options]] = Options
    tail: ClassVar[float] = _TAIL
    learns: bool = True
    multifidelity: ClassVar[bool] = False
    believes: ClassVar[bool] = True

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        self.problem = problem
        self.options: Any = options if options is not None else self.Settings.variant({})()
        self.remark = ""
        most = self.objectives(self.options)
        if len(problem.modes) > most:
            raise UserError(several_refused(most, len(problem.modes)))
        self.axes = free_axes(problem.space)
        self._single = {
            name: middle(axis) for name, axis in problem.space.axes.items() if name not in self.axes
        }
        self._unbounded = [name for name in self.axes if unbounded(problem.space, name)]
        self._known = 0
        self._dropped = 0
        self._pending: dict[bytes, list[Latents]] = {}
        self._worst: tuple[float, ...] | None = None
        self._waiting: list[Latents] = []
        self._believer = self._follow(problem.prior)
        self._curves = Curves()
        self._history: list[tuple[Latents, Seen | None]] = []  # None: it failed
        self._version = 0

    @classmethod
    def objectives(cls, options: object) -> int:
        """How many objective values it can handle with these options."""
        return 1

    def suggest(self) -> Latents | None:
        """Propose a point (see `Searcher`)."""
        if self._version != self._curves.version:
            self._version = self._curves.version
            self._tell_again()
        seed = derive_seed(self.problem.seed, self._known, self._dropped)
        latents = self._believed(seed) or self._ask(seed)
        self._dropped += 1  # until it is started
        return None if latents is None else {**self._single, **self._inside(latents)}

    def _follow(self, prior: Prior) -> Believer | None:
        beliefs = {name: prior.beliefs[name] for name in self.axes if name in prior.beliefs}
        return Believer(beliefs, self.problem.space) if beliefs and self.believes else None

    def _believed(self, seed: int) -> Latents | None:
        """A point that the user believes in, if it is time for one.

        A proposal that was dropped is not followed by such a one: they often are the same.
        """
        if self._believer is None or self._dropped:
            return None
        rng = random.Random(derive_seed(seed, "prior"))
        if not self._believer.ready(rng, self._known):
            return None
        return {**self.draw(seed), **self._believer.draw(rng)}

    def start(self, point: Latents) -> None:
        """Note that a point is being evaluated (see `Searcher`)."""
        free = self._free(point)
        seed = derive_seed(self.problem.seed, self._known, 0)
        self._known += 1
        self._dropped = 0
        self._pending.setdefault(identity(free), []).append(free)
        self._start(free, seed)

    def observe(self, point: Latents, outcome: Outcome) -> None:
        """Learn an outcome (see `Searcher`)."""
        free = self._free(point)
        key = identity(free)
        if key not in self._pending:
            self.start(point)
        self._pending[key].pop()
        if not self._pending[key]:
            del self._pending[key]
        seen = self._read(outcome)
        if seen is not None:
            losses = self._counted(seen)
            self._worst = losses if self._worst is None else tuple(map(max, self._worst, losses))
        elif self._worst is None:
            self._waiting.append(free)
            return
        else:
            losses = self._worst
        self._learn(free, seen, losses)
        waiting, self._waiting = self._waiting, []
        for failed in waiting:
            self._learn(failed, None, self._worst)

    def _learn(self, point: Latents, seen: Seen | None, losses: tuple[float, ...]) -> None:
        self._history.append((point, seen))
        if self._believer is not None:
            self._believer.learn(point, losses[0])
        if seen is None:
            self._fail(point, losses)
        else:
            self._tell(point, losses)

    def report(self, point: Latents, outcome: Outcome, resource: float) -> None:  # noqa: B027
        """Learn an intermediate result (see `Searcher`); most algorithms have no use for it."""

    def draw(self, seed: int) -> Latents:
        """A point drawn from the space's own distributions."""
        rng = random.Random(seed)
        return {name: axis.sample(rng) for name, axis in self.axes.items()}

    def comes_from(self, point: Latents, proposal: Latents) -> bool:
        """Whether a started point is this proposal.

        Meanwhile quantised parameters moved to the latent of their value, inactive ones to the
        middle of their axis.
        """
        proposal = self._inside(proposal)
        for name, axis in self.axes.items():
            item = self.problem.space.parameters[name]
            if point[name] == item.encode(item.decode(proposal[name])):
                continue
            if not item.needs() or point[name] != middle(axis):
                return False
        return True

    def _inside(self, latents: Latents) -> Latents:
        for name in self._unbounded:
            latents[name] = min(max(latents[name], self.tail), 1 - self.tail)
        return latents

    def _free(self, point: Latents) -> Latents:
        return {name: point[name] for name in self.axes} if self._single else point

    def _losses(self, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if values is None or not all(map(math.isfinite, values)):
            return None
        signs = (1.0 if mode == "min" else -1.0 for mode in self.problem.modes)
        signed = (sign * value for sign, value in zip(signs, values, strict=True))
        return tuple(min(max(value, -_LARGEST), _LARGEST) for value in signed)

    def _read(self, outcome: Outcome) -> Seen | None:
        losses = self._losses(outcome.values)
        if losses is None:
            return None
        curve = {resource: self._losses(values) for resource, values in outcome.curve}
        known = {resource: there for resource, there in curve.items() if there is not None}
        return Seen(losses, known, outcome.cut)

    def _counted(self, seen: Seen) -> tuple[float, ...]:
        """The losses with which a trial counts: if it was cut, what they would have become."""
        return self._curves.add(seen)

    def _tell_again(self) -> None:
        """Tell everything as it is estimated by now, to an algorithm that can take that."""
        told: list[tuple[Latents, tuple[float, ...]]] = []
        worst: tuple[float, ...] = ()
        for point, seen in self._history:  # a failure is the worst until then, as it was told
            losses = worst if seen is None else self._curves.estimate(seen)
            worst = tuple(map(max, worst or losses, losses))
            told.append((point, losses))
        self._worst = worst
        if self._believer is not None:
            self._believer.learn_again((point, losses[0]) for point, losses in told)
        self._retell(told)

    def _retell(  # noqa: B027
        self, told: list[tuple[Latents, tuple[float, ...]]]
    ) -> None:
        """Learn these losses instead of all that was told; by default nothing changes."""

    @abstractmethod
    def _ask(self, seed: int) -> Latents | None:
        """Propose a point of `axes`; everything random in it derives from ``seed``."""

    def _start(self, point: Latents, seed: int) -> None:  # noqa: B027 (most need nothing here)
        """Note that a point is running; had it been proposed, it would have been with ``seed``."""

    @abstractmethod
    def _tell(self, point: Latents, losses: tuple[float, ...]) -> None:
        """Learn the losses (smaller is better) of a started point."""

    def _fail(self, point: Latents, worst: tuple[float, ...]) -> None:
        """Learn that a started point failed; unless an algorithm knows better, as the worst."""
        self._tell(point, worst)


def free_axes(space: Space) -> dict[str, Axis]:
    """The axes on which there is something to choose."""
    return {name: axis for name, axis in space.axes.items() if not _single(axis)}


def _single(axis: Axis) -> bool:
    if isinstance(axis, IntegerRange):
        return axis.low == axis.high
    return isinstance(axis, Category) and axis.count == 1


def unbounded(space: Space, name: str) -> bool:
    """Whether values of a parameter have no bounds, as with a normal distribution."""
    scale = getattr(space.parameters[name], "scale", None)
    return scale is not None and not math.isfinite(scale.bounds[1])


def several_refused(most: int, given: int) -> str:
    """The sentence for an algorithm that cannot handle that many metrics."""
    return (
        f"this algorithm handles {most} metric, not {given}; for several use "
        "--algorithm optuna (samplers nsga2, tpe, gp), ax, nevergrad, random or grid"
    )


def derive_seed(*parts: object) -> int:
    """A 31-bit seed that depends on all the parts, the same on every machine."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % (2**31 - 1)


def read_options(kind: type[Options], data: Values, what: str) -> Options:
    """Read the parameters of an algorithm or scheduler.

    Args:
        kind: the struct that declares them.
        data: what the user gave.
        what: whose they are, for the message (``"algorithm_param of optuna"``).

    Raises:
        UserError: an unknown key or a wrong type; the valid keys are listed with defaults.
    """
    data = kind.translated(data)
    kind = kind.variant(data)
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise UserError(f"{what}: {plain(error)}; valid: {describe_options(kind)}") from error


def describe_options(kind: type[Options]) -> str:
    """The valid keys with their defaults, in one line."""
    rows = [_describe(field) for field in msgspec.structs.fields(kind)]
    return ", ".join(rows) or "none (it has no parameters)"


def _describe(field: msgspec.structs.FieldInfo) -> str:
    text = f"{field.name}={msgspec.json.encode(field.default).decode()}"
    choices = typing.get_args(field.type) if typing.get_origin(field.type) is Literal else ()
    return f"{text} (of {' '.join(map(str, choices))})" if len(choices) > 1 else text
