"""Where algorithms with early stopping stand: the regret on real learning curves.

For example:
  nice -n 19 python benchmarks/fidelity.py --quick             # minutes: 3 seeds, 4 workers
  python benchmarks/fidelity.py --results f.jsonl --jobs 2     # hours: all, 20 seeds
  python benchmarks/fidelity.py --results f.jsonl --tuners random,auto --workers 4,64
  python benchmarks/fidelity.py --results f.jsonl --show --by_set
  python benchmarks/fidelity.py --make                         # trains the curves again

Time is virtual: each worker trains one trial, an epoch of it after the other, and each trial takes
between 0.8 and 1.25 units for an epoch. hpogrid decides by the search state that its engines ask,
the others by their own objects with their own default settings. With ``--results`` each run is
kept, and not done again by a later call. Peers that are not installed are left out, and named.

The regret of a run is (best loss reported until then - optimum) / (reference - optimum): 0 is
perfect, 1 what the best of four random full trials is left with in the median. The table shows
the mean over the sets, in brackets its 95 % confidence interval (bootstrapped over seeds), after
as many epochs as 4, 12 and 36 full trials have: for the sets by which defaults of hpogrid may be
chosen, and for those that only check them.
"""

from __future__ import annotations

import argparse
import functools
import heapq
import importlib.util
import itertools
import logging
import os
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import msgspec  # noqa: E402
import numpy as np  # noqa: E402
from fidelity_curves import EPOCHS, SETS, Array, Config, curves, make  # noqa: E402
from kept import do_runs, names, read_runs  # noqa: E402
from search import interval  # noqa: E402

from hpogrid.config.schemas import HpoConfig  # noqa: E402
from hpogrid.engine.assignment import JobSpec, Start  # noqa: E402
from hpogrid.engine.search_state import SearchState  # noqa: E402
from hpogrid.space.discrete import Categorical  # noqa: E402
from hpogrid.space.numeric import Integer  # noqa: E402
from hpogrid.space.scale import Log  # noqa: E402
from hpogrid.space.space import Space  # noqa: E402
from hpogrid.study.events import Ended, Event  # noqa: E402
from hpogrid.study.study import Study  # noqa: E402

BUDGETS = (4, 12, 36)
"""In full trials."""

TRIALS = 2000
"""What hpogrid is told; no search has begun as many when its epochs are used up."""

QUICK_SEEDS = 3


class Turn(NamedTuple):
    """A trial for a worker, of which so many epochs are done."""

    trial: str
    config: Config
    done: int = 0


class Tuner(Protocol):
    """Who proposes trials and decides whether they go on."""

    def ask(self) -> Turn | None:
        """What a free worker does; None: nothing, until some trial has ended."""

    def report(self, trial: str, epoch: int, loss: float) -> bool:
        """Take in the loss after an epoch (from 1); whether the trial goes on."""


Maker = Callable[[Space, int, int], Tuner]


# --- hpogrid ------------------------------------------------------------------------------------


class Ours:
    """The search state that engines ask, without a ledger."""

    def __init__(self, space: Space, seed: int, workers: int, **hpo: Any) -> None:
        hpo = {"metric": "loss", "mode": "min", **hpo}
        self.config = HpoConfig(
            trials=TRIALS,
            stop={"training_iteration": EPOCHS},
            **{**hpo, "scheduler_param": {"max_concurrent": workers, **hpo["scheduler_param"]}},
        )
        self._state = SearchState(self.config, space, JobSpec(0, seed, Path(), Path()), Study())
        self._epochs: dict[str, int] = {}
        self._now = 0.0

    def ask(self) -> Turn | None:
        """As `Run.next` does."""
        while not self._state.over and (step := self._state.next()) is not None:
            if isinstance(step, Start):
                done = self._epochs.get(step.source or "", 0)
                self._state.apply(step.event(self._now, done))
                return Turn(step.trial, step.point.applied, done)
            if isinstance(step, Ended):
                self._state.apply(step)
            else:
                self._state.offer([])
        return None

    def report(self, trial: str, epoch: int, loss: Any) -> bool:
        """As `Run.report` and `Run.finish` do."""
        self._now += 1
        self._epochs[trial] = epoch
        goes_on = self._state.report(trial, self.metrics(loss), self._now) == "continue"
        reports = self._state.unwritten(trial)
        # The only report of a trial stands in its last line.
        for event in list[Event](reports if reports and reports[-1].step > 1 else []):
            self._state.apply(event)
        if not goes_on:
            for event in self._state.finish(trial, None, self._now):
                self._state.apply(event)
        return goes_on

    @staticmethod
    def metrics(loss: Any) -> dict[str, Any]:
        """What is reported."""
        return {"loss": loss}


