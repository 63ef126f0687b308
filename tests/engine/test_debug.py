"""The debug engine: a trial in the process of ``local_run``, and pdb where it fails."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from tests.commands import hpogrid, ok, refused
from tests.projects import SPACE, store_project

FUNCTION = """
    def train(config):
        twice = config["x"] * 2
        raise ValueError(f"bad {twice}")
"""
SCRIPT = """
    import argparse
    p = argparse.ArgumentParser()
    p.add_argument("--x", type=float)
    twice = p.parse_args().x * 2
    print("loss:", twice)
    if twice > 1:
        raise RuntimeError("too large")
"""


def debugged(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words], input="p twice\nq\n", capture_output=True, text=True
    )


def test_a_failed_trial_says_how_to_debug_it() -> None:
    store_project(FUNCTION, trials=1)
    outcome = hpogrid("local_run", "p")
    [command] = [line for line in outcome.err.splitlines() if "debug it: " in line]
    assert command.partition("debug it: ")[2] in ok("tasks", "logs", "1", "--trial", "0-1")
    answer = debugged(*shlex.split(command.partition("debug it: ")[2]))
    assert answer.returncode == 1
    assert "ValueError: bad " in answer.stderr
    assert "(Pdb) " in answer.stdout


def test_a_script_runs_in_this_process(tmp_path: Path) -> None:
    store_project(SCRIPT, model=None, space=SPACE, metric_regex=r"loss: (\S+)")
    answer = debugged("hpogrid", "local_run", "p", "--point", '{"x": 0.25}', "--debug")
    assert (answer.returncode, answer.stdout.splitlines()[0]) == (0, "loss: 0.5")
    assert "best loss=0.5" in answer.stdout
    answer = debugged("hpogrid", "local_run", "p", "--point", '{"x": 0.75}', "--debug")
    assert answer.returncode == 1
    assert "(Pdb) 1.5" in answer.stdout


def test_it_needs_a_point() -> None:
    store_project(FUNCTION)
    assert "say which with --point" in refused("local_run", "p", "--debug")
