"""Jobs that are broken at random moments: nothing is lost, nothing counted twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = Path(__file__).parents[2] / "benchmarks" / "faults.py"
FIGURES = ["lost: 0", "counted twice: 0", "budget missed: 0", "wrong: 0"]


@pytest.mark.engine
@pytest.mark.parametrize(
    "options",
    [
        ["--only", "tree", "--rounds", "8", "--trials", "50"],
        ["--rounds", "12"],
        ["--only", "crowd", "--rounds", "1"],
    ],
    ids=["the whole tree", "every fault", "64 jobs on one folder"],
)
def test_no_fault_loses_or_doubles_a_finished_trial(options: list[str]) -> None:
    answer = subprocess.run(
        [sys.executable, str(FAULTS), "--seed", "7", *options],
        capture_output=True, text=True, check=False, timeout=1200,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.splitlines()[-4:] == FIGURES