def _ours(algorithm: str, scheduler: str = "asynchyperband", **params: Any) -> Maker:
    return functools.partial(Ours, algorithm=algorithm, scheduler=scheduler, scheduler_param=params)


# --- others -------------------------------------------------------------------------------------


class OptunaTuner:
    """Optuna's TPE with one of its pruners."""

    def __init__(self, space: Space, seed: int, workers: int, pruner: str) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        pruners = optuna.pruners
        made: Any = pruners.HyperbandPruner(1, EPOCHS, 3)
        if pruner == "median":
            made = pruners.MedianPruner()
        self._library = optuna
        sampler = optuna.samplers.TPESampler(seed=seed)
        self._study = optuna.create_study(sampler=sampler, pruner=made)
        self._axes = {name: self._distribution(item) for name, item in space.parameters.items()}
        self._running: dict[str, Any] = {}

    def _distribution(self, item: Any) -> Any:
        kinds = self._library.distributions
        if isinstance(item, Categorical):
            return kinds.CategoricalDistribution(item.choices)
        low, high = item.scale.bounds
        if isinstance(item, Integer):
            return kinds.IntDistribution(int(low), int(high))
        return kinds.FloatDistribution(low, high, log=isinstance(item.scale, Log))

    def ask(self) -> Turn:
        """Propose a trial."""
        trial = self._study.ask(self._axes)
        self._running[str(trial.number)] = trial
        return Turn(str(trial.number), trial.params)

    def report(self, trial: str, epoch: int, loss: float) -> bool:
        """As an objective does."""
        running, states = self._running[trial], self._library.trial.TrialState
        running.report(loss, epoch)
        if epoch == EPOCHS:
            self._study.tell(running, loss)
        elif running.should_prune():
            self._study.tell(running, state=states.PRUNED)
        else:
            return True
        return False


class SyneTuner:
    """One of the multi-fidelity schedulers of Syne Tune."""

    def __init__(self, space: Space, seed: int, workers: int, kind: str) -> None:
        from syne_tune.backend.trial_status import Trial
        from syne_tune.optimizer import baselines
        from syne_tune.optimizer.scheduler import SchedulerDecision

        logging.disable(logging.WARNING)
        np.random.seed(seed)  # it draws from there
        axes = {name: self._domain(item) for name, item in space.parameters.items()}
        self._tuner = getattr(baselines, kind)(
            axes, metric="loss", time_attr="epoch", max_t=EPOCHS, random_seed=seed
        )
        self._trial, self._go_on = Trial, SchedulerDecision.CONTINUE
        self._running: dict[str, Any] = {}

    @staticmethod
    def _domain(item: Any) -> Any:
        from syne_tune import config_space

        if isinstance(item, Categorical):
            return config_space.choice(list(item.choices))
        low, high = item.scale.bounds
        if isinstance(item, Integer):
            return config_space.randint(int(low), int(high))
        kind = config_space.loguniform if isinstance(item.scale, Log) else config_space.uniform
        return kind(low, high)

    def ask(self) -> Turn:
        """Propose a trial."""
        number = len(self._running)
        trial = self._trial(number, self._tuner.suggest().config, datetime(2026, 1, 1))
        self._running[str(number)] = trial
        self._tuner.on_trial_add(trial)
        return Turn(str(number), trial.config)

    def report(self, trial: str, epoch: int, loss: float) -> bool:
        """As its `Tuner` does."""
        running, result = self._running[trial], {"loss": loss, "epoch": epoch}
        decision = self._tuner.on_trial_result(running, result)
        return bool(decision == self._go_on and epoch < EPOCHS)


