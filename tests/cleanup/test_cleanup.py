"""Making room: what stays by which policy, links, and that nothing is lost."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from hpogrid.cleanup.links import trail
from hpogrid.cleanup.policy import Candidate, newest
from hpogrid.cleanup.targets import carry_out, find_targets, make_plan, undo
from hpogrid.cleanup.trash import TRASH
from hpogrid.report.results import Objective
from hpogrid.site.tasks import Task
from hpogrid.space.value import as_number
from hpogrid.study.events import Started
from hpogrid.study.ledger import LedgerWriter, ledger_name
from tests.commands import hpogrid, ok, parsed, refused
from tests.projects import CHOICES, run_project, store_project

BLEU = ("--metric", "bleu-val", "--mode", "max")


def model(folder: Path, bleu: float, best: int = 2, link: str = "params.0000{}") -> None:
    """A model as a translation toolkit leaves it, of which nothing has changed for a day."""
    folder.mkdir(parents=True)
    lines = [f"{n}\tbleu-val={bleu - abs(n - best)}\ttime-elapsed={n}" for n in (1, 2, 3)]
    (folder / "metrics").write_text("\n".join(lines) + "\n")
    (folder / "hyperparams.txt").write_text("workdir=models\nlr=0.1\n")
    (folder / "train.log").write_text("text")
    (folder / "vocab.json").write_text("{}")
    for number in (1, 2, 3, 10):
        (folder / f"params.{number:05d}").write_bytes(b"x" * 100 * number)
    (folder / "params.best").symlink_to(link.format(best))
    age(folder)


def age(folder: Path) -> None:
    then = time.time() - 86400
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (then, then), follow_symlinks=False)


def names(folder: Path) -> set[str]:
    """What is there, without the trash."""
    return {
        str(path.relative_to(folder)) for path in folder.rglob("*") if TRASH not in path.parts
    } - {TRASH}


RECORDS = {"metrics", "hyperparams.txt", "train.log"}
ALL = RECORDS | {"vocab.json", "params.best", *(f"params.{n:05d}" for n in (1, 2, 3, 10))}


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three models; the best one is 2, and its best checkpoint is an absolute link."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "models"
    model(folder / "1", 20)
    model(folder / "2", 30, link=f"{folder}/2/params.0000{{}}")
    model(folder / "3", 10)
    return folder


@pytest.mark.parametrize(
    ("policy", "kept"), [("best", "2"), ("top 2", "12"), ("top 9", "123"), ("last", "123")]
)
def test_policies_over_models_of_another_tool(policy: str, kept: str, models: Path) -> None:
    ok("cleanup", "models", "--keep", policy, "--yes", *BLEU)
    for name in "123":
        stays = {"vocab.json", "params.best", "params.00002", "params.00010"}
        assert names(models / name) == RECORDS | (stays if name in kept else set())
    ok("cleanup", "models", "--undo")
    assert all(names(models / name) == ALL for name in "123")
    assert not (models / TRASH).exists()


def test_a_dry_run_is_the_default(models: Path) -> None:
    size = sum((models / name / "params.best").lstat().st_size for name in "123")
    told = hpogrid("cleanup", "models", "--keep", "none")
    assert f"would move 18 things, {(3 * 1602 + size) / 1000:.3g} kB" in told.err
    assert "params.00010" in told.out
    assert not (models / TRASH).exists()
    ok("cleanup", "models", "--keep", "none", "--yes", "--dry_run")
    assert names(models / "1") == ALL
    words = ("--keep", "none", "--only", "checkpoints", "--format", "json")
    rows = parsed("cleanup", "models", *words)
    assert {row["kind"] for row in rows} == {"checkpoint"}
    assert sum(row["size"] for row in rows) == 3 * (1600 - 200)  # params.best leads to one


def test_purge_is_for_good(models: Path) -> None:
    ok("cleanup", "models", "--keep", "none", "--yes")
    told = hpogrid("cleanup", "models", "--purge")
    assert "would delete 18 things" in told.err
    assert len(list((models / TRASH).rglob("items/*"))) == 18
    assert "deleted 18 things" in hpogrid("cleanup", "models", "--purge", "--yes").err
    assert not (models / TRASH).exists()
    assert "brought back 0 things" in hpogrid("cleanup", "models", "--undo").err
    assert names(models / "1") == RECORDS


def test_nothing_goes_that_a_link_leads_to(models: Path, tmp_path: Path) -> None:
    """From one model to another, by a chain, by a folder, and from outside of any model."""
    (models / "1" / "deep").mkdir()
    (models / "1" / "deep" / "weights").write_text("w")
    (models / "3" / "chain").symlink_to("../1/deep")
    (models / "2" / "teacher").symlink_to(models / "3" / "chain" / "weights")
    (models / "3" / "hidden").mkdir()
    (models / "3" / "hidden" / "next").symlink_to("../../1/params.00001")
    (models / "release").symlink_to("3/hidden")
    (models / "outside").symlink_to(tmp_path)  # to all of it: that says nothing
    for name in "123":
        age(models / name)
    told = hpogrid("cleanup", "models", "--yes", *BLEU)
    assert "because links lead there, these stay: models/1/deep, models/1/params.0000" in told.err
    assert names(models / "1") == RECORDS | {"deep", "deep/weights", "params.00001"}
    assert names(models / "3") == RECORDS | {"chain", "hidden", "hidden/next"}
    assert (models / "2" / "teacher").read_text() == "w"
    assert (models / "2" / "params.best").stat().st_size == 200


def test_the_way_of_a_link(tmp_path: Path) -> None:
    real = tmp_path.resolve()
    (real / "a").mkdir()
    (real / "a" / "up").symlink_to("../b")
    (real / "b").symlink_to(f"{real}/c/./x/..")
    (real / "c").mkdir()
    assert list(trail(f"{real}/a/up/end")) == [f"{real}/a/up", f"{real}/b", f"{real}/c/end"]
    (real / "round").symlink_to("round")
    assert len(list(trail(f"{real}/round"))) == 41


def test_a_model_that_is_trained_is_left_alone(models: Path) -> None:
    (models / "1" / "metrics").touch()
    with (models / "3" / "params.00001").open():
        told = hpogrid("cleanup", "models", "--keep", "none", "--yes")
    assert "left alone, because they run or will go on: 1, 3" in told.err
    assert names(models / "1") == names(models / "3") == ALL
    assert names(models / "2") == RECORDS


def test_newest_by_all_numbers_of_a_name() -> None:
    files = ["epoch=9-step=90.ckpt", "epoch=10-step=10.ckpt", "model2_5.pt", "model2_40.pt"]
    found = [Candidate("t", Path("m", name), "checkpoint", 1) for name in files]
    assert newest(found) == {Path("m/epoch=10-step=10.ckpt"), Path("m/model2_40.pt")}


def test_what_is_there_again_is_not_overwritten(models: Path) -> None:
    ok("cleanup", "models", "--keep", "none", "--yes")
    (models / "1" / "params.00001").write_text("new")
    told = hpogrid("cleanup", "models", "--undo")
    assert told.code == 1
    assert "params.00001 is there again; the old one stays in" in told.err
    assert (models / "1" / "params.00001").read_text() == "new"
    (models / "1" / "params.00001").unlink()
    assert "brought back 1 things" in hpogrid("cleanup", "models", "--undo").err
    assert all(names(models / name) == ALL for name in "123")


# --- kill -9 -------------------------------------------------------------------------------


def clean_and_die(folder: Path, after: int) -> None:
    """Clean, and be killed at one of the moves."""
    rename, done = Path.rename, [0]

    def counted(self: Path, target: Any) -> Path:
        if done[0] == after:
            os.kill(os.getpid(), signal.SIGKILL)
        done[0] += 1
        return rename(self, target)

    Path.rename = counted  # type: ignore[method-assign, assignment]
    targets = find_targets(str(folder), ids=None, objectives=[Objective("bleu-val", "max")], idle=0)
    carry_out(targets, make_plan(targets, "none", ["checkpoint", "output"]))


@pytest.mark.parametrize("after", [0, 1, 9, 17])
def test_a_kill_in_the_middle_loses_nothing(after: int, models: Path) -> None:
    before = {path: path.lstat().st_size for path in models.rglob("*") if not path.is_dir()}
    killed = multiprocessing.get_context("fork").Process(target=clean_and_die, args=(models, after))
    killed.start()
    killed.join(20)
    assert killed.exitcode == -signal.SIGKILL
    ok("cleanup", "models", "--keep", "none", "--yes", "--idle", "0")  # goes on
    assert names(models / "1") == RECORDS
    ok("cleanup", "models", "--undo")
    ok("cleanup", "models", "--undo")
    after_all = {path: path.lstat().st_size for path in before if os.path.lexists(path)}
    assert after_all == before


# --- one owner -----------------------------------------------------------------------------


def clean(folder: Path, kind: Any, go: Any) -> None:
    """Clean one kind of things as soon as all others are ready to do the same."""
    targets = find_targets(str(folder), ids=None, objectives=[Objective("bleu-val", "max")], idle=0)
    plan = make_plan(targets, "none", [kind])
    go.wait(20)
    carry_out(targets, plan)


def bring_back(folder: Path, kind: Any, go: Any) -> None:
    targets = find_targets(str(folder), ids=None, objectives=[Objective("bleu-val", "max")], idle=0)
    go.wait(20)
    undo(targets)


def at_once(folder: Path, *whats: tuple[Any, str]) -> None:
    """Do all of it in processes that begin at the same moment."""
    context = multiprocessing.get_context("fork")
    go = context.Barrier(len(whats))
    running = [context.Process(target=what, args=(folder, kind, go)) for what, kind in whats]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0] * len(whats)


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and TRASH not in path.parts)
    return {str(path): path.read_text() for path in files}


def test_cleanups_and_undos_at_once_lose_nothing(models: Path) -> None:
    for path in models.glob("?/params.0*"):
        path.write_text(str(path))
    before = contents(models)
    for _ in range(4):
        at_once(models, (clean, "checkpoint"), (clean, "output"), (clean, "checkpoint"))
        at_once(models, (bring_back, ""), (clean, "output"), (bring_back, ""), (bring_back, ""))
        for _ in range(3):
            hpogrid("cleanup", "models", "--undo")
        assert contents(models) == before
        assert not (models / TRASH).exists()


def test_a_place_that_is_taken_does_not_hold_up_what_went_before(models: Path) -> None:
    (models / "1" / "out").mkdir()
    (models / "1" / "out" / "text").write_text("old")
    age(models / "1")
    for kind in ("checkpoints", "outputs"):
        ok("cleanup", "models", "--keep", "none", "--only", kind, "--yes", "--idle", "0")
    for name in "123":
        (models / name / "vocab.json").write_text("new")
        (models / name / "params.best").write_text("new")
    (models / "1" / "out").write_text("a file")
    told = hpogrid("cleanup", "models", "--undo")
    assert (told.code, told.err.count("is there again")) == (1, 7)
    assert "brought back 9 things" in told.err
    assert (models / "1" / "out").read_text() == "a file"
    (models / "1" / "out").unlink()
    assert "brought back 1 things" in hpogrid("cleanup", "models", "--undo").err
    assert (models / "1" / "out" / "text").read_text() == "old"
    assert (models / "1" / "vocab.json").read_text() == "new"


def test_a_file_that_a_kill_left_in_both_places_is_brought_back_once(models: Path) -> None:
    ok("cleanup", "models", "--keep", "none", "--only", "outputs", "--yes")
    stored = next((models / TRASH).glob("*/items/1"))
    os.link(stored, models / "1" / "vocab.json", follow_symlinks=False)
    ok("cleanup", "models", "--undo")
    assert all(names(models / name) == ALL for name in "123")
    assert not (models / TRASH).exists()


# --- tasks ---------------------------------------------------------------------------------

SCRIPT = """
    import hpogrid
    def train(config):
        for step in (1, 2):
            with hpogrid.checkpoint() as folder:
                (folder / "state").write_text(str(config["x"]) * 1000)
            hpogrid.report(loss=config["x"] / step)
    """


def checkpoints(task: Task) -> dict[str, list[str]]:
    folder = task.job_folder(0) / "trials"
    return {trial.name: sorted(path.name for path in trial.iterdir()) for trial in folder.iterdir()}


def run_with_checkpoints() -> tuple[Task, dict[int, str]]:
    """A task with four trials of two checkpoints each; their names by their value."""
    settings: dict[str, Any] = {"space": CHOICES, "trials": 4, "algorithm": "grid"}
    task, _, trials = run_project(store_project(SCRIPT, keep_checkpoints="all", **settings))
    assert all(len(found) == 2 for found in checkpoints(task).values())
    return task, {int(as_number(trial.applied["x"])): trial.id for trial in trials}


@pytest.mark.parametrize(("policy", "kept"), [("best", [1]), ("top 2", [1, 2]), ("none", [])])
def test_policies_over_the_trials_of_a_project(policy: str, kept: list[int]) -> None:
    task, trials = run_with_checkpoints()
    ok("cleanup", "p", "--keep", policy, "--yes")
    for value, name in trials.items():
        assert checkpoints(task)[name] == (["checkpoint_000002"] if value in kept else [])
    assert len(parsed("report", "p", "--format", "json")) == 4
    ok("cleanup", "p", "--undo")
    assert all(len(found) == 2 for found in checkpoints(task).values())


def test_the_best_of_all_tasks_and_undo_of_all(tmp_path: Path) -> None:
    first, _ = run_with_checkpoints()
    second = run_project(store_project(SCRIPT, name="q", keep_checkpoints="all", space=CHOICES,
                                       trials=4, algorithm="grid"))[0]  # fmt: skip
    second.project = "p"
    second.save()
    ok("cleanup", "p", "--range", "2", "--keep", "last", "--yes")
    ok("cleanup", "p", "--yes")
    left = [
        name for task in (first, second) for found in checkpoints(task).values() for name in found
    ]
    assert left == ["checkpoint_000002"]
    ok("cleanup", "p", "--undo")
    assert all(len(found) == 2 for found in checkpoints(first).values())
    assert all(len(found) == 1 for found in checkpoints(second).values())
    ok("cleanup", "p", "--undo")
    assert all(len(found) == 2 for found in checkpoints(second).values())


def test_a_trial_that_will_go_on_is_left_alone() -> None:
    task, _ = run_with_checkpoints()
    writer = LedgerWriter(task.ledgers / ledger_name(0, 2))
    writer.write(Started(time=time.time(), trial="0-9", seed=1, suggested={"x": 1}))
    writer.close()
    shutil.copytree(task.job_folder(0) / "trials" / "0-1", task.job_folder(0) / "trials" / "0-9")
    told = hpogrid("cleanup", "p", "--keep", "none", "--yes")
    assert "left alone, because they run or will go on: 1/0-9" in told.err
    assert checkpoints(task) == {
        "0-9": ["checkpoint_000001", "checkpoint_000002"],
        "0-1": [],
        "0-2": [],
        "0-3": [],
        "0-4": [],
    }


def test_refusals(models: Path, tmp_path: Path) -> None:
    assert "'all' is no policy; write best, last, 'top 3', or none" in refused(
        "cleanup", "models", "--keep", "all"
    )
    assert "no folder nosuch, and unknown project" in refused("cleanup", "nosuch")
    (tmp_path / "empty").mkdir()
    assert "holds no models" in refused("cleanup", "empty")
    assert "--undo and --purge do not go together" in refused(
        "cleanup", "models", "--undo", "--purge"
    )
    assert "give --metric and --mode together" in refused("cleanup", "models", "--metric", "x")
