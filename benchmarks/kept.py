"""The runs of a benchmark: named on the command line, kept in a file, and not done again."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

import msgspec

C = TypeVar("C")
R = TypeVar("R", bound=msgspec.Struct)


def read_runs(kind: type[R], path: Path | None) -> list[R]:
    """The runs in a file of results."""
    lines = path.read_bytes().splitlines() if path is not None and path.exists() else []
    return [msgspec.json.decode(line, type=kind) for line in lines]


def do_runs(
    run: Callable[[C], R], cases: Iterable[C], processes: int, path: Path | None
) -> Iterator[R]:
    """Do runs side by side, each kept in the file of results as soon as it is done."""
    with ProcessPoolExecutor(processes) as pool:
        for future in as_completed([pool.submit(run, case) for case in cases]):
            done = future.result()
            if path is not None:
                with path.open("ab") as stream:
                    stream.write(msgspec.json.encode(done) + b"\n")
            yield done


def names(known: Iterable[str]) -> Callable[[str], list[str]]:
    """What reads an argument that is a list of known names, with commas between."""

    def read(text: str) -> list[str]:
        found = text.split(",")
        for name in found:
            if name not in known:
                raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(known)}")
        return found

    return read
