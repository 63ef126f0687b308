"""hpogrid: hyperparameter optimisation as many jobs, anywhere, and nothing lost.

In a training script::

    import hpogrid

    def train(config):
        for epoch in range(10):
            ...
            hpogrid.report(loss=loss)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hpogrid._version import VERSION as __version__

if TYPE_CHECKING:
    from hpogrid.trial.session import checkpoint, get_checkpoint, report

__all__ = ["__version__", "checkpoint", "get_checkpoint", "report"]

_HOMES = {
    "checkpoint": "hpogrid.trial.session",
    "get_checkpoint": "hpogrid.trial.session",
    "report": "hpogrid.trial.session",
}


def __getattr__(name: str) -> Any:
    """Load the public names when they are first used: importing hpogrid costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hpogrid' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