class SmacTuner:
    """SMAC's multi-fidelity facade: Hyperband whose configurations a random forest proposes.

    A configuration that comes again with a larger budget goes on where it was.
    """

    def __init__(self, space: Space, seed: int, workers: int) -> None:
        import ConfigSpace
        import smac

        axes = ConfigSpace.ConfigurationSpace(seed=seed)
        axes.add([self._axis(name, item) for name, item in space.parameters.items()])
        with tempfile.TemporaryDirectory() as folder:
            scenario = smac.Scenario(
                axes,
                output_directory=Path(folder),
                deterministic=True,
                n_trials=TRIALS,
                min_budget=1,
                max_budget=EPOCHS,
                n_workers=1,
                seed=seed,
            )
            facade = smac.MultiFidelityFacade(
                scenario, lambda config, seed, budget: 0.0, logging_level=logging.ERROR
            )
        self._library, self._facade = smac, facade
        self._running: dict[str, Any] = {}
        self._done: dict[Any, int] = {}

    @staticmethod
    def _axis(name: str, item: Any) -> Any:
        import ConfigSpace as kinds

        if isinstance(item, Categorical):
            return kinds.CategoricalHyperparameter(name, list(item.choices))
        low, high = item.scale.bounds
        log = isinstance(item.scale, Log)
        if isinstance(item, Integer):
            return kinds.UniformIntegerHyperparameter(name, int(low), int(high), log=log)
        return kinds.UniformFloatHyperparameter(name, low, high, log=log)

    def ask(self) -> Turn:
        """Propose a trial, or one that goes on."""
        info, trial = self._facade.ask(), str(len(self._running))
        self._running[trial] = info
        return Turn(trial, dict(info.config), self._done.get(info.config, 0))

    def report(self, trial: str, epoch: int, loss: float) -> bool:
        """Nothing is decided before the budget is used up."""
        info = self._running[trial]
        self._done[info.config] = epoch
        if epoch < round(info.budget):
            return True
        value = self._library.runhistory.TrialValue(cost=loss)
        self._facade.tell(info, value, save=False)
        return False


AS_RAY: dict[str, Any] = {
    "grace_period": 1,
    "reduction_factor": 4,
    "agreement": 0,
    "reconsider": False,
}
"""With it asynchyperband decides as Ray Tune's ASHA does by its own defaults."""

TUNERS: dict[str, Maker] = {
    "auto": _ours("auto"),
    "random": _ours("random"),
    "tpe": _ours("optuna"),
    "hyperopt": _ours("hyperopt"),
    "bohb": _ours("bohb"),
    "random-ray": _ours("random", **AS_RAY),
    "auto-ray": _ours("auto", **AS_RAY),
    "auto-none": _ours("auto", "none"),
    "random-none": _ours("random", "none"),
    "auto-median": _ours("auto", "median"),
    "optuna-hyperband": functools.partial(OptunaTuner, pruner="hyperband"),
    "optuna-median": functools.partial(OptunaTuner, pruner="median"),
    "smac-hyperband": SmacTuner,
    "syne-asha": functools.partial(SyneTuner, kind="ASHA"),
    "syne-cqr": functools.partial(SyneTuner, kind="ASHACQR"),
    "syne-bore": functools.partial(SyneTuner, kind="ASHABORE"),
    "syne-bohb": functools.partial(SyneTuner, kind="BOHB"),
}
NEEDS = {
    "auto": ["optuna"],
    "hyperopt": ["hyperopt"],
    "tpe": ["optuna"],
    "optuna": ["optuna"],
    "smac": ["smac"],
    "syne": ["syne_tune"],
    "syne-cqr": ["syne_tune", "huggingface_hub", "xgboost"],
}
"""The libraries of a tuner, by its name or the beginning of that."""

SLOW = ("syne-cqr", "syne-bore", "smac-hyperband")
"""Those that take a tenth of a second or more for a proposal."""


# --- running ------------------------------------------------------------------------------------


class Case(msgspec.Struct, frozen=True):
    """A search to run."""

    set: str
    tuner: str
    workers: int
    seed: int


class Run(msgspec.Struct, frozen=True):
    """One search: the best loss after each of `BUDGETS`, and the CPU seconds of a proposal."""

    case: Case
    best: list[float]
    trials: int
    seconds: float


