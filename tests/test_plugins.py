"""What CONTRIBUTING says of a new plug-in: one file, one line, and everything else finds it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import refused

CONTRACTS = ("search/test_contract.py", "schedule/test_contract.py", "space/test_dialects.py",
             "report/test_writers.py", "test_registry.py")  # fmt: skip
TESTS = Path(__file__).parent


def python(*words: str) -> str:
    """What a Python process with the newcomers prints."""
    done = subprocess.run(
        [sys.executable, *words], cwd=TESTS.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.engine  # another pytest within this one takes its time
def test_the_contracts_are_run_over_newcomers() -> None:
    found = python(
        "-m", "pytest", "-p", "tests.newcomers", "--numprocesses=0", "-p", "no:cacheprovider",
        "-v", "-m", "not engine", "-k", "newcomer", *(f"tests/{name}" for name in CONTRACTS),
    )  # fmt: skip
    passed = re.findall(r"^tests/(\S+\.py)::.*newcomer.* PASSED", found, re.MULTILINE)
    assert set(passed) == {name for name in CONTRACTS if name != "test_registry.py"}
    assert len(passed) > 25


def test_the_command_line_finds_newcomers() -> None:
    program = (
        "import sys, tests.newcomers\nfrom hpogrid.cli.main import run\nsys.exit(run(sys.argv[1:]))"
    )
    assert "--to_newcomer" in python("-c", program, "report", "--help")
    assert "newcomer" in python("-c", program, "search_space", "convert", "--help")
    python("-c", program, "hpo_config", "create", "n", "--metric", "loss",
           "--algorithm", "newcomer", "--scheduler", "newcomer")  # fmt: skip
    assert "unknown algorithm 'newcomer'; known: " in refused("hpo_config", "show", "n")
