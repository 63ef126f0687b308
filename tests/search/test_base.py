"""What all search algorithms share: losses, seeds, running points, options."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Literal

import pytest

from hpogrid.errors import UserError
from hpogrid.search import ALGORITHMS, check_params, make_searcher
from hpogrid.search.base import (
    FAILED,
    BaseSearcher,
    Options,
    Outcome,
    Problem,
    derive_seed,
    describe_options,
    read_options,
)
from hpogrid.search.random import RandomSearcher
from hpogrid.space.latent import Latents
from hpogrid.space.parameter import Categorical, Float
from hpogrid.space.scale import Linear, Normal
from hpogrid.space.space import Space
from hpogrid.space.value import as_number
from tests.search.spaces import example_space


class Recorder(BaseSearcher):
    """Keeps what it is asked and told."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.seeds: list[int] = []
        self.started: list[tuple[Latents, int]] = []
        self.told: list[tuple[Latents, tuple[float, ...]]] = []

    @classmethod
    def objectives(cls, options: Any) -> int:
        return 2

    def _ask(self, seed: int) -> Latents:
        self.seeds.append(seed)
        return self.draw(seed)

    def _start(self, point: Latents, seed: int) -> None:
        self.started.append((point, seed))

    def _tell(self, point: Latents, losses: tuple[float, ...]) -> None:
        self.told.append((point, losses))


def recorder(modes: tuple[Any, ...] = ("min",), space: Space | None = None) -> Recorder:
    return Recorder(Problem(space or example_space(), modes, seed=7))


def at(height: float) -> Latents:
    return {"height": height, "width": 0.5}


def test_several_objectives_keep_their_own_worst() -> None:
    searcher = recorder(("min", "max"))
    searcher.observe(at(0.1), Outcome((1.0, 5.0)))
    searcher.observe(at(0.2), Outcome((3.0, 7.0)))
    searcher.observe(at(0.3), FAILED)

    assert [losses for _, losses in searcher.told] == [(1.0, -5.0), (3.0, -7.0), (3.0, -5.0)]


def test_losses_are_cut_where_their_squares_are_numbers() -> None:
    searcher = recorder()
    searcher.observe(at(0.1), Outcome((1e308,)))
    searcher.observe(at(0.2), Outcome((-1e308,)))

    assert [losses for _, losses in searcher.told] == [(1e30,), (-1e30,)]


def test_a_proposal_is_started_with_the_seed_it_was_asked_with() -> None:
    searcher = recorder()
    searcher.suggest()
    searcher.start(at(0.1))
    searcher.suggest()
    searcher.start(at(0.2))
    searcher.observe(at(0.2), Outcome((1.0,)))
    searcher.observe(at(0.3), Outcome((1.0,)))  # from elsewhere

    assert [seed for _, seed in searcher.started][:2] == searcher.seeds
    assert len({seed for _, seed in searcher.started}) == 3


def test_dropped_proposals_differ_but_change_nothing_that_follows() -> None:
    dropping, plain = recorder(), recorder()
    proposals = [dropping.suggest() for _ in range(4)]
    for searcher in (dropping, plain):
        searcher.observe(at(0.4), Outcome((1.0,)))

    assert len({str(proposal) for proposal in proposals}) == 4
    assert dropping.suggest() == plain.suggest()


def test_the_same_point_may_run_several_times() -> None:
    searcher = recorder()
    for _ in range(3):
        searcher.start(at(0.5))
    for value in (1.0, 2.0, 3.0):
        searcher.observe(at(0.5), Outcome((value,)))

    assert len(searcher.started) == len(searcher.told) == 3
    assert searcher._pending == {}


def test_many_thousand_running_points_cost_no_search() -> None:
    searcher = RandomSearcher(Problem(example_space(), ("min",), seed=1))
    points = [at(number / 20_000) for number in range(20_000)]
    for point in points:
        searcher.start(point)
    for point in reversed(points):
        searcher.observe(point, Outcome((0.0,)))

    assert searcher._pending == {}


def test_a_model_stays_out_of_the_tails_of_an_unbounded_distribution() -> None:
    space = Space({"x": Float(scale=Normal(0, 1)), "y": Float(scale=Linear(0, 1))})
    searcher = recorder(space=space)
    searcher._ask = lambda seed: {"x": 0.0, "y": 0.0}  # type: ignore[method-assign]

    latents = searcher.suggest()

    assert latents is not None
    assert -4 < as_number(space.decode(latents).applied["x"]) < -3.5
    assert latents["y"] == 0.0


