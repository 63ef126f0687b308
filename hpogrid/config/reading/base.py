"""What readers of scripts are asked, and what they find."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.space.dialects.ranges import read_range
from hpogrid.space.parameter import Parameter
from hpogrid.trial.declarations import Source
from hpogrid.trial.declared import Script


class NoTraining(UserError):
    """Nothing in a file looks like a training script."""


@dataclass(frozen=True)
class Wish:
    """What the user says of a script, before anything is guessed.

    Attributes:
        axes: ranges by name, as they are typed, or as a file has them.
        only: whether nothing but these is searched.
        leave: options that keep their defaults.
        words: the script's own words.
        model: the function or class to call.
        metric, mode: of the objective.
        metric_regex: how it is printed.
        ask: whether to run the script with ``--help``.
    """

    axes: Mapping[str, str | Parameter] = field(default_factory=dict)
    only: bool = False
    leave: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    model: str | None = None
    metric: str | None = None
    mode: str | None = None
    metric_regex: str | None = None
    ask: bool = False

    def axis(self, name: str, kind: str | None, notes: list[str]) -> Parameter | None:
        """What the user says of a parameter; None: nothing.

        Raises:
            UserError: it is wrong.
        """
        given = next((key for key in self.axes if same(key, name)), None)
        if given is None:
            return None
        wanted = self.axes[given]
        if not isinstance(wanted, str):
            return wanted
        try:
            found, own = read_range(wanted, kind)
        except ValueError as error:
            raise UserError(f"{given}: {error}") from error
        notes += [f"{name}: {note}" for note in own]
        return found


@dataclass
class Found:
    """What one reader makes of a script.

    Attributes:
        parameters: what would be searched.
        model: the function or class to call; None: the script itself is the trial.
        metric, mode: of what the objective returns, where the reader knows them.
        overrides: whether the script takes its parameters as overrides.
        epochs: how many reports a trial makes, and the option that says so.
        beside: further files that it needs.
    """

    parameters: dict[str, Parameter]
    model: str | None = None
    metric: str | None = None
    mode: str | None = None
    overrides: bool = False
    epochs: tuple[str, int] | None = None
    beside: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reading:
    """A script, what is wished of it, and the notes of those who read it."""

    path: Path
    script: Script
    source: Source
    wish: Wish
    notes: list[str]

    @property
    def name(self) -> str:
        """The script as it reads in a message."""
        return self.path.name

    def axes(
        self, known: Mapping[str, str | None], *, complete: bool = True
    ) -> dict[str, Parameter]:
        """The parameters that the user gives ranges for.

        Args:
            known: the names that the script knows, and whether they are ``int`` or ``float``.
            complete: whether it can know no others.

        Raises:
            UserError: a name that it does not know, or a range that is wrong.
        """
        found = {}
        for given in self.wish.axes:
            name = next((name for name in known if same(name, given)), None)
            if name is None and known and complete:
                raise UserError(f"{self.name}: {unknown('parameter', given, known)}")
            name = name or given
            axis = self.wish.axis(name, known.get(name), self.notes)
            assert axis is not None
            found[name] = axis
        return found

    def left(self, name: str) -> bool:
        """Whether the user wants it to keep its default."""
        return any(same(name, item) for item in self.wish.leave)


def same(left: str, right: str) -> bool:
    """Whether two spellings are the same name of a parameter."""
    return left.lstrip("-+").replace("-", "_") == right.lstrip("-+").replace("-", "_")


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: ``a, b and c``."""
    texts = list(names)
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def ranges_wanted(names: Iterable[str]) -> str:
    """What to type for ranges of these names."""
    return " ".join(f"--set {name}=LOW:HIGH" for name in names)


EPOCHS = ("epochs", "num_epochs", "max_epochs", "n_epochs", "num_train_epochs", "nepochs",
          "nb_epochs", "epoch", "steps", "num_steps", "max_steps", "n_steps")  # fmt: skip
_KEPT = re.compile(
    r"(^|[_.])(seed|verbose|gpus?|device|devices|workers?|threads?|jobs|port|rank|local|world|"
    r"nodes?|log|logging|print|save|eval|every|interval|freq|frequency|classes|samples|folds?|"
    r"cv|timeout|version|trials|limit|id|nproc|cores|cpus?|checkpoint|year|runs|iters|iterations|"
    r"iter|num_classes|input|output|vocab|image|img|resolution|channels|max_len|max_length)($|[_.])"
)


def is_epochs(name: str) -> bool:
    """Whether it says how many reports a trial makes."""
    return name.rpartition(".")[2].replace("-", "_") in EPOCHS


def is_kept(name: str) -> bool:
    """Whether it is nothing that one searches: epochs, seeds, devices, logging."""
    plain = name.replace("-", "_").lower()
    return is_epochs(name) or _KEPT.search(plain) is not None
