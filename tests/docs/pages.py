"""The pages of the documentation, taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "commands.md"),
]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_REASON = re.compile(r"<!-- no-run: (.+) -->\n$")
_NEEDS = re.compile(r"<!-- needs: ([\w./-]+) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        info: the words after the fence: a language, and how the tests treat the block.
        text: what is in it.
        line: where it begins, from 1.
        before: the line above the fence.
    """

    info: tuple[str, ...]
    text: str
    line: int
    before: str

    @property
    def is_shell(self) -> bool:
        return self.info[:1] in {("sh",), ("bash",), ("console",)}

    @property
    def reason(self) -> str | None:
        """Why it is not run, from the line above."""
        match = _REASON.search(self.before)
        return match[1] if match else None


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        above = text[: match.start()]
        before = above[above.rstrip("\n").rfind("\n") + 1 :]
        line = above.count("\n") + 1
        found.append(Block(tuple(match["info"].split()), match["text"], line, before))
    return found


def needed(page: Path) -> Path | None:
    """The page that has to be run before this one."""
    match = _NEEDS.search(page.read_text(encoding="utf-8"))
    return ROOT / match[1] if match else None


def prose(page: Path) -> str:
    """The text of a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def headings(page: Path) -> Iterator[str]:
    """The anchors of a page, as Git hosts make them."""
    for line in prose(page).splitlines():
        if line.startswith("#"):
            title = line.lstrip("#").strip().lower()
            yield re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
