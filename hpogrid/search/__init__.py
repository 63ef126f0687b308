"""Who proposes the next point: one file for each algorithm, found by its name here."""

from __future__ import annotations

from typing import Any

from hpogrid.registry import Entry, Registry
from hpogrid.search.base import Searcher, Task, read_options

ALGORITHMS = Registry(
    "algorithm",
    {
        "random": Entry(
            "hpogrid.search.random:RandomSearcher",
            "independent draws; the default",
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
        ),
        "optuna": Entry(
            "hpogrid.search.optuna:OptunaSearcher",
            "Optuna's samplers: TPE, Gaussian process, CMA-ES, NSGA-II",
        ),
    },
)


def make_searcher(algorithm: str, task: Task, params: dict[str, Any]) -> Searcher:
    """The searcher called ``algorithm``, with its ``algorithm_param`` checked.

    Raises:
        UserError: unknown algorithm, unknown parameter, or a library that is not installed.
    """
    kind = ALGORITHMS.load(algorithm)
    options = read_options(kind.Settings, params, f"algorithm_param of {algorithm}")
    searcher: Searcher = kind(task, options)
    return searcher


def check_params(algorithm: str, params: dict[str, Any]) -> None:
    """Refuse an unknown algorithm or parameter without loading the algorithm's library."""
    kind = ALGORITHMS.load(algorithm)
    read_options(kind.Settings, params, f"algorithm_param of {algorithm}")
