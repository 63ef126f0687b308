"""A job that is killed and started again: same trials, remaining budget, nothing twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpogrid.config.project import Project
from hpogrid.engine.assignment import Assignment
from hpogrid.engine.run import Run, RunningAlready
from hpogrid.site.local import run_here
from hpogrid.site.tasks import new_task
from hpogrid.space.value import as_number
from hpogrid.study.ledger import LedgerWriter, ledger_name
from hpogrid.study.study import Trial, read_study
from hpogrid.trial.checkpoints import checkpoint_step, checkpoint_steps, saving
from tests.engine.searches import search, spec
from tests.projects import RETURNS, run_project, store_project, trials_of

STEPS = 4


def kill(run: Run) -> None:
    """What ``kill -9`` leaves: the file as it is."""
    run._writer.close()


class Life:
    """A job whose driver is killed at random moments; each trial has `STEPS` steps."""

    def __init__(self, project: Project, folder: Path, seed: int, *, saves: bool) -> None:
        self.project, self.folder, self.saves = project, folder, saves
        self.rng = random.Random(seed)
        self.losses: dict[str, float] = {}
        self.attempts = 0

    def live(self) -> Run:
        """Start the job again and again until it has done its part."""
        while True:
            self.attempts += 1
            run = Run(self.project, spec(self.folder))
            if self._attempt(run):
                run.close()
                return run
            kill(run)
            if self.rng.random() < 0.3:
                self._tear(run._writer.path)

    def _attempt(self, run: Run) -> bool:
        running: list[Assignment] = []
        steps: dict[str, int] = {}
        patience = self.rng.randint(0, 40) if self.attempts < 30 else 10**9
        while not (run.over and not running):
            patience -= 1
            if patience < 0:
                return False
            if len(running) < 3 and (new := run.next()) is not None:
                self._check(run, new)
                running.append(new)
                steps[new.trial] = new.from_step
            elif running:
                trial = self.rng.choice(running)
                step = steps[trial.trial] + 1
                if self._step(run, trial.trial, step):
                    steps[trial.trial] = step
                    if step == STEPS:
                        run.finish(trial.trial)
                        running.remove(trial)
        return True

    def _check(self, run: Run, new: Assignment) -> None:
        trial = run.study.trials[new.trial]
        assert [report.step for report in trial.reports] == list(range(1, new.from_step + 1))
        if new.from_step:
            assert new.restore is not None
            assert checkpoint_step(new.restore) == new.from_step
        assert new.trial not in self.losses or not trial.finished
        loss = self.losses.setdefault(new.trial, as_number(trial.applied["x"]))
        assert trial.applied["x"] == loss, "a trial has other values than before"

    def _step(self, run: Run, trial: str, step: int) -> bool:
        """Take a step of a trial; False: it saved, and has not come to its report yet."""
        if self.saves and self.rng.random() < 0.7:
            with saving(self.folder / "trials" / trial, step):
                pass
            if self.rng.random() < 0.2:
                return False
        run.report(trial, {"loss": self.losses[trial], "step": step})
        return True

    def _tear(self, path: Path) -> None:
        """A machine without power: the end of the file is not on the disk."""
        data = path.read_bytes()
        path.write_bytes(data[: self.rng.randint(0, len(data))])
        known = {trial.id for trial in read_study(path.parent)[0]}
        self.losses = {name: loss for name, loss in self.losses.items() if name in known}


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), saves=st.booleans())
def test_however_often_it_is_killed_the_budget_is_kept(seed: int, saves: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = search(8)
        run = Life(project, Path(folder), seed, saves=saves).live()
        study, _ = read_study(Path(folder) / "ledger")
        finished = study.finished
        assert len(finished) == 8
        assert len(study) == 8, "no trial was begun in vain"
        assert len({trial.id for trial in finished}) == 8
        for trial in finished:
            if trial.state == "failed":
                assert "its job was killed twice while it ran" in str(trial.reason)
                continue
            assert trial.metrics == {"loss": trial.applied["x"], "step": STEPS}
            steps = [report.step for report in trial.reports]
            assert steps == sorted(set(steps))
        assert {trial.id: trial.metrics for trial in run.own} == {
            trial.id: trial.metrics for trial in finished
        }


# --- attempts and drivers ----------------------------------------------------------------------


@pytest.mark.parametrize("left", [b"", b'{"event":"open","ti', b"\0\0\0"])
def test_a_driver_that_died_before_its_first_line_is_no_obstacle(
    tmp_path: Path, left: bytes
) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / ledger_name(0, 1)).write_bytes(left)
    run = Run(search(1), spec(tmp_path))
    assert run.attempt == 2
    assert run.next() is not None
    run.close()


def test_a_second_driver_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    first = Run(search(5), spec(tmp_path))
    for _ in range(2):
        with pytest.raises(RunningAlready, match="job 0 is running already: it is writing"):
            Run(search(5), spec(tmp_path))
    other = Run(search(5), spec(tmp_path, job=1))
    assert sorted(path.name for path in (tmp_path / "ledger").glob("*.jsonl")) == [
        ledger_name(0, 1), ledger_name(1, 1),
    ]  # fmt: skip
    first.close()
    other.close()
    Run(search(5), spec(tmp_path)).close()


def test_of_drivers_that_start_at_the_same_moment_at_most_one_runs(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from hpogrid.engine.run import Run
from hpogrid.errors import RunError
from tests.engine.searches import search, spec
project = search(5)
print("ready", flush=True)
input()
try:
    run = Run(project, spec(Path({str(tmp_path)!r})))
except RunError:
    print("refused", flush=True)
else:
    print("runs", flush=True)
input()
"""
    drivers = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(3)
    ]  # fmt: skip
    for driver in drivers:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "ready\n"
    for driver in drivers:
        assert driver.stdin is not None
        driver.stdin.write("\n")
        driver.stdin.flush()
    said = [driver.stdout.readline() for driver in drivers if driver.stdout]
    for driver in drivers:
        driver.communicate("\n")
    assert sorted(said)[:2] == ["refused\n"] * 2


