"""Configurations of a space of ConfigSpace, beside what it (1.2.2) itself takes wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from hpogrid.space.condition import Condition
from hpogrid.space.space import Space
from tests.lazy import Lazy

if TYPE_CHECKING:
    import ConfigSpace as theirs
else:
    theirs = Lazy("ConfigSpace")


def drawn(library: theirs.ConfigurationSpace, count: int) -> Iterator[dict[str, Any]]:
    """Configurations at random: the values of the parameters that are active.

    Not those of `sample_configuration`, some of which the library's `check_valid_configuration`
    refuses: it looks at conditions in the order of their parent nearest to the root, so at one on
    "a" and "c" before that of "c" on "b", where "b" depends on "a". A "c" that it takes out only
    then has counted as active. What it says of each condition alone is right, so that is asked
    until nothing changes.
    """
    random = np.random.RandomState(1)
    for _ in range(count):
        every = np.array([item.sample_vector(seed=random) for item in library.values()])
        vector = every
        for _ in library:  # behind how many others a parameter may lie
            active = library.get_active_hyperparameters(vector)
            vector = np.where([name in active for name in library], every, np.nan)
        values = theirs.Configuration(library, vector=vector)
        yield {name: getattr(x, "item", lambda x=x: x)() for name, x in values.items()}


def is_confused(space: Space) -> bool:
    """Whether the library takes one condition for another, and may refuse to read the space.

    It does so where all comparisons that one joins are in the other, whether with "and" or "or"
    (https://github.com/automl/ConfigSpace/issues/430).
    """
    joined = [item.when for item in space.parameters.values() if item.when and item.when.of]
    return any(a != b and _compared(a) <= _compared(b) for a, b in permutations(joined, 2))


def _compared(when: Condition) -> set[str]:
    return set().union(*map(_compared, when.of)) if when.of else {str(when)}