class Simulation:
    """Workers that train what a tuner proposes, until the epochs are used up.

    The curve of a configuration has a row for each epoch: a loss, or several.

    Attributes:
        reports: what was reported after each epoch, in order.
        trials: how many trials were begun.
        spent: CPU seconds of the tuner.
    """

    def __init__(self, tuner: Tuner, of: Callable[[Config], Array], seed: int) -> None:
        self._tuner, self._of = tuner, of
        self._rng = random.Random(seed)
        self._pace: dict[str, float] = {}
        self._queue: list[tuple[float, int, Turn, list[Any]]] = []
        self._order = itertools.count()
        self.reports: list[Any] = []
        self.spent = 0.0

    @property
    def trials(self) -> int:
        """How many trials were begun."""
        return len(self._pace)

    def run(self, workers: int, epochs: int) -> None:
        """Let so many workers train so many epochs in all."""
        now, free = 0.0, workers
        while len(self.reports) < epochs:
            while free and self._begin(now):
                free -= 1
            now, _, turn, losses = heapq.heappop(self._queue)
            epoch = turn.done + 1
            loss = losses[epoch - 1]
            self.reports.append(loss)
            started = time.process_time()
            goes_on = self._tuner.report(turn.trial, epoch, loss)
            self.spent += time.process_time() - started
            if goes_on:
                self._push(now, turn._replace(done=epoch), losses)
            else:
                free += 1

    def _begin(self, now: float) -> bool:
        started = time.process_time()
        turn = self._tuner.ask()
        self.spent += time.process_time() - started
        if turn is None:
            return False
        self._pace.setdefault(turn.trial, self._rng.uniform(0.8, 1.25))
        self._push(now, turn, self._of(turn.config).tolist())
        return True

    def _push(self, now: float, turn: Turn, losses: list[Any]) -> None:
        end = now + self._pace[turn.trial]
        heapq.heappush(self._queue, (end, next(self._order), turn, losses))


def run(case: Case) -> Run:
    """Search once."""
    warnings.simplefilter("ignore")
    table = curves(case.set)
    tuner = TUNERS[case.tuner](table.space, case.seed, case.workers)
    simulation = Simulation(tuner, table.of, case.seed)
    simulation.run(case.workers, max(BUDGETS) * EPOCHS)
    best = [min(simulation.reports[: budget * EPOCHS]) for budget in BUDGETS]
    return Run(case, best, simulation.trials, simulation.spent / simulation.trials)


def missing(tuner: str) -> list[str]:
    """The libraries that a tuner needs and that are not installed."""
    needed = NEEDS.get(tuner, NEEDS.get(tuner.split("-")[0], []))
    return [library for library in needed if importlib.util.find_spec(library) is None]


def plan(options: argparse.Namespace) -> Iterator[Case]:
    """Every run there is to do, one seed after the other."""
    for seed in range(options.seeds):
        for workers, name, tuner in itertools.product(
            options.workers, options.sets, options.tuners
        ):
            yield Case(name, tuner, workers, seed)


def complete(cases: Iterable[Case], options: argparse.Namespace) -> dict[Case, Run]:
    """The runs in the file of results and those still to do, which are added to it."""
    runs = {run.case: run for run in read_runs(Run, options.results)}
    to_do = [] if options.show else [case for case in cases if case not in runs]
    done = do_runs(run, to_do, options.jobs, options.results)
    return runs | {each.case: each for each in done}


# --- the tables ---------------------------------------------------------------------------------


@functools.cache
def width(name: str) -> tuple[float, float]:
    """The optimum of a set, and how far from it the best of four random full trials is."""
    table, rng = curves(name), random.Random(0)
    fours = [
        min(table.of(table.space.sample(rng).applied).min() for _ in range(4)) for _ in range(200)
    ]
    best = float(table.losses.min())
    return best, statistics.median(fours) - best


def regret(done: Run, budget: int) -> float:
    """What a run was left with after the budget of that index."""
    best, wide = width(done.case.set)
    return (done.best[budget] - best) / wide


def by_seed(
    runs: dict[Case, Run], sets: list[str], tuner: str, workers: int, budget: int
) -> dict[int, float]:
    """The mean regret over the sets, of each seed with which all of them were run."""
    found: dict[int, list[float]] = {}
    for case, done in runs.items():
        if (case.tuner, case.workers) == (tuner, workers) and case.set in sets:
            found.setdefault(case.seed, []).append(regret(done, budget))
    return {seed: statistics.fmean(all_) for seed, all_ in found.items() if len(all_) == len(sets)}