def test_a_damaged_start_gives_no_other_trial_its_result(tmp_path: Path) -> None:
    run = Run(search(3), spec(tmp_path))
    for _ in range(2):
        assignment = run.next()
        assert assignment is not None
        run.report(assignment.trial, {"loss": 5.0})
        run.finish(assignment.trial)
    kill(run)
    path = tmp_path / "ledger" / ledger_name(0, 1)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"x" + lines[3], *lines[4:]]))
    again = Run(search(3), spec(tmp_path))
    assignment = again.next()
    assert assignment is not None
    assert assignment.trial == "0-3"
    assert not again.study.trials["0-3"].finished
    again.close()


def test_one_search_replays_what_it_knew(tmp_path: Path) -> None:
    """A resumed search goes on as one that was never stopped."""
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    project = search(6)

    def evaluate(run: Run, count: int) -> None:
        for _ in range(count):
            assignment = run.next()
            assert assignment is not None
            run.report(assignment.trial, {"loss": as_number(assignment.config["x"]) ** 2})
            run.finish(assignment.trial)

    run = Run(project, spec(whole))
    evaluate(run, 6)
    kill(run)
    for _ in range(2):
        run = Run(project, spec(halves))
        evaluate(run, 3)
        kill(run)

    def points(folder: Path) -> list[tuple[str, Any, int]]:
        study = read_study(folder / "ledger")[0]
        return [(trial.id, trial.applied, trial.seed) for trial in study]

    assert points(whole) == points(halves)


# --- with real workers -------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of this process: scripts do not ask for their parent, which may be nobody."""
    monkeypatch.setenv("DRIVER", str(os.getpid()))