@pytest.mark.parametrize(
    ("point", "comes"),
    [
        ({"a": 0.3, "q": 3, "m": 0.8}, True),
        ({"a": 0.3, "q": 3, "m": 0.5}, True),  # m is not active
        ({"a": 0.3, "q": 2, "m": 0.8}, False),
        ({"a": 0.4, "q": 3, "m": 0.8}, False),
    ],
)
def test_knows_its_own_proposal_after_rounding(point: Latents, comes: bool) -> None:
    from hpogrid.space.condition import Condition
    from hpogrid.space.numeric import Lattice

    when = Condition(op="gt", on="a", value=0.5)
    space = Space(
        {
            "a": Float(scale=Linear(0, 1)),
            "q": Float(scale=Linear(0, 4), lattice=Lattice(1.0)),
            "m": Float(scale=Linear(0, 1), when=when),
        }
    )
    proposal = {"a": 0.3, "q": 0.7, "m": 0.8}
    point["q"] = space.parameters["q"].encode(point["q"])

    assert recorder(space=space).comes_from(point, proposal) == comes


def test_too_many_objectives_are_refused_when_stored_and_when_run() -> None:
    problem = Problem(example_space(), ("min", "max"), seed=1)
    with pytest.raises(UserError, match=r"handles 1 metric, not 2.*nsga2"):
        make_searcher("hyperopt", problem, {})
    with pytest.raises(UserError, match="handles 1 metric, not 2"):
        check_params("optuna", {"sampler": "cmaes"}, objectives=2)
    check_params("optuna", {"sampler": "nsga2"}, objectives=2)
    check_params("random", {}, objectives=3)


def test_seeds_depend_on_every_part_and_on_nothing_else() -> None:
    assert derive_seed(1, 2) == derive_seed(1, 2) == 1573319598
    assert len({derive_seed(1, 2), derive_seed(2, 1), derive_seed(12), derive_seed("1", 2)}) == 4


# --- options -------------------------------------------------------------------------------------


class Knobs(Options, frozen=True):
    rate: float = 0.5
    kind: Literal["a", "b"] = "a"
    size: int | None = None


def test_an_unknown_option_lists_the_valid_ones_with_their_defaults() -> None:
    with pytest.raises(UserError) as caught:
        read_options(Knobs, {"ratio": 1}, "algorithm_param of x")

    message = str(caught.value)
    assert message.startswith("algorithm_param of x: ")
    assert "ratio" in message
    assert message.endswith('valid: rate=0.5, kind="a" (of a b), size=null')


def test_an_option_of_the_wrong_type_is_named() -> None:
    with pytest.raises(UserError, match="rate: expected float, got str"):
        read_options(Knobs, {"rate": "fast"}, "x")


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
def test_every_algorithm_refuses_an_unknown_option(algorithm: str) -> None:
    with pytest.raises(UserError, match=f"algorithm_param of {algorithm}: .*nonsense.*; valid: "):
        check_params(algorithm, {"nonsense": 1})


def test_optuna_lists_the_options_of_the_sampler_that_was_named() -> None:
    with pytest.raises(UserError, match="popsize=null") as caught:
        check_params("optuna", {"sampler": "cmaes", "multivariate": True})
    assert "n_ei_candidates" not in str(caught.value)
    with pytest.raises(UserError, match=r"sampler=\"tpe\" \(of tpe gp cmaes nsga2 random\)"):
        check_params("optuna", {"sampler": "hyperband"})
    with pytest.raises(UserError, match="multivariate=true"):
        check_params("optuna", {"popsize": 5})
    with pytest.raises(UserError, match="sampler"):
        check_params("optuna", {"sampler": ["tpe"]})


@pytest.mark.parametrize(
    ("algorithm", "params"),
    [
        ("optuna", {"n_startup_trials": 0}),
        ("optuna", {"sampler": "nsga2", "population_size": 1}),
        ("optuna", {"sampler": "cmaes", "use_separable_cma": True, "lr_adapt": True}),
        ("hyperopt", {"gamma": 1.5}),
        ("skopt", {"base_estimator": "NN"}),
        ("smac", {"random_fraction": 1.5}),
        ("bohb", {"top_n_percent": 0}),
        ("bayesian", {"kind": "best"}),
        ("nevergrad", {"optimizer": "NGOpt"}),
        ("ax", {"n_initial_points": 0}),
        ("grid", {"resolution": 0}),
    ],
)
def test_options_out_of_range_are_refused(algorithm: str, params: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"algorithm_param of {algorithm}: .*; valid: "):
        check_params(algorithm, params)


