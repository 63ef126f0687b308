"""The contract of a report format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from typing import BinaryIO

import msgspec

from hpogrid.report.results import Results


class Writer(ABC):
    """Writes results as one file that needs no other file and no network.

    Making one fails with a `UserError` if the library that it needs is not installed.
    """

    suffix: str
    """What the file name ends in, such as ``.csv``."""

    @abstractmethod
    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the whole file; an empty result is a valid file too."""

    def files(self, results: Results) -> dict[str, Callable[[BinaryIO], object]]:
        """What the names of its files end in, and what writes them: one, except for pictures."""
        return {self.suffix: partial(self.write, results)}


def text(value: object) -> str:
    """A JSON value as people and spreadsheets read it.

    Text as it is, nothing for null, all else as JSON; floats keep every digit.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def digits_apart(values: Iterable[float], least: int, step: int = 1, share: float = 1.0) -> int:
    """With how many digits numbers that differ look different, at least nearly all of them.

    Args:
        values: the numbers.
        least: the fewest digits.
        step: so many more of them are tried each time.
        share: of the numbers that differ, so many have to look different.
    """
    different = set(values)
    for digits in range(least, 17, step):
        if len({f"{value:.{digits}g}" for value in different}) >= share * len(different):
            return digits
    return 17
