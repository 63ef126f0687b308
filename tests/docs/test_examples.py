"""The walk-throughs in example/ run as they are written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.shells import run


def walk_through(name: str, tmp_path: Path, trials: int = 200) -> str:
    """Run a script of example/, with another number of trials if it would take too long."""
    text = (ROOT / "example" / name).read_text()
    assert "--trials 200" in text
    script = tmp_path / name
    script.write_text(text.replace("--trials 200", f"--trials {trials}"))
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HPOGRID_HOME": str(tmp_path / "home"),
        "HPOGRID_BASE_PATH": str(ROOT),
    }
    answer = run(["bash", str(script)], env, tmp_path)
    assert answer.returncode == 0, answer.stdout
    return answer.stdout


def test_simple_objective_does_what_three_jobs_are_told(tmp_path: Path) -> None:
    """The README's page does 600 trials."""
    said = walk_through("simple_objective.sh", tmp_path, trials=20)
    assert "60 trials: 60 complete; best loss " in said


def test_the_page_shows_the_example_of_several_nodes() -> None:
    shown = {block.info[1:]: block.text for block in blocks(ROOT / "docs" / "running.md")}
    for name in ("srun.sh", "torchrun.sh"):
        assert shown[(name,)] == (ROOT / "example" / "several_nodes" / name).read_text()


@pytest.mark.engine  # the Gaussian process takes its time, even for few trials
def test_simple_trainable_learns_by_bayesian_optimisation(tmp_path: Path) -> None:
    said = walk_through("simple_trainable.sh", tmp_path, trials=15)
    assert "45 trials: 45 complete; best loss " in said
