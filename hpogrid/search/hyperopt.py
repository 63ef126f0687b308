"""Hyperopt's tree-structured Parzen estimator."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from hpogrid.registry import require
from hpogrid.search.base import BaseSearcher, Options, Problem
from hpogrid.space.latent import Axis, Category, Latents, Unit, shares


class HyperoptOptions(Options, frozen=True):
    """Parameters of ``hyperopt.tpe.suggest``, by its names."""

    n_startup_jobs: Annotated[int, Meta(ge=1)] = 20
    n_EI_candidates: Annotated[int, Meta(ge=1)] = 24
    gamma: Annotated[float, Meta(gt=0, lt=1)] = 0.25
    prior_weight: Annotated[float, Meta(gt=0)] = 1.0


class HyperoptSearcher(BaseSearcher):
    """Suggestions with a seed of their own, from documents of the trials that were told."""

    Settings = HyperoptOptions

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        hyperopt = require("hyperopt", extra="hyperopt", what="algorithm hyperopt")
        space = {name: self._node(name, axis) for name, axis in self.axes.items()}
        self._domain = hyperopt.Domain(_nothing, space)
        self._trials = hyperopt.Trials()

    def _node(self, name: str, axis: Axis) -> Any:
        hp = require("hyperopt.hp", extra="hyperopt", what="algorithm hyperopt")
        if isinstance(axis, Unit):
            return hp.uniform(name, 0, 1)
        if isinstance(axis, Category):
            return hp.pchoice(name, [(share, i) for i, share in enumerate(shares(axis))])
        return hp.quniform(name, axis.low - 0.5, axis.high + 0.5, 1)

    def _ask(self, seed: int) -> Latents:
        tpe = require("hyperopt.tpe", extra="hyperopt", what="algorithm hyperopt")
        params = {key: getattr(self.options, key) for key in self.options.__struct_fields__}
        [number] = self._trials.new_trial_ids(1)
        [trial] = tpe.suggest([number], self._domain, self._trials, seed, verbose=False, **params)
        found = trial["misc"]["vals"]
        return {name: _latent(axis, found[name][0]) for name, axis in self.axes.items()}

    def _tell(self, point: Latents, losses: tuple[float, ...]) -> None:
        number = len(self._trials)
        misc = {
            "tid": number,
            "cmd": self._domain.cmd,
            "workdir": None,
            "idxs": {name: [number] for name in point},
            "vals": {name: [value] for name, value in point.items()},
        }
        result = {"status": "ok", "loss": losses[0]}
        [document] = self._trials.new_trial_docs([number], [None], [result], [misc])
        document["state"] = 2  # hyperopt.JOB_STATE_DONE
        self._trials.insert_trial_doc(document)
        self._trials.refresh()

    def _retell(self, told: list[tuple[Latents, tuple[float, ...]]]) -> None:
        for trial, (_, losses) in zip(self._trials.trials, told, strict=True):
            trial["result"]["loss"] = losses[0]
        self._trials.refresh()


def _nothing(config: object) -> None:
    """Stands for the objective, which Hyperopt never calls here."""


def _latent(axis: Axis, value: Any) -> float | int:
    if isinstance(axis, Unit):
        return float(value)
    if isinstance(axis, Category):
        return int(value)
    return min(max(round(float(value)), axis.low), axis.high)