def test_describes_no_options() -> None:
    assert describe_options(Options) == "none (it has no parameters)"


def test_an_unknown_algorithm_offers_close_names() -> None:
    with pytest.raises(UserError, match="did you mean hyperopt"):
        check_params("hyperop", {})


def test_checking_loads_no_library() -> None:
    code = (
        "import sys; from hpogrid.search import ALGORITHMS, check_params\n"
        "for name in ALGORITHMS: check_params(name, {})\n"
        "heavy = {'numpy', 'optuna', 'hyperopt', 'skopt', 'smac', 'ax', 'nevergrad', 'ConfigSpace'}"
        "\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("algorithm", "module", "extra"),
    [
        ("optuna", "optuna", "optuna"),
        ("hyperopt", "hyperopt", "hyperopt"),
        ("skopt", "skopt", "skopt"),
        ("smac", "smac", "smac"),
        ("ax", "ax", "ax"),
        ("bayesian", "bayes_opt", "bayesian"),
        ("nevergrad", "nevergrad", "nevergrad"),
    ],
)
def test_a_missing_library_names_its_extra(algorithm: str, module: str, extra: str) -> None:
    code = (
        "import sys\n"
        f"sys.modules[{module!r}] = None\n"
        "from hpogrid.errors import UserError\n"
        "from hpogrid.search import make_searcher\n"
        "from tests.search.spaces import example_space, Problem\n"
        "try:\n"
        f"    make_searcher({algorithm!r}, Problem(example_space(), ('min',), 1), {{}})\n"
        "except UserError as error:\n"
        "    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert f"algorithm {algorithm} needs {module}" in done.stdout
    assert f"pip install 'hpogrid[{extra}]'" in done.stdout


def test_grid_needs_to_know_how_many_values_to_take() -> None:
    problem = Problem(example_space(), ("min",), seed=1)
    with pytest.raises(UserError, match=r"'height' has no finite list of values.*resolution"):
        make_searcher("grid", problem, {})


def test_grid_takes_the_ends_of_a_scale_and_quantiles_where_it_has_none() -> None:
    space = Space({"x": Float(scale=Linear(2, 4)), "n": Float(scale=Normal(0, 1))})
    searcher = make_searcher("grid", Problem(space, ("min",), seed=1), {"resolution": 3})
    points = [space.decode(latents) for _ in range(9) if (latents := searcher.suggest())]

    assert [point.applied["x"] for point in points[::3]] == [2, 3, 4]
    assert [round(as_number(point.applied["n"]), 2) for point in points[:3]] == [-0.97, 0, 0.97]
    assert searcher.suggest() is None


def test_grid_skips_what_differs_only_in_inactive_parameters() -> None:
    from hpogrid.search.proposer import Proposer
    from hpogrid.space.condition import Condition

    when = Condition(op="equal", on="kind", value="a")
    space = Space(
        {
            "kind": Categorical(choices=("a", "b")),
            "x": Float(scale=Linear(0, 1), when=when),
        }
    )
    searcher = make_searcher("grid", Problem(space, ("min",), seed=1), {"resolution": 3})
    proposer = Proposer(space, searcher)
    points = []
    while (point := proposer.ask()) is not None:
        points.append(point.applied)

    assert points == [
        {"kind": "a", "x": 0.0},
        {"kind": "a", "x": 0.5},
        {"kind": "a", "x": 1.0},
        {"kind": "b", "x": None},
    ]


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["CMA", "DiagonalCMA"])
def test_nevergrad_takes_another_optimizer_in_one_dimension(optimizer: str) -> None:
    line, plane = Space({"x": Float(scale=Linear(0, 1))}), example_space()
    for space, remark in ((line, True), (plane, False)):
        searcher = make_searcher("nevergrad", Problem(space, ("min",), 1), {"optimizer": optimizer})
        assert bool(searcher.remark) == remark
        for number in range(30):
            point = searcher.suggest()
            assert point is not None
            searcher.observe(point, Outcome((float(number),)))