def cell(found: dict[int, float]) -> str:
    """The mean with its interval."""
    if not found:
        return ""
    values = [found[seed] for seed in sorted(found)]
    mean = f"{statistics.fmean(values):.3f}"
    return mean if len(values) == 1 else "{} ({:.3f} to {:.3f})".format(mean, *interval(values))


def show(runs: dict[Case, Run], options: argparse.Namespace, workers: int, sets: list[str]) -> None:
    """Print the table of some sets: best of the last budget first."""
    found = {
        tuner: [by_seed(runs, sets, tuner, workers, budget) for budget in range(len(BUDGETS))]
        for tuner in options.tuners
    }
    ran = {tuner: columns for tuner, columns in found.items() if columns[-1]}
    if not ran:
        return
    print(f"\n{workers} workers; {', '.join(sets)}\n")
    print("| tuner | " + " | ".join(f"{budget} full trials" for budget in BUDGETS), end="")
    print(" | less than `random` at the end | seeds | trials | CPU ms a proposal |")
    print("| --- |" + " --- |" * (len(BUDGETS) + 4))
    for tuner in sorted(ran, key=lambda name: statistics.fmean(ran[name][-1].values())):
        columns = ran[tuner]
        last, base = columns[-1], found.get("random", [{}])[-1]
        less = {seed: base[seed] - value for seed, value in last.items() if seed in base}
        own = [
            done
            for case, done in runs.items()
            if (case.tuner, case.workers) == (tuner, workers) and case.set in sets
        ]
        trials = statistics.fmean(done.trials for done in own)
        spent = 1000 * statistics.fmean(done.seconds for done in own)
        cells = [*map(cell, columns), "" if tuner == "random" else cell(less)]
        print(f"| `{tuner}` | {' | '.join(cells)} | {len(last)} | {trials:.0f} | {spent:.1f} |")


def show_sets(runs: dict[Case, Run], options: argparse.Namespace, workers: int) -> None:
    """Print the mean regret of each tuner on each set after the largest budget."""
    print(f"\n{workers} workers\n\n| tuner | " + " | ".join(options.sets) + " |")
    print("| --- |" + " --- |" * len(options.sets))
    for tuner in options.tuners:
        found = [
            by_seed(runs, [name], tuner, workers, len(BUDGETS) - 1).values()
            for name in options.sets
        ]
        if any(found):
            cells = [f"{statistics.fmean(all_):.3f}" if all_ else "" for all_ in found]
            print(f"| `{tuner}` | {' | '.join(cells)} |")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser.add_argument("--seeds", type=int, metavar="N", help="20, or 3 with --quick")
    parser.add_argument("--tuners", type=names(TUNERS), help=", ".join(TUNERS))
    parser.add_argument("--sets", type=names(SETS), default=list(SETS), help=", ".join(SETS))
    parser.add_argument("--workers", type=numbers, metavar="N,N", help="4,8,64, or 4 with --quick")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--quick", action="store_true", help="few seeds, no slow tuners")
    parser.add_argument("--results", type=Path, metavar="FILE", help="keep the runs there")
    parser.add_argument("--show", action="store_true", help="run nothing")
    parser.add_argument("--by_set", action="store_true", help="a table of all sets")
    parser.add_argument("--make", action="store_true", help="train the curves of --sets again")
    options = parser.parse_args()
    options.seeds = options.seeds or (QUICK_SEEDS if options.quick else 20)
    options.workers = options.workers or ([4] if options.quick else [4, 8, 64])
    left_out = SLOW if options.quick else ()
    options.tuners = options.tuners or [name for name in TUNERS if name not in left_out]
    return options


def main() -> None:
    """Run everything and print the tables."""
    options = parse()
    if options.make:
        for name in options.sets:
            make(name)
        return
    for tuner in options.tuners:
        if libraries := missing(tuner):
            print(f"{tuner} is left out; not installed: {', '.join(libraries)}")
    options.tuners = [tuner for tuner in options.tuners if not missing(tuner)]
    runs = complete(plan(options), options)
    halves = [[name for name in options.sets if SETS[name].tuned is half] for half in (True, False)]
    for workers in options.workers:
        for sets in (options.sets, *halves):
            if sets:
                show(runs, options, workers, sets)
        if options.by_set:
            show_sets(runs, options, workers)


if __name__ == "__main__":
    main()
