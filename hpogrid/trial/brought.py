"""What ``import hpogrid`` is in a Python that does not have it: what training scripts need.

It is copied there as ``hpogrid/__init__.py``, with this package beside it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpogrid.trial.session import checkpoint, get_checkpoint, report, save
from hpogrid.trial.words import as_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def add_to_argparse(parser: argparse.ArgumentParser, space: object) -> None:
    """Add an option for every parameter of the trial, whatever the space looks like.

    Reading a space takes the whole of hpogrid. In a trial, what an option is given is known: the
    value that the trial has, as the ledger says.
    """
    path = os.environ.get("HPOGRID_CONFIG")
    values = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    for name, value in values.items():
        parser.add_argument(f"--{name}", type=_reader(value), default=value)


def _reader(value: Any) -> Callable[[str], Any]:
    """How the text after an option is read: as the value it was made from."""
    return lambda text: value if text == as_text(value) else type(value)(text)


__all__ = ["add_to_argparse", "checkpoint", "get_checkpoint", "report", "save"]
