"""Every link of the documentation leads somewhere inside the checkout."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, headings, prose

LINK = re.compile(r"\]\(([^)\s]+)\)")
ALL = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def broken(page: Path) -> list[str]:
    found = []
    for target in LINK.findall(prose(page)):
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        wrong_anchor = anchor and path.suffix == ".md" and anchor not in headings(path)
        if not path.exists() or wrong_anchor:
            found.append(target)
    return found


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    assert broken(page) == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = set(LINK.findall(prose(ROOT / "README.md")))
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert pages - linked == set()


def test_no_web_address_is_needed() -> None:
    """The documentation explains by itself; pictures lie beside it."""
    assert [page.name for page in ALL if re.search(r"\]\(https?://", prose(page))] == []
