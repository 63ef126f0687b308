"""Every benchmark is a command that says what it measures, and stands in the documentation."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from hpogrid.engine.run import Run
from tests.engine.searches import search, spec

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
COMMANDS = sorted(
    path for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text()
)


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_says_what_it_measures(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(path), "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
    assert f"python benchmarks/{path.name}" in PAGE.read_text()


@pytest.mark.slow
def test_search_tables_and_picture(tmp_path: Path) -> None:
    """What was run is kept, and shown again without a further run."""
    search = [sys.executable, str(ROOT / "benchmarks" / "search.py"), "--results", "kept.jsonl"]
    search += ["--algorithms", "random,nevergrad", "--objectives", "example,branin"]
    search += ["--budgets", "5,12"]
    ran, shown = (
        subprocess.run(
            [*search, *more], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for more in (["--seeds", "2"], ["--show", "--plot", "regret.png"])
    )
    assert ran == shown
    assert ran.count("| `") == 2
    # nevergrad looks at the number of trials, so it ran for both budgets.
    assert len((tmp_path / "kept.jsonl").read_text().splitlines()) == 2 * 2 * (1 + 2)
    assert (tmp_path / "regret.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_fidelity_table(tmp_path: Path) -> None:
    """Searches on the curves that are kept here; what was run is shown again without a run."""
    command = [sys.executable, str(ROOT / "benchmarks" / "fidelity.py"), "--results", "kept.jsonl"]
    command += ["--tuners", "random,random-none", "--sets", "cancer,diabetes", "--workers", "4"]
    command += ["--seeds", "2", "--by_set"]
    ran, shown = (
        subprocess.run(
            [*command, *more], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for more in ([], ["--show"])
    )
    assert ran == shown
    assert ran.count("| `random-none`") == 3 + 1  # all sets, each half, and by set
    runs = [json.loads(line) for line in (tmp_path / "kept.jsonl").read_text().splitlines()]
    assert len(runs) == 2 * 2 * 2
    begun = {
        tuner: {run["trials"] for run in runs if run["case"]["tuner"] == tuner}
        for tuner in ("random", "random-none")
    }
    assert begun["random-none"] <= {36, 37, 38, 39}  # 36 whole ones, and what still ran
    assert min(begun["random"]) > 100


@pytest.mark.slow
def test_what_is_simulated_decides_as_the_engines_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same losses, once by the stand-in and once by what the engines ask, with its ledger."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    fidelity = importlib.import_module("fidelity")
    table = fidelity.curves("cancer")
    simulated = fidelity.Ours(
        table.space, 7, workers=1, algorithm="gp", scheduler="asynchyperband",
        scheduler_param={"grace_period": 1},
    )  # fmt: skip
    config = simulated.config
    project = msgspec.structs.replace(
        search(config.trials), hpo_config=config, search_space=table.space.to_json()
    )
    run = Run(project, spec(tmp_path))
    for _ in range(25):
        turn, real = simulated.ask(), run.next()
        assert real is not None
        assert (turn.trial, turn.config) == (real.trial, real.config)
        for epoch, loss in enumerate(table.of(turn.config).tolist(), start=1):
            decision = run.report(turn.trial, {"loss": loss})
            assert simulated.report(turn.trial, epoch, loss) == (decision == "continue")
            if decision != "continue":
                break
        run.finish(turn.trial)
    pruned = [trial for trial in run.own if trial.state == "pruned"]
    assert any(not trial.reports for trial in pruned)
    assert any(trial.reports for trial in pruned)
    run.close()


@pytest.mark.slow
def test_fidelity_of_several_objectives() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "fidelity_objectives.py"), "--seeds", "1"]
    command += ["--cases", "friedman+size", "--tuners", "first,all"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ran.count("| `first`") == ran.count("| `all`") == 1
