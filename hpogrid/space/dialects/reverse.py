"""The reverse log scale of other systems: the same here, or refused."""

from __future__ import annotations

from hpogrid.space.scale import ReverseLog


def reverse_log(system: str, low: float, high: float) -> ReverseLog:
    """Where ``low + high - value`` is on a log scale; here it is ``1 - value``.

    Raises:
        ValueError: the two are not the same.
    """
    if low + high != 1 or low <= 0:
        raise ValueError(
            f"{system} mirrors a log scale between its bounds, which has an equivalent only where "
            f"they add up to 1, unlike {low:g} and {high:g}; search 1 minus it on a log scale"
        )
    return ReverseLog(low, high)
