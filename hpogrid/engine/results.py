"""The result of a trial: one value for every metric that it reported."""

from __future__ import annotations

import math
from typing import Any

from hpogrid.config.schemas import HpoConfig


def result(config: HpoConfig, reports: list[dict[str, Any]]) -> dict[str, Any]:
    """One value for every metric: the last, and for the objectives what the config says."""
    found: dict[str, Any] = {}
    for metrics in reports:
        found.update(metrics)
    if len(reports) > 1 and config.aggregate != "last":
        for name, mode in zip(config.metrics, config.modes, strict=True):
            values = [metrics[name] for metrics in reports if is_number(metrics.get(name))]
            if values:
                found[name] = _aggregate(config.aggregate, values, mode)
    return found


def what_is_missing(config: HpoConfig, metrics: dict[str, Any]) -> str | None:
    """Why a trial with these metrics has failed, or None."""
    for name in config.metrics:
        if name not in metrics:
            seen = ", ".join(sorted(metrics)) or "none"
            return f"the metric '{name}' was not reported; metrics seen: {seen}"
        if not is_number(metrics[name]):
            return f"the metric '{name}' is {metrics[name]}, not a finite number"
    return None


def objectives(config: HpoConfig, metrics: dict[str, Any]) -> tuple[float, ...] | None:
    """The values of the objectives, or None unless all are finite numbers."""
    values = tuple(metrics.get(name) for name in config.metrics)
    return values if all(map(is_number, values)) else None  # type: ignore[return-value]


def loss(config: HpoConfig, metrics: dict[str, Any]) -> float | None:
    """The first objective so that smaller is better; None: it is not there."""
    value: Any = metrics.get(config.metrics[0])
    if not is_number(value):
        return None
    return float(value if config.modes[0] == "min" else -value)


def is_number(value: Any) -> bool:
    """Whether it is a finite number (a truth value is none)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the range of floats
        return False


def _aggregate(rule: str, values: list[float], mode: str) -> float:
    if rule == "best":
        return min(values) if mode == "min" else max(values)
    last = values[-int(rule.removeprefix("mean:")) :]
    return sum(last) / len(last)
