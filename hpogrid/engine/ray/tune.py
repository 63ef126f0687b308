"""What Ray Tune sees of a run: where trials come from, and where reports go."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from hpogrid.engine.ray.actor import Actor
from hpogrid.trial.messages import Broken, Done, Message

_WHERE_ACTORS_DIE = (
    "ray.air.execution._internal.actor_manager",
    "ray.tune.execution.tune_controller",
)


class Driver(Protocol):
    """Whom Ray Tune asks and tells; ``leg`` is its name for a trial."""

    @property
    def reuse_actors(self) -> bool:
        """Whether an actor evaluates one trial after another."""

    @property
    def over(self) -> bool:
        """Whether Ray Tune is going to get no further trial."""

    def tick(self) -> None:
        """Look after things, several times a second."""

    def suggest(self, leg: str) -> dict[str, Any] | None:
        """What the actor gets to evaluate, or None: nothing now."""

    def began(self, leg: str) -> None:
        """An actor has taken the trial."""

    def report(self, leg: str, message: Message) -> bool:
        """A report was made, or all was prepared for it; whether the trial goes on."""

    def end(self, leg: str, message: Message) -> None:
        """The trial ended: by itself, or because the last report was answered so."""

    def died(self, leg: str, error: str) -> None:
        """The trial's actor is gone; ``error`` is what Ray wrote about it."""


def run_tune(driver: Driver, folder: Path, resources: dict[str, float]) -> None:
    """Let Ray Tune run trials until the driver has no more, with its files below ``folder``."""
    tune = importlib.import_module("ray.tune")
    no_checkpoints = tune.CheckpointConfig(checkpoint_at_end=False, checkpoint_frequency=0)
    with _memory_kills_understood():
        tune.run(
            _trainable(tune.Trainable),
            name="run",
            search_alg=_searcher(driver),
            scheduler=_scheduler(driver),
            callbacks=[_callback(driver)],
            num_samples=-1,
            resources_per_trial=resources,
            reuse_actors=driver.reuse_actors,
            checkpoint_config=no_checkpoints,
            storage_path=str(folder / "tune"),
            trial_name_creator=_short_name,
            trial_dirname_creator=_short_name,
            raise_on_failed_trial=False,
            verbose=0,
        )


def _searcher(driver: Driver) -> Any:
    """Where trials come from."""
    base = importlib.import_module("ray.tune.search").Searcher

    class Ask(base):  # type: ignore[misc, valid-type]
        def suggest(self, trial_id: str) -> Any:
            return base.FINISHED if driver.over else driver.suggest(trial_id)

        def on_trial_complete(self, trial_id: str, result: Any = None, error: Any = False) -> None:
            """Nothing: the scheduler hears of it too."""

        def save(self, checkpoint_path: str) -> None:
            """Nothing: the ledger has it all."""

        def restore(self, checkpoint_path: str) -> None:
            """Nothing: the ledger has it all."""

    return Ask()


def _scheduler(driver: Driver) -> Any:
    """Where reports go."""
    base = importlib.import_module("ray.tune.schedulers").FIFOScheduler

    class Tell(base):  # type: ignore[misc, valid-type]
        def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
            go_on = driver.report(trial.trial_id, result["message"])
            decision: str = base.CONTINUE if go_on else base.STOP
            return decision

        def on_trial_complete(self, controller: Any, trial: Any, result: dict[str, Any]) -> None:
            driver.end(trial.trial_id, result["message"])

        def on_trial_error(self, controller: Any, trial: Any) -> None:
            driver.died(trial.trial_id, _error(trial))

    return Tell()


def _callback(driver: Driver) -> Any:
    """What happens between."""
    base = importlib.import_module("ray.tune").Callback

    class Watch(base):  # type: ignore[misc, valid-type]
        def on_step_begin(self, iteration: int, trials: Any, **info: Any) -> None:
            driver.tick()

        def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            driver.began(trial.trial_id)

    return Watch()


@contextlib.contextmanager
def _memory_kills_understood() -> Iterator[None]:
    """Let an actor that Ray's memory monitor killed be a dead actor to Ray Tune.

    Ray Tune (seen in 2.60) ends the whole run at this error, which is of another class. Were the
    names gone in another release, the engine would start Tune anew, which is slower.
    """
    errors = importlib.import_module("ray.exceptions")
    dead = (errors.RayActorError, errors.OutOfMemoryError)
    places = [importlib.import_module(name) for name in _WHERE_ACTORS_DIE]
    for place in places:
        place.RayActorError = dead  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for place in places:
            place.RayActorError = errors.RayActorError  # type: ignore[attr-defined]


def _error(trial: Any) -> str:
    """What Ray Tune wrote down about the death of an actor."""
    return Path(trial.error_file).read_text(errors="replace") if trial.error_file else ""


def _short_name(trial: Any) -> str:
    return str(trial.trial_id)


def _trainable(base: Any) -> Any:
    """The class of which Ray Tune makes actors."""

    class Leg(base):  # type: ignore[misc]
        """Steps an `Actor`: each step is a report or the end."""

        def setup(self, config: dict[str, Any]) -> None:
            self._actor = Actor(config["setup"], config["timeout"], config["prep"])
            self._actor.take(config["task"])

        def reset_config(self, config: dict[str, Any]) -> bool:
            self._actor.take(config["task"])
            return True

        def step(self) -> dict[str, Any]:
            message = self._actor.advance()
            return {"message": message, "done": isinstance(message, Done | Broken)}

        def cleanup(self) -> None:
            self._actor.end()

    return Leg
