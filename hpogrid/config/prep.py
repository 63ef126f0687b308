"""Preparation: commands that make what trials need, once for each combination of some values.

A model config has stages, in order. A stage has keys, which name hyperparameters; for each
combination of their values that a trial comes with it has one step. A step sees the values of its
keys and the constants, and nothing else, so it does not matter which trial it is run for. It is
run after the steps of earlier stages, for the same trial, that have no keys but its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hpogrid.config.schemas import PrepStage
from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.space.parameter import Constant
from hpogrid.space.space import Space
from hpogrid.space.value import Value, Values, canonical
from hpogrid.trial.placeholders import check_command, command_words
from hpogrid.trial.words import as_text

FILES = ("json", "hpm", "prep")
"""The placeholders of a stage's command that are paths."""


@dataclass(frozen=True)
class Step:
    """One run of a stage.

    Attributes:
        stage: its place among the stages, from 1.
        command: as it was given.
        words: the same in words, with placeholders.
        keys: the values that set it apart from the other steps of its stage.
        values: these, and all constants.
        name: of its files; the same for the same command and keys.
    """

    stage: int
    command: str
    words: tuple[str, ...]
    keys: Mapping[str, Value]
    values: Mapping[str, Value]
    name: str

    @property
    def title(self) -> str:
        """What it is, in a message."""
        given = ", ".join(f"{name}={as_text(value)}" for name, value in self.keys.items())
        return f"prep {self.stage} ({self.command})" + (f" for {given}" if given else "")


def fixed_values(space: Space, param: Mapping[str, Value]) -> Values:
    """The values that are the same for all trials: constants, and settings of the model."""
    constants = {
        name: item.value
        for name, item in space.parameters.items()
        if isinstance(item, Constant) and item.when is None
    }
    return {**param, **constants}


def check_prep(stages: Sequence[PrepStage], space: Space, param: Mapping[str, Value]) -> None:
    """Refuse a key that is nothing, and a placeholder whose value the stage would not know.

    Raises:
        UserError: which one.
    """
    fixed = fixed_values(space, param)
    known = [*param, *space.parameters]
    for number, stage in enumerate(stages, start=1):
        for name in stage.keys:
            if name not in known:
                raise UserError(f"prep {number}: {unknown('hyperparameter', name, known)}")
        words = command_words(stage.command, None)
        try:
            check_command(words, [*stage.keys, *fixed], FILES)
        except UserError as error:
            text = str(error).removeprefix("command: ")
            raise UserError(
                f"prep {number}: {text} (it knows the values of its prep_keys and the constants)"
            ) from error


def steps(
    stages: Sequence[PrepStage],
    applied: Mapping[str, Value],
    fixed: Mapping[str, Value],
    *,
    lasting: bool = False,
) -> Iterator[Step]:
    """The steps that a trial needs, in order.

    Args:
        stages: of the model config.
        applied: the trial's values.
        fixed: see `fixed_values`.
        lasting: whether the names have to tell apart what other constants would make.
    """
    for number, stage in enumerate(stages, start=1):
        keys = {name: applied.get(name, fixed.get(name)) for name in stage.keys}
        values = {**fixed, **keys}
        content = canonical([stage.command, values if lasting else keys])
        digest = hashlib.blake2b(content, digest_size=6).hexdigest()
        words = tuple(command_words(stage.command, None))
        yield Step(number, stage.command, words, keys, values, f"{number}-{digest}")


def needs(stages: Sequence[PrepStage], number: int) -> list[int]:
    """The earlier stages whose steps come before those of stage ``number`` (from 1)."""
    own = set(stages[number - 1].keys)
    return [
        earlier
        for earlier, stage in enumerate(stages[: number - 1], start=1)
        if own >= set(stage.keys)
    ]


__all__ = ["FILES", "Step", "check_prep", "fixed_values", "needs", "steps"]
