"""hpogrid: hyperparameter optimisation as many jobs, anywhere, and nothing lost.

In a training script::

    import hpogrid

    def train(config):
        for epoch in range(10):
            ...
            hpogrid.report(loss=loss)

In a notebook::

    study = hpogrid.load_study("my_project")
    study.best, study.trials, study.plot_history()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hpogrid._version import VERSION as __version__

if TYPE_CHECKING:
    from hpogrid.experiment import Experiment
    from hpogrid.report.api import load_study
    from hpogrid.report.compare.api import compare
    from hpogrid.space.options import add_to_argparse
    from hpogrid.trial.session import checkpoint, get_checkpoint, report, save

__all__ = [
    "Experiment",
    "__version__",
    "add_to_argparse",
    "checkpoint",
    "compare",
    "get_checkpoint",
    "load_study",
    "report",
    "save",
]

_HOMES = {
    "Experiment": "hpogrid.experiment",
    "add_to_argparse": "hpogrid.space.options",
    "checkpoint": "hpogrid.trial.session",
    "compare": "hpogrid.report.compare.api",
    "get_checkpoint": "hpogrid.trial.session",
    "load_study": "hpogrid.report.api",
    "report": "hpogrid.trial.session",
    "save": "hpogrid.trial.session",
}


def __getattr__(name: str) -> Any:
    """Load the public names when they are first used: importing hpogrid costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hpogrid' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
