"""From what a script looks like to the four configs of a search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from hpogrid.config.reading.script import Guess
from hpogrid.config.schemas import Config, GridConfig
from hpogrid.config.store import STORES, read_config
from hpogrid.config.whole import Configs
from hpogrid.errors import UserError
from hpogrid.space.space import Space

_ALGORITHM = "auto"


class Settings(msgspec.Struct, kw_only=True):
    """How and where to search, as far as the user says it; None: what suits the script.

    Attributes:
        time: how long it may take, as the time limit of a job is written.
    """

    site: str = "local"
    trials: int = 50
    algorithm: str | None = None
    scheduler: str | None = None
    max_concurrent: int | None = None
    time: str | None = None
    python: str | None = None
    seed: int | None = None


def propose(script: Path, guess: Guess, settings: Settings) -> dict[str, Any]:
    """The data of each config, as it would be stored.

    Raises:
        UserError: a time that is none.
    """
    grid: dict[str, Any] = {"site": settings.site}
    hpo: dict[str, Any] = {
        "algorithm": settings.algorithm or _ALGORITHM,
        "metric": guess.metric,
        "mode": guess.mode,
        "trials": settings.trials,
        **_early_stopping(guess, settings),
    }
    if settings.seed is not None:
        hpo["seed"] = settings.seed
    if settings.max_concurrent is not None:
        hpo["scheduler_param"] = {"max_concurrent": settings.max_concurrent}
    if settings.time is not None:
        limited = read_config("grid_config", {**grid, "walltime": settings.time}, "--time")
        assert isinstance(limited, GridConfig)
        hpo["time_limit"] = float(limited.walltime_seconds or 0)
        if settings.site != "local":
            grid["walltime"] = settings.time
    model = {
        "script": None if guess.command else script.name, "model": guess.model,
        "command": guess.command, "param": guess.param, "metric_regex": guess.metric_regex,
        "python": settings.python,
    }  # fmt: skip
    return {
        "search_space": guess.space.to_json(),
        "hpo_config": hpo,
        "model_config": {name: value for name, value in model.items() if value},
        "grid_config": grid,
    }


def _early_stopping(guess: Guess, settings: Settings) -> dict[str, Any]:
    """Bad trials are ended early where it is known how many reports a good one makes."""
    several = guess.reports is not None and guess.reports > 1 and "," not in guess.metric
    scheduler = settings.scheduler or ("asynchyperband" if several else "none")
    stop = {} if guess.reports is None else {"training_iteration": guess.reports}
    return {"scheduler": scheduler, "stop": stop}


def checked(name: str, data: dict[str, Any]) -> Configs:
    """The configs of a proposal.

    Raises:
        UserError: a setting that is wrong.
    """
    found: dict[str, Config | Space] = {
        kind: read_config(kind, data[kind], f"{kind} '{name}'")
        for kind in ("hpo_config", "model_config", "grid_config")
    }
    return {"search_space": Space.from_json(data["search_space"]), **found}


def refuse_taken(name: str) -> None:
    """Refuse a name under which there is something already."""
    taken = [store.label for kind, store in STORES.items() if store.where(name).exists()]
    if taken:
        raise UserError(f"there is a {taken[0]} '{name}' already; choose another --name")


def scripts_of(script: Path, guess: Guess) -> Path:
    """What a project bundles: the script, or its folder, where it needs others in it."""
    return script.absolute().parent if guess.beside else script
