"""What is in the folder of a trial, and which of it a policy keeps.

=============  =============================================================================
``best``       keeps what ``last`` keeps of the best trial, and of the others nothing
``top K``      the same for the best K trials
``last``       keeps of every trial its newest checkpoint and its outputs
``none``       keeps nothing
=============  =============================================================================

Records stay in any case: what hpogrid and other tools write down about a trial, which is small.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from hpogrid.errors import UserError
from hpogrid.report.recipe import HYPERPARAMS, METRICS, is_recipe

Kind = Literal["checkpoint", "output"]

RECORDS = frozenset(
    ["config.json", "config.hpm", "metrics.json", "reports.jsonl", METRICS, HYPERPARAMS,
     "args.yaml", "cmdline.log", "log", "version"]
)  # fmt: skip
"""Names that are never candidates, beside all that end in ``.log``."""

_CHECKPOINT = re.compile(
    r"(checkpoint|ckpt|params|model|weights|epoch|step|iter|state)[^0-9]*[0-9]", re.IGNORECASE
)
"""How the name of a checkpoint begins; the numbers in it say which is the newest."""


class Place(NamedTuple):
    """A trial and its folder.

    Attributes:
        trial: its id, or the name of the model.
        folder: what is in it belongs to the trial.
        loss: smaller is better; None: it has no result.
        busy: it runs, or will go on.
    """

    trial: str
    folder: Path
    loss: float | None
    busy: bool


class Candidate(NamedTuple):
    """A file, folder or link that may go, and its size in bytes."""

    trial: str
    path: Path
    kind: Kind
    size: int


def check_policy(text: str) -> str:
    """Refuse what is no policy.

    Raises:
        UserError: what to write instead.
    """
    if not re.fullmatch("best|last|none|top [1-9][0-9]*", text):
        raise UserError(f"--keep: '{text}' is no policy; write best, last, 'top 3', or none")
    return text


def candidates(place: Place) -> Iterator[Candidate]:
    """All that may go of a trial; folders of models in its folder are looked into."""
    yield from _candidates(place.trial, place.folder)


def _candidates(trial: str, folder: Path) -> Iterator[Candidate]:
    for path in sorted(folder.iterdir()):
        if path.name in RECORDS or path.suffix == ".log":
            continue
        if path.is_dir() and not path.is_symlink() and is_recipe(path):
            yield from _candidates(trial, path)
            continue
        kind: Kind = "checkpoint" if _CHECKPOINT.match(path.name) else "output"
        yield Candidate(trial, path, kind, size(path))


def chosen(places: Sequence[Place], policy: str) -> Callable[[Place], bool]:
    """Which trials keep their newest checkpoint and their outputs."""
    if policy == "none":
        return lambda place: False
    if policy == "last":
        return lambda place: True
    count = 1 if policy == "best" else int(policy.removeprefix("top "))
    ranked = sorted((place.loss, str(place.folder)) for place in places if place.loss is not None)
    best = {folder for _, folder in ranked[:count]}
    return lambda place: str(place.folder) in best


def newest(found: Sequence[Candidate]) -> set[Path]:
    """Of each series of checkpoints of a trial the last one."""
    last: dict[tuple[Path, str], tuple[list[int], Path]] = {}
    for item in found:
        if item.kind == "checkpoint":
            numbers = [int(text) for text in re.findall("[0-9]+", item.path.name)]
            series = (item.path.parent, re.sub("[0-9]+", "#", item.path.name))
            if series not in last or numbers > last[series][0]:
                last[series] = (numbers, item.path)
    return {path for _, path in last.values()}


def size(path: Path) -> int:
    """The bytes of a file, or of all that is in a folder; links count as themselves."""
    total = path.lstat().st_size
    if path.is_dir() and not path.is_symlink():
        for folder, folders, files in os.walk(path):
            names = [*files, *(name for name in folders if os.path.islink(f"{folder}/{name}"))]
            total += sum(os.lstat(f"{folder}/{name}").st_size for name in names)
    return total
