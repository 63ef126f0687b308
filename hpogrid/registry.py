"""Plug-ins by name: a table of lazy loaders with errors that help."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from hpogrid.errors import UserError
from hpogrid.trial.errors import unknown


@dataclass(frozen=True)
class Entry:
    """One plug-in: where it is, one line for the help, and the library that it needs, if any."""

    target: str  # "package.module:name"
    summary: str
    library: str | None = None


class Registry:
    """Names of one kind of plug-in, loaded only when asked for."""

    def __init__(self, kind: str, entries: Mapping[str, Entry]) -> None:
        self.kind = kind
        self._entries = dict(entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def summary(self, name: str) -> str:
        """The one line that documents an entry."""
        return self._entries[name].summary

    def library(self, name: str) -> str | None:
        """The module that an entry needs besides hpogrid."""
        return self._entries[name].library

    def check(self, name: str) -> None:
        """Raise a `UserError` that lists the known names unless ``name`` is one of them."""
        if name not in self._entries:
            raise UserError(unknown(self.kind, name, self._entries))

    def load(self, name: str) -> Any:
        """Import and return the plug-in called ``name``."""
        self.check(name)
        module, _, attribute = self._entries[name].target.partition(":")
        return getattr(importlib.import_module(module), attribute)


def require(module: str, *, extra: str, what: str) -> ModuleType:
    """Import an optional library, or say which extra brings it.

    Args:
        module: dotted name to import.
        extra: the extra of hpogrid that installs it.
        what: who needs it, as it reads in the message (``"algorithm ax"``).
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name.split(".")[0]):
            raise
        advice = f"pip install 'hpogrid[{extra}]'"
        if os.environ.get("HPOGRID_RUN_MODE") == "grid":  # where nothing can be installed
            advice = (
                "choose an image that has it: hpogrid grid_config update NAME --container IMAGE"
            )
        raise UserError(f"{what} needs {error.name}: {advice}") from error


__all__ = ["Entry", "Registry", "require", "unknown"]
