"""The algorithm ``auto``: chooses another by the space and the number of trials."""

from __future__ import annotations

from typing import NamedTuple

from hpogrid.search.base import Options, Outcome, Problem, free_axes
from hpogrid.space.latent import Latents
from hpogrid.space.value import Values
from hpogrid.text import counted

_FEW_TRIALS = 12
"""Below it, a model has nothing to learn from."""

_GP_AXES = 25
"""Up to as many axes it was compared."""

_TPE: Values = {"sampler": "tpe"}
_GROUPED = _TPE | {"n_startup_trials": 20}
"""Where parameters have conditions: each combination of them needs trials of its own first."""

_UNGROUPED = _TPE | {"group": False}
_GROUPED_TRIALS = 40
"""Up to it, there are too few of them for that."""


class Choice(NamedTuple):
    """An algorithm, its ``algorithm_param``, and the end of the sentence that says why."""

    algorithm: str
    params: Values
    why: str


class AutoSearcher:
    """Passes everything on to the algorithm that it chose; `remark` says which and why."""

    Settings = Options
    multifidelity = True

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        from hpogrid.search import make_searcher

        choice = choose(problem)
        self._chosen = make_searcher(choice.algorithm, problem, choice.params)
        self.learns = self._chosen.learns
        self.remark = f"algorithm auto chose {choice.why}"

    @classmethod
    def objectives(cls, options: object) -> int:
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


def choose(problem: Problem) -> Choice:
    """The algorithm for a problem."""
    trials = None if problem.trials is None else problem.trials + problem.known
    if trials is not None and trials < _FEW_TRIALS:
        few = f"random: {counted(trials, 'trial', 'is', 'are')} too few for a model"
        return Choice("random", {}, few)
    axes = list(free_axes(problem.space))
    against = _against_gp(problem, len(axes))
    if against is None:
        parameters = counted(len(axes), "parameter", "suits", "suit")
        return Choice("gp", {}, f"gp: {parameters} a Gaussian process")
    params = _TPE
    if any(problem.space.parameters[name].when is not None for name in axes):
        params = _UNGROUPED if trials is not None and trials <= _GROUPED_TRIALS else _GROUPED
    return Choice("optuna", params, f"optuna with sampler tpe (multivariate): {against}")


def _against_gp(problem: Problem, axes: int) -> str | None:
    """What speaks against a Gaussian process, if anything does."""
    if len(problem.modes) > 1:
        return f"a Gaussian process is for one metric, not {len(problem.modes)}"
    if axes > _GP_AXES:
        return f"{axes} parameters are many for a Gaussian process"
    return None
