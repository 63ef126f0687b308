"""Optuna's samplers: TPE, Gaussian process, CMA-ES, NSGA-II and random."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Annotated, Any, Literal

from msgspec import Meta

from hpogrid.errors import UserError
from hpogrid.registry import require, unknown
from hpogrid.search.base import BaseSearcher, Options, Problem
from hpogrid.space.latent import (
    Axis,
    Category,
    IntegerRange,
    Latents,
    Unit,
    from_unit,
    middle,
    to_unit,
)
from hpogrid.space.space import Space, identity
from hpogrid.space.value import Value, Values

Count = Annotated[int, Meta(ge=1)]
Fraction = Annotated[float, Meta(ge=0, le=1)]


class OptunaOptions(Options, frozen=True):
    """Which sampler; it decides which other parameters there are."""

    sampler: Literal["tpe", "gp", "cmaes", "nsga2", "random"] = "tpe"

    @classmethod
    def translated(cls, data: Values) -> Values:
        """Our names for what Hydra's sweeper for Optuna lists under ``sampler``."""
        own = dict(data)
        if "_target_" in own:
            target = str(own.pop("_target_")).removeprefix("optuna.samplers.")
            samplers = {kind: name for name, kind in _CLASSES.items()}
            if target not in samplers:
                raise UserError(unknown("sampler", target, list(samplers)))
            own.setdefault("sampler", samplers[target])
        if own.get("seed") is not None:
            raise UserError("algorithm_param of optuna: give the seed as --seed, for all there is")
        if own.get("consider_prior") is False:
            raise UserError("algorithm_param of optuna: its TPE always considers the prior now")
        return {name: value for name, value in own.items() if name not in _WITHOUT_EFFECT}

    @classmethod
    def variant(cls, data: Mapping[str, Value]) -> type[Options]:
        """The options of the sampler that ``data`` names."""
        sampler = data.get("sampler", "tpe")
        return _OPTIONS.get(sampler, cls) if isinstance(sampler, str) else cls


class TPEOptions(OptunaOptions, frozen=True):
    """Parameters of Optuna's ``TPESampler``, by its names.

    With ``group`` a parameter that has a condition counts in the trials that had it, and those
    that occur together are chosen together; without, it counts in all of them.
    """

    n_startup_trials: Count = 10
    n_ei_candidates: Count = 24
    prior_weight: Annotated[float, Meta(gt=0)] = 1.0
    consider_magic_clip: bool = True
    consider_endpoints: bool = False
    multivariate: bool = True
    group: bool = True
    constant_liar: bool = True


class GPOptions(OptunaOptions, frozen=True):
    """Parameters of Optuna's ``GPSampler``, by its names."""

    n_startup_trials: Count = 10
    deterministic_objective: bool = False


class CmaEsOptions(OptunaOptions, frozen=True):
    """Parameters of Optuna's ``CmaEsSampler``, by its names."""

    n_startup_trials: Count = 1
    popsize: Annotated[int, Meta(ge=2)] | None = None
    use_separable_cma: bool = False
    lr_adapt: bool = False

    def __post_init__(self) -> None:
        if self.use_separable_cma and self.lr_adapt:
            raise ValueError("use_separable_cma and lr_adapt exclude each other")


class NSGA2Options(OptunaOptions, frozen=True):
    """Parameters of Optuna's ``NSGAIISampler``, by its names."""

    population_size: Annotated[int, Meta(ge=2)] = 50
    mutation_prob: Fraction | None = None
    crossover_prob: Fraction = 0.9
    swapping_prob: Fraction = 0.5


class RandomOptions(OptunaOptions, frozen=True):
    """Optuna's ``RandomSampler`` has no parameters."""


_OPTIONS: dict[str, type[Options]] = {
    "tpe": TPEOptions,
    "gp": GPOptions,
    "cmaes": CmaEsOptions,
    "nsga2": NSGA2Options,
    "random": RandomOptions,
}
_CLASSES = {
    "tpe": "TPESampler",
    "gp": "GPSampler",
    "cmaes": "CmaEsSampler",
    "nsga2": "NSGAIISampler",
    "random": "RandomSampler",
}
_WITHOUT_EFFECT = ("seed", "consider_prior", "warn_independent_sampling")
_OUTDATED = {"prior_weight": 1.0, "consider_magic_clip": True, "consider_endpoints": False}
"""Optuna still has these parameters, and complains when they are given."""

_WIDEST = 1000

_LIBRARIES = {"gp": ("optuna-gp", "scipy", "torch"), "cmaes": ("optuna", "cmaes")}
"""What a sampler needs: the extra, and the libraries that it brings."""


