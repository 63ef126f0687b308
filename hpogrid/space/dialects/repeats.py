"""Lists of values in which one may stand more than once: that is its weight."""

from __future__ import annotations

from collections.abc import Sequence

from hpogrid.space.parameter import Categorical
from hpogrid.space.value import Value, canonical, check_value

_MOST_REPEATED = 1000
REPEATED = "repeated categories count as weights"


def collapse(categories: Sequence[Value]) -> tuple[tuple[Value, ...], tuple[float, ...] | None]:
    """Distinct values in order of first appearance, and how often each is there.

    Raises:
        ValueError: a value that JSON cannot say.
    """
    check_value(categories)
    counts: dict[bytes, int] = {}
    values: list[Value] = []
    for value in categories:
        key = canonical(value)
        if key not in counts:
            values.append(value)
        counts[key] = counts.get(key, 0) + 1
    repeated = len(values) < len(categories)
    return tuple(values), tuple(map(float, counts.values())) if repeated else None


def repetition(categories: Sequence[Value], *, grid: bool) -> list[str]:
    """The note on categories that stand more than once."""
    values, _ = collapse(categories)
    if len(values) == len(categories):
        return []
    return ["repeated categories count once" if grid else REPEATED]


def spread(item: Categorical) -> list[Value]:
    """The values of a categorical, each as often as its weight says.

    Raises:
        ValueError: the weights are no small whole numbers.
    """
    weights = item.weights or (1.0,) * len(item.choices)
    if any(weight != int(weight) for weight in weights) or sum(weights) > _MOST_REPEATED:
        raise ValueError(f"weights but whole numbers up to {_MOST_REPEATED} in all")
    pairs = zip(item.choices, weights, strict=True)
    return [value for value, weight in pairs for _ in range(int(weight))]
