"""The algorithm ``auto``: chooses another by the space and the number of trials."""

from __future__ import annotations

from typing import NamedTuple

from hpogrid.search.base import Options, Outcome, Problem, free_axes
from hpogrid.space.latent import Latents
from hpogrid.space.value import Values
from hpogrid.text import counted

_FEW_TRIALS = 12
"""Below it, a model has nothing to learn from."""

_GP_TRIALS = 200
"""Up to it, a Gaussian process was seen to do better than all others."""

_GP_AXES = 10
"""Up to as many axes it was compared."""

_TPE: Values = {"sampler": "tpe"}
_GROUPED = _TPE | {"n_startup_trials": 20}
"""Where parameters have conditions: each combination of them needs trials of its own first."""

_UNGROUPED = _TPE | {"group": False}
_GROUPED_TRIALS = 40
"""Up to it, there are too few of them for that."""

_EARLY: Values = {"random_fraction": 0.5, "min_bandwidth": 0.03}
"""Where trials are ended early: parameters of bohb. That is for `benchmarks/fidelity.py` to say."""


class Choice(NamedTuple):
    """An algorithm, its ``algorithm_param``, and the end of the sentence that says why."""

    algorithm: str
    params: Values
    why: str


class AutoSearcher:
    """Passes everything on to the algorithm that it chose; `remark` says which and why.

    Instead of TPE it asks bohb, which tells apart how far trials came, while most trials are ended
    early: TPE learns little from these, and does worse than random draws.
    """

    Settings = Options

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        from hpogrid.search import make_searcher

        choice = choose(problem)
        self._chosen = make_searcher(choice.algorithm, problem, choice.params)
        self._told = [self._chosen]
        self._whole = self._cut = 0
        self.remark = f"algorithm auto chose {choice.why}"
        if choice.params == _TPE and _knows_resources(problem):
            self._told.append(make_searcher("bohb", problem, _EARLY))
            self.remark += "; bohb instead, while most trials are ended early"

    @classmethod
    def objectives(cls, options: object) -> int:
        """As many as there are."""
        return 99

    def suggest(self) -> Latents | None:
        """Propose a point (see `Searcher`)."""
        asked = self._told[-1] if self._cut > self._whole else self._chosen
        return asked.suggest()

    def start(self, point: Latents) -> None:
        """Note that a point is being evaluated (see `Searcher`)."""
        for searcher in self._told:
            searcher.start(point)

    def observe(self, point: Latents, outcome: Outcome) -> None:
        """Learn an outcome (see `Searcher`)."""
        self._cut += outcome.cut
        self._whole += not outcome.cut
        for searcher in self._told:
            searcher.observe(point, outcome)

    def report(self, point: Latents, outcome: Outcome, resource: float) -> None:
        """Learn an intermediate result (see `Searcher`)."""
        for searcher in self._told:
            searcher.report(point, outcome, resource)


def _knows_resources(problem: Problem) -> bool:
    """Whether bohb can serve a problem: one objective, and all parameters count in all trials."""
    plain = all(item.when is None for item in problem.space.parameters.values())
    return len(problem.modes) == 1 and plain


def choose(problem: Problem) -> Choice:
    """The algorithm for a problem."""
    trials = problem.trials
    if trials is not None and trials < _FEW_TRIALS:
        return Choice(
            "random", {}, f"random: {counted(trials, 'trial', 'is', 'are')} too few for a model"
        )
    axes = list(free_axes(problem.space))
    against = _against_gp(problem, len(axes))
    if against is None:
        why = f"{counted(len(axes), 'parameter')} and {trials} trials suit a Gaussian process"
        return Choice("gp", {}, f"gp: {why}")
    params = _TPE
    if any(problem.space.parameters[name].when is not None for name in axes):
        params = _UNGROUPED if trials is not None and trials <= _GROUPED_TRIALS else _GROUPED
    return Choice("optuna", params, f"optuna with sampler tpe (multivariate): {against}")


def _against_gp(problem: Problem, axes: int) -> str | None:
    """What speaks against a Gaussian process, if anything does."""
    if len(problem.modes) > 1:
        return f"a Gaussian process is for one metric, not {len(problem.modes)}"
    if problem.trials is None or problem.trials > _GP_TRIALS:
        return "too many trials for a Gaussian process"
    if axes > _GP_AXES:
        return f"{axes} parameters are many for a Gaussian process"
    return None
