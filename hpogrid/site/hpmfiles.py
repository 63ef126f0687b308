"""Numbered files with the points of a grid: ``1.hpm``, ``2.hpm``, ... in a folder.

The identity of a point is what is in its file. A point that has a file keeps its number, whatever
happens to the space; a new one gets the number after the largest that was ever given; the file of
one that is no longer in the space is set aside as ``7.hpm.old``, and comes back with its point.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hpogrid.errors import UserError
from hpogrid.files import explained, read_text, write_atomic
from hpogrid.space.space import Space
from hpogrid.space.value import Value
from hpogrid.trial.placeholders import check_shell_names, hpm_text

_NAME = re.compile(r"([1-9][0-9]*)\.hpm(\.old)?")
_MOST = 100_000
Content = frozenset[str]
"""What a file says, in whatever order."""


@dataclass
class Numbering:
    """The numbers of a grid's points, and what has to be done in their folder.

    Attributes:
        numbers: of all points, in order.
        new: texts of files to write, by number.
        back: numbers of files that were set aside and come back.
        gone: numbers of files to set aside.
    """

    numbers: list[int] = field(default_factory=list)
    new: dict[int, str] = field(default_factory=dict)
    back: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The numbers as (first, last) pairs."""
        found: list[tuple[int, int]] = []
        for number in sorted(self.numbers):
            if found and number == found[-1][1] + 1:
                found[-1] = (found[-1][0], number)
            else:
                found.append((number, number))
        return found


def point_texts(space: Space, param: Mapping[str, Value]) -> list[str]:
    """The text of a file for each point of a finite space.

    Args:
        space: with all the points.
        param: values that are added to every point.

    Raises:
        UserError: the space has no end or too many points, or two names are one to a shell.
    """
    check_shell_names((*param, *space.parameters))
    size = space.size()
    if size is not None and size > _MOST:
        raise UserError(f"the grid has {size:,} points; narrow the space to {_MOST:,} at most")
    return [hpm_text({**param, **space.present(point.applied)}) for point in space.enumerate()]


def number_points(folder: Path, texts: Sequence[str]) -> Numbering:
    """Give every point a number, the one that it has where it has one.

    Args:
        folder: of the files, whether it exists or not.
        texts: of all points, in order.
    """
    there, aside = _read(folder, ""), _read(folder, ".old")
    known = {content: number for number, content in sorted(aside.items(), reverse=True)}
    known |= {content: number for number, content in sorted(there.items(), reverse=True)}
    last = max((*there, *aside), default=0)
    found = Numbering()
    for text in texts:
        content = _content(text)
        number = known.get(content)
        if number is None:
            last += 1
            number, known[content] = last, last
            found.new[number] = text
        elif number not in there:
            found.back.append(number)
        found.numbers.append(number)
    found.gone = sorted(set(there) - set(found.numbers))
    return found


def write_points(folder: Path, numbering: Numbering) -> None:
    """Do what a numbering says; killed in between, the next one goes on."""
    for number, text in numbering.new.items():
        write_atomic(folder / f"{number}.hpm", text.encode())
    with explained(folder):
        for number in numbering.back:
            (folder / f"{number}.hpm.old").rename(folder / f"{number}.hpm")
        for number in numbering.gone:
            (folder / f"{number}.hpm").rename(folder / f"{number}.hpm.old")


def _read(folder: Path, suffix: str) -> dict[int, Content]:
    found = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match and (match[2] or "") == suffix:
            found[int(match[1])] = _content(read_text(path))
    return found


def _content(text: str) -> Content:
    try:
        words: Iterable[str] = shlex.split(text, comments=True)
    except ValueError:  # no file of ours, or one that was changed: like no point
        words = [text]
    return frozenset(words)
