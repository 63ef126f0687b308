"""Large libraries, loaded by the test that needs them: every worker collects the tests of all."""

from __future__ import annotations

import importlib
from typing import Any


class Lazy:
    """A module that is loaded when something of it is asked for.

    Args:
        name: of the module, with its packages.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # pytest asks everything in a test's file
            raise AttributeError(attribute)
        return getattr(importlib.import_module(self._name), attribute)
