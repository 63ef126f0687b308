"""Calls that may be refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hpogrid.errors import UserError


def attempt(function: Callable[..., Any], *args: Any) -> tuple[Any, str | None]:
    """What a call returns and None, or None and the sentence with which it was refused."""
    try:
        return function(*args), None
    except UserError as error:
        return None, str(error)