class OptunaSearcher(BaseSearcher):
    """A study in memory; the sampler is made anew, with its seed, for every proposal."""

    Settings = OptunaOptions

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        optuna = self._optuna()
        extra, *libraries = _LIBRARIES.get(self.options.sampler, ("optuna",))
        for library in libraries:
            require(library, extra=extra, what=f"Optuna's {self.options.sampler} sampler")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._begin()
        self._grouped = getattr(self.options, "group", False) and _has_conditions(problem.space)

    def _begin(self) -> None:
        """A study without trials."""
        optuna = self._optuna()
        self._storage = optuna.storages.InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._storage, directions=["minimize"] * len(self.problem.modes)
        )
        self._asked: Any = None
        self._running: dict[bytes, list[Value]] = {}

    @classmethod
    def objectives(cls, options: Any) -> int:
        """One for CMA-ES; the others as many as there are."""
        return 1 if options.sampler == "cmaes" else 99

    @staticmethod
    def _optuna() -> ModuleType:
        return require("optuna", extra="optuna", what="algorithm optuna")

    def _sampler(self, name: str, seed: int) -> Any:
        params = {key: getattr(self.options, key) for key in self.options.__struct_fields__}
        params.pop("sampler")
        params = {key: value for key, value in params.items() if _OUTDATED.get(key) != value}
        if name == "random":
            params = {}
        elif name == "tpe":
            params["group"] = self._grouped and self.options.multivariate
        elif name in ("gp", "cmaes"):
            params["warn_independent_sampling"] = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "experimental", of what the user asked for by name
            return getattr(self._optuna().samplers, _CLASSES[name])(seed=seed, **params)

    def _ask(self, seed: int) -> Latents:
        self._drop()
        self._study.sampler = self._sampler(self.options.sampler, seed)
        with _one_thread() if self.options.sampler == "gp" else contextlib.nullcontext():
            self._asked = self._study.ask()
            if self._grouped:
                self.problem.space.apply(_Chosen(self._choose))
            else:
                for name in self.axes:
                    self._suggest(name)
        chosen = {name: self._latent(name, found) for name, found in self._asked.params.items()}
        return {name: middle(axis) for name, axis in self.axes.items()} | chosen

    def _choose(self, name: str) -> Value:
        """The value, in the trial that was asked for, of a parameter that is active there."""
        latent = self._suggest(name) if name in self.axes else self._single[name]
        return self.problem.space.parameters[name].decode(latent)

    def _suggest(self, name: str) -> float | int:
        """Give the trial that was asked for a parameter."""
        axis = self.axes[name]
        if _on_unit(axis):
            found = self._asked.suggest_float(name, 0.0, 1.0)
        elif isinstance(axis, IntegerRange):
            found = self._asked.suggest_int(name, axis.low, axis.high)
        else:
            assert isinstance(axis, Category)
            found = self._asked.suggest_categorical(name, tuple(range(axis.count)))
        return self._latent(name, found)

    def _latent(self, name: str, found: Any) -> float | int:
        """What a value of the study means."""
        axis = self.axes[name]
        return from_unit(axis, found) if _on_unit(axis) else int(found)

    def _drop(self) -> None:
        """Nobody has started the last proposal."""
        if self._asked is not None:
            self._study.tell(self._asked, state=self._optuna().trial.TrialState.FAIL)
            self._asked = None

    def _start(self, point: Latents, seed: int) -> None:
        latents = self._active(point)
        if self._asked is not None and self._asked.params.keys() != latents.keys():
            self._drop()
        if self._asked is None:  # evolving samplers number the generations when asked
            evolves = self.options.sampler in ("cmaes", "nsga2")
            self._study.sampler = self._sampler(self.options.sampler if evolves else "random", seed)
            self._asked = self._study.ask()
            for name in latents:
                self._suggest(name)
        trial, self._asked = self._asked, None
        self._move(trial, latents)
        self._running.setdefault(identity(point), []).append(trial)

    def _active(self, point: Latents) -> Latents:
        """What the study is told of a point: all, or what is active of it."""
        if not self._grouped:
            return point
        active = self.problem.space.decode({**self._single, **point}).suggested
        return {name: latent for name, latent in point.items() if name in active}

    def _move(self, trial: Any, latents: Latents) -> None:
        """Put a trial where the point is: proposed elsewhere, or meanwhile on its lattice."""
        study = self._storage.get_study_id_from_name(self._study.study_name)
        number = self._storage.get_trial_id_from_study_id_trial_number(study, trial.number)
        asked, distributions = trial.params, trial.distributions
        for name, latent in latents.items():
            axis = self.axes[name]
            value = to_unit(axis, latent) if _on_unit(axis) else latent
            if asked[name] != value:  # also where it is not the middle of its share
                internal = distributions[name].to_internal_repr(value)
                self._storage.set_trial_param(number, name, internal, distributions[name])

    def _tell(self, point: Latents, losses: tuple[float, ...]) -> None:
        key = identity(point)
        trial = self._running[key].pop()
        if not self._running[key]:
            del self._running[key]
        self._study.tell(trial, list(losses))

    def _retell(self, told: list[tuple[Latents, tuple[float, ...]]]) -> None:
        """A study with the new losses; evolving samplers keep the generations that they had."""
        if self.options.sampler not in ("tpe", "gp"):
            return
        self._begin()
        for point, losses in told:
            self._start(point, 0)
            self._tell(point, losses)
        for same in self._pending.values():
            for point in same:
                self._start(point, 0)


def _on_unit(axis: Axis) -> bool:
    """Whether the study has an axis as the unit interval.

    Beside real numbers these are categories with weights, which Optuna has not, and whole numbers
    of so wide a range that its Gaussian process would make too long a list of them.
    """
    if isinstance(axis, Category):
        return axis.weights is not None
    return isinstance(axis, Unit) or axis.high - axis.low >= _WIDEST


class _Chosen(dict[str, Value]):
    """Values for `Space.apply`, which wants those of active parameters only, each then chosen."""

    def __init__(self, choose: Callable[[str], Value]) -> None:
        super().__init__()
        self._choose = choose

    def __missing__(self, name: str) -> Value:
        value = self[name] = self._choose(name)
        return value


def _has_conditions(space: Space) -> bool:
    """Whether there are parameters that a draw may not have, whatever is crossed with it."""
    return not space.crossed and any(item.when for item in space.parameters.values())


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch from threads: matrices are too small for them, on a busy machine above all."""
    torch = require("torch", extra="optuna-gp", what="Optuna's gp sampler")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
