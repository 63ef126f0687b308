"""What an analysis says, in numbers. It is written as JSON beside the pictures."""

from __future__ import annotations

from typing import Literal

import msgspec

from hpogrid.search.base import Mode
from hpogrid.space.value import Values

Value = float | str
Kind = Literal["continuous", "nominal"]


class Share(msgspec.Struct):
    """A part of the whole, from 0 to 1, and its standard deviation."""

    mean: float
    std: float


class Effect(msgspec.Struct):
    """What one hyperparameter does to the target.

    Attributes:
        name: the hyperparameter.
        kind: ``continuous``: ``values`` are the edges of intervals, one more than scores;
            ``nominal``: they are the categories.
        share: its part of the absolute effects of all terms.
        values: in the hyperparameter's own units.
        score: by how much the target changes; positive is better.
        std: the standard deviation of each score over the bags of the model.
        best: the value with the highest score (of an interval its middle; of whole numbers one
            that was tried).
    """

    name: str
    kind: Kind
    share: Share
    values: list[Value]
    score: list[float]
    std: list[float]
    best: Value


class Pair(msgspec.Struct):
    """What two hyperparameters do together beyond what each does alone."""

    names: tuple[str, str]
    share: Share
    x: list[Value]
    y: list[Value]
    score: list[list[float]]  # a row for each x, a cell for each y


class Local(msgspec.Struct):
    """Why the model expects the result of one trial: the score of each term."""

    trial: str
    config: Values
    actual: float
    predicted: float
    scores: dict[str, float]


class Analysis(msgspec.Struct):
    """The whole.

    Attributes:
        target: what is explained, larger is better, such as ``-loss`` or ``-log10(loss)``.
        trials: how many trials it rests on.
        r2: R² on trials that the model has not seen, over folds; below 0.3 the rest means little.
        folds: how many R² values that is of.
        intercept: the mean of the target.
        effects, pairs: most important first.
        locals: of the best trials, best first.
        fanova: the part of a forest's variance that each explains alone.
        permutation: the part of the variance of ranks that is lost when it is shuffled.
        note: which trials are left out, or mixed with others.
    """

    project: str
    metric: str
    mode: Mode
    target: str
    trials: int
    r2: Share
    folds: int
    intercept: float
    effects: list[Effect]
    pairs: list[Pair]
    locals: list[Local]
    fanova: dict[str, Share]
    permutation: dict[str, Share]
    note: str = ""

    @property
    def reliable(self) -> bool:
        """Whether the model explains enough to be believed."""
        return self.r2.mean >= 0.3
