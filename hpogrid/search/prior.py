"""Priors: what users believe about parameters.

A belief is a distribution on the axis of a parameter: around a number a normal one on the unit
interval, among categories a probability for each.
"""

from __future__ import annotations

import bisect
import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TypeGuard

from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.search.points import searched
from hpogrid.space.latent import (
    Axis,
    Category,
    IntegerRange,
    Latents,
    Unit,
    draw_near,
    from_unit,
    middle,
    shares,
    to_unit,
)
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Parameter
from hpogrid.space.space import Point, Space
from hpogrid.space.value import Value, Values, exactly

_WIDTH = 0.1
"""The standard deviation around a value that is believed, where the axis has length 1."""

_NARROWEST = 0.01
"""Nothing is believed more exactly than that."""

_CERTAINTY = 0.8
"""How much of the probability goes to the categories that are believed; the rest goes to all."""

_PATIENCE = 6.0
"""After so many trials a prior has half of its weight. The best one then has a fourth of the first
50 proposals, and however one misleads, it costs no more."""

_STEPS = 1000
"""How exactly the place of a distribution is found."""

_SIGMA = NormalDist().cdf(1.0)


@dataclass(frozen=True, slots=True)
class Around:
    """A normal distribution on the unit interval, cut at its ends."""

    axis: Unit | IntegerRange
    centre: float
    width: float

    @property
    def likeliest(self) -> float | int:
        """The latent that is believed most."""
        return from_unit(self.axis, self.centre)

    def draw(self, rng: random.Random) -> float | int:
        """A latent as it is believed."""
        return from_unit(self.axis, draw_near(rng, self.centre, self.width))

    def log_odds(self, latent: float | int) -> float:
        """The logarithm of how many times as likely a latent is believed as the space makes it."""
        normal = NormalDist(self.centre, self.width)
        apart = (to_unit(self.axis, latent) - self.centre) / self.width
        inside = normal.cdf(1.0) - normal.cdf(0.0)
        return -(apart**2) / 2 - math.log(inside * self.width * math.sqrt(2 * math.pi))


@dataclass(frozen=True, slots=True)
class Among:
    """A probability for each category."""

    axis: Category
    probabilities: tuple[float, ...]

    @property
    def likeliest(self) -> int:
        """The category that is believed most."""
        return self.probabilities.index(max(self.probabilities))

    def draw(self, rng: random.Random) -> int:
        """A category as it is believed."""
        return rng.choices(range(self.axis.count), self.probabilities)[0]

    def log_odds(self, latent: float | int) -> float:
        """The logarithm of how many times as likely a category is believed as the space makes
        it."""
        return math.log(self.probabilities[int(latent)] / shares(self.axis)[int(latent)])


Belief = Around | Among


@dataclass(frozen=True)
class Prior:
    """What is believed of some parameters.

    Attributes:
        beliefs: by parameter.
        first: the point to evaluate before all others: what is believed most, and the middle of
            the other parameters; none where nothing is believed.
    """

    beliefs: Mapping[str, Belief] = field(default_factory=dict)
    first: tuple[Point, ...] = ()


NO_PRIOR = Prior()


# --- reading one --------------------------------------------------------------------------------


def read_prior(data: Values, space: Space) -> Prior:
    """Read what is believed: by the name of a parameter a value, or a distribution.

    A value may be right for a parameter whose condition does not hold beside the other values;
    then it counts where the condition does. What is fixed may be given as what it is.

    Raises:
        UserError: an unknown parameter, or a value or distribution that the space does not have.
    """
    beliefs: dict[str, Belief] = {}
    likeliest: Values = {}
    for name, given in data.items():
        item = space.parameters.get(name)
        if item is None:
            raise UserError(f"prior: {unknown('parameter', name, list(space.parameters))}")
        try:
            if isinstance(item, Constant):
                item.taken(given)
            elif is_distribution(given):
                beliefs[name] = _believed(item, _distribution(name, given))
                likeliest[name] = item.decode(beliefs[name].likeliest)
            elif found := searched({name: given}, space, "prior"):
                likeliest |= found
                if item.axis is not None:
                    beliefs[name] = _around(item.axis, item.encode(found[name]))
        except ValueError as error:
            raise UserError(f"prior: '{name}': {error}") from error
    first = (space.apply(space.defaults() | likeliest),) if likeliest else ()
    return Prior(beliefs, first)


def check_prior(data: Values) -> None:
    """Refuse distributions that are none, whatever the space.

    Raises:
        UserError: the first one, and what is wrong with it.
    """
    for name, given in data.items():
        if is_distribution(given):
            _distribution(name, given)


def is_distribution(given: Value) -> TypeGuard[Mapping[str, Value]]:
    """Whether it is a distribution in the notation of a search space, and no value."""
    return isinstance(given, Mapping) and "method" in given


def _distribution(name: str, given: Value) -> Parameter:
    from hpogrid.space.dialects.method_dimension import parse

    return parse({name: given}, "prior")[0].parameters[name]


