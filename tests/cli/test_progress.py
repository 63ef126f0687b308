"""What a terminal shows while something goes on."""

from __future__ import annotations

import subprocess
import sys

from tests.commands import on_a_terminal

WAIT = """
import time
from hpogrid.cli.progress import working
with working("reading trials"):
    time.sleep({})
"""


def test_what_takes_long_is_named_and_wiped_away() -> None:
    _, shown = on_a_terminal(sys.executable, "-c", WAIT.format(1.5))
    assert "reading trials" in shown
    assert shown.endswith("\x1b[2K")  # the line is empty again


def test_what_takes_no_time_is_not() -> None:
    assert on_a_terminal(sys.executable, "-c", WAIT.format(0)) == ("", "")


def test_nothing_is_shown_but_on_a_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WAIT.format(1.5)], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_an_error_comes_through() -> None:
    code = WAIT.format(0).replace("time.sleep(0)", "raise SystemExit(0)")
    assert on_a_terminal(sys.executable, "-c", code) == ("", "")
