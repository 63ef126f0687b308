"""A range around a default, and why."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from hpogrid.space.parameter import Categorical, Float, Integer, Parameter
from hpogrid.space.scale import Linear, Log

_BY_FACTORS = re.compile(
    r"(^|[_.])(lr|learning_rate|rate|wd|decay|weight_decay|eps|epsilon|l1|l2|reg|lambda|lam|alpha|"
    r"gamma|tol|temperature|c)([0-9]*)($|[_.])"
)
_SHARES = re.compile(r"drop|prob|(^|_)(p|ratio|fraction|frac|share|momentum|beta[0-9]?)($|_)")
_LARGEST = 2**31


def guessed_range(name: str, kind: str, default: Any, choices: Any) -> tuple[Parameter, str] | None:
    """A parameter, and how it came about; None: nothing can be said of it."""
    if isinstance(choices, Sequence) and not isinstance(choices, str) and len(choices) > 1:
        return _choices(choices)
    if isinstance(default, bool) or not isinstance(default, int | float):
        return None
    if kind not in ("", "int", "float") or not math.isfinite(default) or abs(default) > _LARGEST:
        return None
    if kind == "int" or (isinstance(default, int) and kind != "float"):
        return _whole(int(default))
    return _number(name, float(default))


def _choices(choices: Sequence[Any]) -> tuple[Parameter, str] | None:
    values = list(dict.fromkeys(choices)) if all(map(_plain, choices)) else []
    if len(values) < 2:
        return None
    return Categorical(choices=tuple(values)), "one of the choices that the script takes"


def _plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and value == value and _is_finite(value)


def _is_finite(value: Any) -> bool:
    """Whether it is no infinite number."""
    return not isinstance(value, float) or math.isfinite(value)


def _whole(default: int) -> tuple[Parameter, str] | None:
    if default < 1:
        return None
    low, high = max(1, default // 2), max(2, default * 2)
    return Integer(scale=Linear(low, high)), f"half to twice its default {default}"


def _number(name: str, default: float) -> tuple[Parameter, str] | None:
    plain = name.replace("-", "_").lower()
    share = _SHARES.search(plain) is not None
    if default == 0:
        if "drop" in plain:
            return Float(scale=Linear(0.0, 0.5)), "what is usual, its default is 0"
        return None
    by_factors = _BY_FACTORS.search(plain) is not None and not share
    if default > 0 and (by_factors or default <= 0.05):
        low, high = default / 10, default * 10
        high = min(high, 1.0) if default < 1 and by_factors else high
        low, high = _neat(low), _neat(high)
        return Float(scale=Log(low, high)), f"a tenth to ten times its default {default:g}"
    if 0.5 < default < 1:
        low, high = _neat(max(0.0, 1 - (1 - default) * 5)), _neat(1 - (1 - default) / 10)
        return Float(scale=Linear(low, high)), f"a share around its default {default:g}"
    if 0 < default <= 0.5 and share:
        return Float(scale=Linear(0.0, _neat(min(0.9, 2 * default)))), (
            f"a share up to twice its default {default:g}"
        )
    low, high = sorted((default / 2, default * 2))
    return Float(scale=Linear(_neat(low), _neat(high))), f"half to twice its default {default:g}"


def _neat(value: float) -> float:
    """Without the error of binary fractions: 0.1 * 3 is 0.3."""
    return float(f"{value:.12g}")
