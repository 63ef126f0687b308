"""The algorithm ``auto``: chooses another by the space and the number of trials."""

from __future__ import annotations

from typing import NamedTuple

from hpogrid.search.base import Options, Outcome, Problem, free_axes
from hpogrid.space.latent import Latents
from hpogrid.space.value import Values
from hpogrid.text import counted

_FEW_TRIALS = 12
"""Below it, a model has nothing to learn from."""

_GP_POINTS = 300
"""Until then, a Gaussian process was seen to do better than all others."""

_GP_AXES = 10
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
    """Passes everything on to the algorithms that it chose; `remark` says which and why.

    Where a second one follows, it is told everything from the beginning.
    """

    Settings = Options
    multifidelity = True

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        from hpogrid.search import make_searcher

        choices = choose(problem)
        self._chosen = [make_searcher(one.algorithm, problem, one.params) for one in choices]
        self._known = 0
        self.learns = self._chosen[0].learns
        self.remark = f"algorithm auto chose {'; '.join(one.why for one in choices)}"

    @classmethod
    def objectives(cls, options: object) -> int:
        """As many as there are."""
        return 99

    def suggest(self) -> Latents | None:
        """Propose a point (see `Searcher`)."""
        return self._chosen[0 if self._known < _GP_POINTS else -1].suggest()

    def start(self, point: Latents) -> None:
        """Note that a point is being evaluated (see `Searcher`)."""
        for searcher in self._chosen:
            searcher.start(point)

    def observe(self, point: Latents, outcome: Outcome) -> None:
        """Learn an outcome (see `Searcher`)."""
        self._known += 1
        for searcher in self._chosen:
            searcher.observe(point, outcome)

    def report(self, point: Latents, outcome: Outcome, resource: float) -> None:
        """Learn an intermediate result (see `Searcher`)."""
        for searcher in self._chosen:
            searcher.report(point, outcome, resource)


def choose(problem: Problem) -> list[Choice]:
    """The algorithms for a problem, the second one for after `_GP_POINTS` points."""
    trials = None if problem.trials is None else problem.trials + problem.known
    if trials is not None and trials < _FEW_TRIALS:
        few = f"random: {counted(trials, 'trial', 'is', 'are')} too few for a model"
        return [Choice("random", {}, few)]
    axes = list(free_axes(problem.space))
    params = _TPE
    if any(problem.space.parameters[name].when is not None for name in axes):
        params = _UNGROUPED if trials is not None and trials <= _GROUPED_TRIALS else _GROUPED
    tpe = "optuna with sampler tpe (multivariate)"
    if against := _against_gp(problem, len(axes)):
        return [Choice("optuna", params, f"{tpe}: {against}")]
    parameters = counted(len(axes), "parameter", "suits", "suit")
    gp = Choice("gp", {}, f"gp: {parameters} a Gaussian process")
    if trials is not None and trials <= _GP_POINTS:
        return [gp]
    return [gp, Choice("optuna", params, f"{tpe} after {_GP_POINTS} trials")]


def _against_gp(problem: Problem, axes: int) -> str | None:
    """What speaks against a Gaussian process, if anything does."""
    if len(problem.modes) > 1:
        return f"a Gaussian process is for one metric, not {len(problem.modes)}"
    if axes > _GP_AXES:
        return f"{axes} parameters are many for a Gaussian process"
    return None
