"""Who proposes the next point: one file for each algorithm, found by its name here."""

from __future__ import annotations

from hpogrid.errors import UserError
from hpogrid.registry import Entry, Registry
from hpogrid.search.base import Problem, Searcher, free_axes, read_options, several_refused
from hpogrid.search.random import RandomSearcher
from hpogrid.space.value import Values

ALGORITHMS = Registry(
    "algorithm",
    {
        "random": Entry(
            "hpogrid.search.random:RandomSearcher",
            "independent draws; the default",
        ),
        "auto": Entry(
            "hpogrid.search.auto:AutoSearcher",
            "chooses by space and number of trials, and says what it chose",
            "optuna",
        ),
        "tune": Entry(
            "hpogrid.search.random:RandomSearcher",
            "as Ray Tune's own: random draws crossed with every value of grid_search parameters",
        ),
        "grid": Entry(
            "hpogrid.search.grid:GridSearcher",
            "every configuration of a finite space once",
        ),
        "hyperopt": Entry(
            "hpogrid.search.hyperopt:HyperoptSearcher",
            "tree-structured Parzen estimator of the Hyperopt library",
            "hyperopt",
        ),
        "optuna": Entry(
            "hpogrid.search.optuna:OptunaSearcher",
            "Optuna's samplers: TPE, Gaussian process (extra optuna-gp), CMA-ES, NSGA-II",
            "optuna",
        ),
        "skopt": Entry(
            "hpogrid.search.skopt:SkoptSearcher",
            "scikit-optimize: Gaussian process, forests or boosted trees",
            "skopt",
        ),
        "smac": Entry(
            "hpogrid.search.smac:SmacSearcher",
            "SMAC's random forest with expected improvement",
            "smac",
        ),
        "gp": Entry(
            "hpogrid.search.gp:GpSearcher",
            "Gaussian process with expected improvement, which needs SciPy only",
            "scipy",
        ),
        "bohb": Entry(
            "hpogrid.search.bohb:BohbSearcher",
            "kernel densities for each budget; made for the scheduler bohbhyperband",
        ),
        "ax": Entry(
            "hpogrid.search.ax:AxSearcher",
            "Bayesian optimisation with Ax and BoTorch",
            "ax",
        ),
        "bayesian": Entry(
            "hpogrid.search.bayesian:BayesianSearcher",
            "Gaussian process of the bayesian-optimization library",
            "bayes_opt",
        ),
        "nevergrad": Entry(
            "hpogrid.search.nevergrad:NevergradSearcher",
            "Nevergrad's evolutionary algorithms",
            "nevergrad",
        ),
    },
)


def make_searcher(algorithm: str, problem: Problem, params: Values) -> Searcher:
    """The searcher called ``algorithm``, with its ``algorithm_param`` checked.

    Raises:
        UserError: unknown algorithm, unknown parameter, a library that is not installed, or a
            problem that the algorithm cannot serve.
    """
    kind = ALGORITHMS.load(algorithm)
    options = read_options(kind.Settings, params, f"algorithm_param of {algorithm}")
    if not free_axes(problem.space):
        return RandomSearcher(problem)
    searcher: Searcher = kind(problem, options)
    return searcher


def check_params(algorithm: str, params: Values, objectives: int = 1) -> None:
    """Refuse an unknown algorithm or parameter, or too many objectives.

    The algorithm's library is not loaded.

    Raises:
        UserError: what is wrong, and what is valid.
    """
    kind = ALGORITHMS.load(algorithm)
    options = read_options(kind.Settings, params, f"algorithm_param of {algorithm}")
    most: int = kind.objectives(options)
    if objectives > most:
        raise UserError(several_refused(most, objectives))
