"""A plug-in of each kind that runs no jobs, as somebody would add it: a class and a line.

``pytest -p tests.newcomers`` finds them in the registries; `tests/test_plugins.py` does it.
"""

from __future__ import annotations

from typing import BinaryIO

from hpogrid.errors import UserError
from hpogrid.registry import Entry, Registry
from hpogrid.report import WRITERS
from hpogrid.report.base import Writer, text
from hpogrid.report.results import Results
from hpogrid.schedule import SCHEDULERS
from hpogrid.schedule.base import BaseScheduler, Decision
from hpogrid.search import ALGORITHMS
from hpogrid.search.base import BaseSearcher
from hpogrid.space.dialects import DIALECTS
from hpogrid.space.dialects.base import Dialect, Parsed
from hpogrid.space.latent import Latents
from hpogrid.space.space import Space
from hpogrid.space.value import Value, Values

NAME = "newcomer"


class Searcher(BaseSearcher):
    """Draws, and learns nothing."""

    def _ask(self, seed: int) -> Latents:
        return self.draw(seed)

    def _tell(self, point: Latents, losses: tuple[float, ...]) -> None:
        pass


class Scheduler(BaseScheduler):
    """Stops nothing."""

    def on_report(self, trial: str, resource: float, *losses: float) -> Decision:
        return "continue"


def parse(data: object, where: str) -> Parsed:
    from hpogrid.files import parse_json

    data = parse_json(data, where) if isinstance(data, str) else data
    if not detect(data):
        raise UserError(f"{where}: expected an object with the key {NAME}")
    assert isinstance(data, dict)
    return Space.from_json(data[NAME], where), []


def render(space: Space) -> Values:
    return {NAME: space.to_json()}


def detect(data: object) -> bool:
    return isinstance(data, dict) and list(data) == [NAME]


DIALECT = Dialect(NAME, parse, render, detect)


class MarkdownWriter(Writer):
    """A row for each trial."""

    suffix = ".md"

    def write(self, results: Results, stream: BinaryIO) -> None:
        names = [column.name for column in results.columns]
        head: list[list[Value]] = [[*names], ["---"] * len(names)]
        for row in (*head, *results.rows()):
            cells = (text(cell).replace("|", "\\|") for cell in row)
            stream.write(f"| {' | '.join(cells)} |\n".encode())


def _add(registry: Registry, name: str) -> None:
    """The one line in the registry."""
    registry._entries = {**registry._entries, NAME: Entry(f"{__name__}:{name}", "a newcomer")}


_add(ALGORITHMS, "Searcher")
_add(SCHEDULERS, "Scheduler")
_add(DIALECTS, "DIALECT")
_add(WRITERS, "MarkdownWriter")