FUNCTION = """
import os, hpogrid
def train(config):
    start = 0
    folder = hpogrid.get_checkpoint()
    if folder:
        start = int((folder / "epoch").read_text())
    for epoch in range(start + 1, 6):
        with hpogrid.checkpoint() as folder:
            (folder / "epoch").write_text(str(epoch))
        hpogrid.report(loss=epoch, epoch=epoch, started_at=start)
        if epoch == 3 and not start:
            os.kill(int(os.environ['DRIVER']), 15)
            __import__("time").sleep(100)
"""
CLASS = """
import os
class train:
    def setup(self, config):
        self.epoch = self.start = 0
    def step(self):
        if self.epoch == 3 and not self.start:
            os.kill(int(os.environ['DRIVER']), 15)
            __import__("time").sleep(100)
        self.epoch += 1
        return {"loss": self.epoch, "epoch": self.epoch, "started_at": self.start}
    def save_checkpoint(self, folder):
        open(os.path.join(folder, "epoch"), "w").write(str(self.epoch))
    def load_checkpoint(self, folder):
        self.epoch = self.start = int(open(os.path.join(folder, "epoch")).read())
"""


@pytest.mark.parametrize("script", [FUNCTION, CLASS], ids=["function", "class"])
def test_an_interrupted_trial_goes_on_from_its_checkpoint(script: str) -> None:
    project = store_project(script, trials=1, stop={"training_iteration": 5})
    task, result, (interrupted,) = run_project(project)
    assert (result.state, interrupted.state) == ("interrupted", "interrupted")
    assert run_here(task, lambda run: None).state == "done"
    (trial,) = trials_of(task)
    assert (trial.id, trial.state, trial.attempt) == ("0-1", "complete", 2)
    assert trial.metrics == {"loss": 5, "epoch": 5, "started_at": 3}
    epochs = [(report.step, report.metrics["epoch"]) for report in trial.reports]
    assert epochs == [(step, step) for step in range(1, 6)]
    folder = task.job_folder(0) / "trials" / "0-1"
    assert list(checkpoint_steps(folder)) == [5]


@pytest.mark.parametrize(("policy", "left"), [("none", 0), ("best", 1), ("top 2", 2), ("last", 4)])
def test_policies_hold_over_attempts(policy: str, left: int) -> None:
    script = """
    import os, hpogrid
    def train(config):
        with hpogrid.checkpoint() as folder:
            (folder / "state").write_text("x")
        if config["x"] == 3 and not os.path.exists("seen"):
            open("seen", "w").close()
            os.kill(int(os.environ['DRIVER']), 15)
            __import__("time").sleep(100)
        return {"loss": config["x"]}
    """
    space = {"x": {"method": "categorical", "dimension": {"categories": [4, 3, 2, 1]}}}
    project = store_project(
        script, space=space, algorithm="grid", trials=4, keep_checkpoints=policy
    )
    task, result, _ = run_project(project)
    assert result.state == "interrupted"
    run_here(task, lambda run: None)
    trials = trials_of(task)
    kept = [t.metrics["loss"] for t in trials if checkpoint_steps(_folder(task, t))]
    assert sorted(kept) == [1, 2, 3, 4][:left]


def _folder(task: Any, trial: Trial) -> Path:
    folder: Path = task.job_folder(0) / "trials" / trial.id
    return folder


def test_a_resume_without_anything_left_does_nothing() -> None:
    task, _, trials = run_project(store_project(RETURNS, trials=2))
    result = run_here(task, lambda run: None)
    assert (result.state, result.finished, result.attempt) == ("done", 2, 2)
    assert trials_of(task) == trials


def test_the_result_of_a_running_job_is_left_alone() -> None:
    task = new_task(store_project(RETURNS, trials=2), site="local")
    writer = LedgerWriter(task.ledgers / ledger_name(0, 1))
    (task.job_folder(0) / "result.json").write_text("of the other")
    with pytest.raises(RunningAlready):
        run_here(task, lambda run: None)
    assert (task.job_folder(0) / "result.json").read_text() == "of the other"
    writer.close()
    assert os.listdir(task.ledgers) == [ledger_name(0, 1)]
