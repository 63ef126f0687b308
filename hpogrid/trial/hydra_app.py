"""Hydra applications whose function returns the objective, as sweepers for Hydra want it.

Hydra drops what the function returns. A callback of Hydra's own, named in one more override,
reports it; so an application runs as it does by hand, as a command and as a function.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hpogrid.trial.overrides import override
from hpogrid.trial.session import Session, as_metrics, report

OBJECTIVES = "HPOGRID_OBJECTIVES"
"""The environment variable with the names of the metrics that the function returns."""

CALLBACK = "++hydra.callbacks.hpogrid._target_=hpogrid.trial.hydra_app.Returned"


def one_run() -> list[str]:
    """What keeps a config from starting a sweep of its own (``hydra.mode: MULTIRUN``).

    Nothing, where Hydra is older than 1.2: it has no modes.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        major, minor = version("hydra-core").split(".")[:2]
    except (PackageNotFoundError, ValueError):
        return []
    return ["hydra.mode=RUN"] if (int(major), int(minor)) >= (1, 2) else []


class Returned:
    """Reports what the function of an application has returned, unless that is None."""

    def on_job_end(self, config: Any, job_return: Any, **others: Any) -> None:
        """Called by Hydra when the function has returned or raised."""
        if job_return.status.name == "COMPLETED" and job_return.return_value is not None:
            report(as_metrics(job_return.return_value, os.environ[OBJECTIVES].split(",")))

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *values, **named: None


def is_application(found: object) -> bool:
    """Whether it is a function under ``@hydra.main``."""
    return getattr(found, "__globals__", {}).get("__name__") == "hydra.main"


class HydraObjective:
    """A function under ``@hydra.main``: called with overrides, as from the command line."""

    def __init__(
        self,
        application: Callable[[], Any],
        script: str,
        param: Mapping[str, object],
        metrics: Sequence[str],
    ) -> None:
        self._application = application
        self._script = script
        self._param = dict(param)
        self._metrics = metrics

    def run(self, config: dict[str, object], session: Session) -> None:
        """Let Hydra compose the config of the trial and call the function."""
        values = {**self._param, **config}
        present = (item for item in values.items() if item[0] not in session.absent)
        words = [override(name, value) for name, value in present]
        _stand_in_for_sweepers()
        with _called_with([self._script, *words, *one_run(), CALLBACK], self._metrics):
            self._application()


_SWEEPERS: dict[str, list[dict[str, str]]] = {
    "optuna": [{"sampler": "tpe"}],  # which configs may override
    "ax": [],
    "nevergrad": [],
}
_SAMPLERS = ("tpe", "random", "grid", "cmaes", "nsgaii", "motpe", "qmc", "gp", "bruteforce")


def _stand_in_for_sweepers() -> None:
    """Let configs name sweepers that are not installed: none is used, but Hydra looks for them."""
    store = importlib.import_module("hydra.core.config_store").ConfigStore.instance()
    for name, defaults in _SWEEPERS.items():
        node = {"defaults": defaults, "_target_": ""}
        store.store(group="hydra/sweeper", name=name, node=node, provider="hpogrid")
    for name in _SAMPLERS:
        store.store(group="hydra/sweeper/sampler", name=name, node={}, provider="hpogrid")


@contextlib.contextmanager
def _called_with(words: list[str], metrics: Sequence[str]) -> Iterator[None]:
    before, environment = sys.argv, dict(os.environ)
    sys.argv = words
    variables = {
        OBJECTIVES: ",".join(metrics),
        "HYDRA_FULL_ERROR": "1",  # else it ends the process where the function raises
        "HYDRA_MAIN_MODULE": "__main__",  # the config is beside the script, as by hand
    }
    os.environ.update(variables)
    try:
        yield
    finally:
        sys.argv = before
        os.environ.clear()
        os.environ.update(environment)
