"""Every shell block of the README and of docs/ runs as it stands.

The blocks of a page run in order, in one shell, in a new folder with the example scripts and an
empty HPOGRID_HOME. In the fence, after the language: ``no-run`` (the line above says why),
``fails`` (it must). A block ``python train.py`` or ``yaml space.yaml`` becomes that file; a block
``text output`` is exactly what the shell block before it prints, or begins with where it ends in
a line of three dots.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import NAMES, PAGES, ROOT, Block, blocks, needed

MAX_NOT_RUN = 17
"""Blocks that need a grid, a network or a person; keep it small."""


def test_blocks_that_are_not_run_are_few_and_say_why() -> None:
    left_out = [
        (page.name, block.line, block.reason)
        for page in PAGES
        for block in blocks(page)
        if block.is_shell and "no-run" in block.info
    ]
    assert [place for place in left_out if place[2] is None] == []
    assert len(left_out) <= MAX_NOT_RUN


def test_every_block_has_a_known_language() -> None:
    known = {"sh", "text", "json", "yaml", "python", "jsonnet", "ini", "shell"}
    found = {(page.name, block.line, *block.info[:1]) for page in PAGES for block in blocks(page)}
    assert {place for place in found if place[2:] == () or place[2] not in known} == set()


@pytest.fixture(scope="session")
def starting_points(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """For a page the folder that the pages before it leave behind; each is run only once."""
    made: dict[Path, Path] = {}

    def after(page: Path) -> Path:
        if page not in made:
            folder = tmp_path_factory.mktemp("page")
            begin(page, folder, after)
            run_page(page, folder)
            made[page] = folder
        return made[page]

    return after


def begin(page: Path, folder: Path, after: Callable[[Path], Path]) -> None:
    """Fill the folder in which a page runs."""
    before = needed(page)
    if before is not None:
        shutil.copytree(after(before), folder, dirs_exist_ok=True)
    else:
        shutil.copytree(ROOT / "example" / "scripts", folder / "work")
    shutil.rmtree(folder / "out", ignore_errors=True)
    (folder / "out").mkdir()


def script_of(page: Path, folder: Path) -> str:
    """The page as one shell script that runs in work/; the output of block 3 goes to out/3."""
    parts = ["set -euo pipefail"]
    for number, block in enumerate(blocks(page)):
        if len(block.info) > 1 and block.info[0] not in ("sh", "text"):
            (folder / "work" / block.info[1]).write_text(block.text)
        if block.is_shell and "no-run" not in block.info:
            parts += [f"echo {block.line} >{folder}/line", as_shell(block, number, folder)]
    return "\n".join(parts)


def as_shell(block: Block, number: int, folder: Path) -> str:
    out = f"{folder}/out/{number}"
    if "fails" in block.info:
        return f"if (\n{block.text}) >{out} 2>&1; then echo it did not fail; exit 1; fi"
    return f"{{\n{block.text}}} >{out} 2>&1"


def run_page(page: Path, folder: Path) -> None:
    """Run the shell blocks of a page."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HPOGRID_HOME": str(folder / "home"),
        "HPOGRID_BASE_PATH": str(ROOT),
        "NO_COLOR": "1",
    }
    process = subprocess.Popen(
        ["bash", "--norc", "-c", script_of(page, folder)],
        cwd=folder / "work",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
    line = (folder / "line").read_text().strip() if process.returncode else ""
    last = max((folder / "out").iterdir(), key=lambda path: path.stat().st_mtime_ns, default=None)
    shown = last.read_text() if last else ""
    assert process.returncode == 0, f"{page.name}, line {line}: {said}\n{shown}"


FIRST = {page for page in map(needed, PAGES) if page is not None}
"""The pages that others go on from."""


LONG = ("faults", "grid-search", "objectives", "reports", "running", "sharing", "tasks")
"""Pages whose commands train for a while."""


def together(name: str) -> Any:
    """Pages that go on from another run in one worker, which runs that page once.

    A quick run has the README only.
    """
    page = ROOT / name
    if page.stem in LONG:
        return pytest.param(name, marks=pytest.mark.engine)
    marks = [] if page.stem == "README" else [pytest.mark.slow]
    if page in FIRST or needed(page) is not None:
        marks.append(pytest.mark.xdist_group("pages"))
    return pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", list(map(together, NAMES)))
def test_page_runs_as_it_stands(
    name: str, tmp_path: Path, starting_points: Callable[[Path], Path]
) -> None:
    page = ROOT / name
    folder = tmp_path
    if page in FIRST:
        folder = starting_points(page)
    else:
        begin(page, folder, starting_points)
        run_page(page, folder)
    found = blocks(page)
    for number, block in enumerate(found):
        if block.info == ("text", "output"):
            printed = (folder / "out" / str(number - 1)).read_text()
            wanted, more, _ = block.text.partition("\n...\n")
            if more:
                printed = printed[: len(wanted)]
            assert printed == wanted, f"{name}, line {block.line}"
