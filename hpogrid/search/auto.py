"""The algorithm ``auto``: chooses another by the space and the number of trials."""

from __future__ import annotations

from typing import Any

from hpogrid.search.base import Options, Outcome, Searcher, Task, free_axes
from hpogrid.search.optuna import GPOptions, OptunaSearcher, TPEOptions
from hpogrid.search.random import RandomSearcher
from hpogrid.space.latent import Category, Latents

_FEW_TRIALS = 12
"""Below it, a model has nothing to learn from."""

_GP_TRIALS = 200
"""Up to it, a Gaussian process costs well below a second a trial."""

_GP_AXES = 10


class AutoSearcher:
    """Passes everything on to the algorithm that it chose; `remark` says which and why."""

    Settings = Options

    def __init__(self, task: Task, options: Options | None = None) -> None:
        self._chosen, why = choose(task)
        self.remark = f"algorithm auto chose {why}"

    @classmethod
    def objectives(cls, options: Any) -> int:
        """As many as there are."""
        return 99

    def suggest(self) -> Latents | None:
        """Propose a point (see `Searcher`)."""
        return self._chosen.suggest()

    def start(self, point: Latents) -> None:
        """Note that a point is being evaluated (see `Searcher`)."""
        self._chosen.start(point)

    def observe(self, point: Latents, outcome: Outcome) -> None:
        """Learn an outcome (see `Searcher`)."""
        self._chosen.observe(point, outcome)

    def report(self, point: Latents, outcome: Outcome, resource: float) -> None:
        """Learn an intermediate result (see `Searcher`)."""
        self._chosen.report(point, outcome, resource)


def choose(task: Task) -> tuple[Searcher, str]:
    """The searcher for a task, and the end of the sentence that says why."""
    axes = free_axes(task.space)
    categories = sum(isinstance(axis, Category) for axis in axes.values())
    trials = task.trials
    if trials is not None and trials < _FEW_TRIALS:
        return RandomSearcher(task), f"random: {trials} trials are too few for a model"
    if trials is not None and trials <= _GP_TRIALS and not categories and len(axes) <= _GP_AXES:
        why = (
            f"optuna with sampler gp: {len(axes)} numeric parameters and {trials} trials "
            "suit a Gaussian process"
        )
        return OptunaSearcher(task, GPOptions(sampler="gp")), why
    why = "optuna with sampler tpe (multivariate): "
    if trials is None or trials > _GP_TRIALS:
        why += "too many trials for a Gaussian process"
    elif categories:
        why += f"{categories} of {len(axes)} parameters are categories"
    else:
        why += f"{len(axes)} parameters are many for a Gaussian process"
    return OptunaSearcher(task, TPEOptions(sampler="tpe")), why
