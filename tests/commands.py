"""Running ``hpogrid`` as its users do, within the process of the test."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from hpogrid.cli.main import run
from hpogrid.errors import Exit


class Outcome(NamedTuple):
    """What a command left: its exit code, its results, its messages."""

    code: int
    out: str
    err: str


def hpogrid(*arguments: str | Path, answer: str = "") -> Outcome:
    """Run a command; ``answer`` is what is typed when it asks."""
    with CliRunner().isolation(input=answer) as (out, err, _):
        try:
            code = run([str(argument) for argument in arguments])
        except BaseException:
            traceback.print_exc()
            raise
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        return Outcome(code, out.getvalue().decode(), err.getvalue().decode())


def ok(*arguments: str | Path, answer: str = "") -> str:
    """Run a command that has to succeed; return its results."""
    outcome = hpogrid(*arguments, answer=answer)
    assert outcome.code == 0, outcome
    return outcome.out


def parsed(*arguments: str | Path) -> Any:
    """Run a command that has to succeed; return its results, which are JSON."""
    return json.loads(ok(*arguments))


def refused(*arguments: str | Path, code: int = Exit.USAGE, answer: str = "") -> str:
    """Run a command that has to be refused, with nothing written; return the one sentence."""
    before = tree(user_directory())
    outcome = hpogrid(*arguments, answer=answer)
    assert outcome.code == code, outcome
    assert outcome.out == "", outcome
    assert tree(user_directory()) == before, "a refused command has written something"
    before_it, found, sentence = outcome.err.partition("hpogrid: ")
    assert found, outcome
    assert "Traceback" not in before_it, outcome
    assert before_it == "" or before_it.endswith("\n"), outcome
    return sentence.rstrip("\n")


def limited(blocks: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command that can make no file larger than so many kilobytes, as on a full disk."""
    command = f'ulimit -f {blocks}; exec "$0" -m hpogrid "$@"'
    # What measures the tests' coverage would have to write files as well.
    environment = {key: text for key, text in os.environ.items() if not key.startswith("COV")}
    return subprocess.run(
        ["bash", "-c", command, sys.executable, *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def user_directory() -> Path:
    """The user directory of this test."""
    return Path(os.environ["HPOGRID_HOME"])


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, with the content of the files."""
    if not folder.is_dir():
        return {}
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def on_a_terminal(*command: str) -> tuple[str, str]:
    """What a program prints, and what it shows on the terminal that it has as its stderr."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stderr=theirs, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # it has let go of the terminal
        while True:
            shown += os.read(ours, 4096)
    os.close(ours)
    printed, _ = process.communicate()
    assert process.returncode == 0
    return printed, shown.decode()