def _around(axis: Axis, latent: float | int) -> Belief:
    if not isinstance(axis, Category):
        return Around(axis, to_unit(axis, latent), _wide(axis, _WIDTH))
    certain = [float(index == latent) for index in range(axis.count)]
    return _mixed(axis, certain, _CERTAINTY)


def _mixed(axis: Category, probabilities: Iterable[float], certainty: float) -> Among:
    """Probabilities that are right with some certainty; else those of the space are."""
    pairs = zip(probabilities, shares(axis), strict=True)
    return Among(axis, tuple(certainty * own + (1 - certainty) * share for own, share in pairs))


def _wide(axis: Unit | IntegerRange, width: float) -> float:
    """A width with which the neighbours of a whole number are drawn as well."""
    cells = axis.high - axis.low + 1 if isinstance(axis, IntegerRange) else math.inf
    return max(width, 0.5 / cells)


def _believed(item: Parameter, given: Parameter) -> Belief:
    """A distribution on the axis of a parameter."""
    match item, item.axis, given, given.axis:
        case Categorical(), Category() as axis, Categorical(), Category() as own:
            believed = [0.0] * axis.count
            for value, share in zip(given.choices, shares(own), strict=True):
                believed[int(item.encode(value))] += share
            return _mixed(axis, believed, _CERTAINTY)
        case Float() | Integer(), Unit() | IntegerRange() as scale, Float() | Integer(), _:
            return _around_middle(item, scale, given)
    raise ValueError("a distribution is for numbers, or for categories; give a value")


def _around_middle(
    item: Float | Integer, axis: Unit | IntegerRange, given: Float | Integer
) -> Around:
    """What counts of a distribution of numbers: its middle, and where two thirds of it are."""
    low, centre, high = (
        given.decode(from_unit(given.axis, share)) for share in (1 - _SIGMA, 0.5, _SIGMA)
    )
    least, most = item.decode(from_unit(axis, 0.0)), item.decode(from_unit(axis, 1.0))
    if not least <= centre <= most:
        raise ValueError(
            f"the middle of the distribution, {exactly(centre)}, is outside {exactly(least)} to "
            f"{exactly(most)}"
        )
    width = (_place(item, axis, high) - _place(item, axis, low)) / 2
    return Around(axis, _place(item, axis, centre), _wide(axis, max(width, _NARROWEST)))


def _place(item: Float | Integer, axis: Axis, value: float) -> float:
    """Where in the unit interval a number is; where many are rounded to it, in their middle."""

    def at(step: int) -> float:
        return item.decode(from_unit(axis, step / _STEPS))

    steps = range(_STEPS + 1)
    first, end = bisect.bisect_left(steps, value, key=at), bisect.bisect_right(steps, value, key=at)
    return min(max((first + end - 1) / (2 * _STEPS), 0.0), 1.0)


# --- following one ------------------------------------------------------------------------------


class Believer:
    """Says when it is time for a point that the user believes in, and draws it.

    That is ever less likely with the number of trials, and with what they say: it is as likely
    as that points near the prior are better than others, by their ranks.

    Attributes:
        beliefs: of the parameters that are searched.
    """

    def __init__(self, beliefs: Mapping[str, Belief], space: Space) -> None:
        self.beliefs = beliefs
        self._space = space
        self._centre = {name: middle(axis) for name, axis in space.axes.items()}
        self._conditional = any(space.parameters[name].needs() for name in beliefs)
        self._near: list[float] = []
        self._far: list[float] = []

    def ready(self, rng: random.Random, known: int) -> bool:
        """Whether the next point is to be drawn from the prior, after so many trials."""
        chance = _PATIENCE / (_PATIENCE + known)
        drawn = rng.random()
        return drawn < chance and drawn < chance * self.trust()

    def draw(self, rng: random.Random) -> Latents:
        """The latents of the parameters of which something is believed."""
        return {name: belief.draw(rng) for name, belief in self.beliefs.items()}

    def learn(self, point: Latents, loss: float) -> None:
        """Learn how good a point is."""
        (self._near if self._is_near(point) else self._far).append(loss)

    def learn_again(self, told: Iterable[tuple[Latents, float]]) -> None:
        """Learn these instead of all that was learnt."""
        self._near, self._far = [], []
        for point, loss in told:
            self.learn(point, loss)

    def _is_near(self, point: Latents) -> bool:
        """Whether a point is more likely by the prior than by the space; of parameters that it
        does not have, nothing is believed."""
        names = list(self.beliefs)
        if self._conditional:
            crossing = next(self._space.crossings())
            have = self._space.decode({**self._centre, **point}, crossing).suggested
            names = [name for name in names if name in have]
        return math.fsum(self.beliefs[name].log_odds(point[name]) for name in names) > 0

    def trust(self) -> float:
        """How sure it is that points near the prior are better: the test of Mann and Whitney."""
        near, far = len(self._near), len(self._far)
        if not near or not far:
            return 0.5
        others = sorted(self._far)
        ranks = (bisect.bisect_left(others, x) + bisect.bisect_right(others, x) for x in self._near)
        won = near * far - sum(ranks) / 2
        deviation = math.sqrt(near * far * (near + far + 1) / 12)
        return NormalDist().cdf((won - near * far / 2) / deviation)
