"""Checkpoints: whole or not there, and which of them stay."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

import hpogrid
from hpogrid.files import files_below
from hpogrid.trial import session
from hpogrid.trial.checkpoints import (
    Keeper,
    checkpoint_steps,
    go_back,
    keep_only,
    latest,
    saving,
    size,
)
from tests.trial.fake import FakeSession


def save(folder: Path, *steps: int) -> None:
    for step in steps:
        with saving(folder, step) as path:
            (path / "state").write_text(str(step))


def test_a_checkpoint_appears_when_it_is_whole(tmp_path: Path) -> None:
    with saving(tmp_path, 3) as folder:
        (folder / "state").write_text("x")
        assert latest(tmp_path) is None
    assert latest(tmp_path) == (3, tmp_path / "checkpoint_000003")
    with pytest.raises(ValueError), saving(tmp_path, 4):
        raise ValueError
    assert latest(tmp_path) == (3, tmp_path / "checkpoint_000003")
    save(tmp_path, 4)
    assert list(checkpoint_steps(tmp_path)) == [3, 4]


def test_a_step_can_be_saved_again(tmp_path: Path) -> None:
    save(tmp_path, 1)
    with saving(tmp_path, 1) as folder:
        (folder / "other").write_text("")
    assert [path.name for path in (tmp_path / "checkpoint_000001").iterdir()] == ["other"]


def test_the_newest_is_by_number(tmp_path: Path) -> None:
    save(tmp_path, 9, 10, 2, 1_000_000)
    (tmp_path / "checkpoint_0x").mkdir()
    assert latest(tmp_path) == (1_000_000, tmp_path / "checkpoint_1000000")
    keep_only(tmp_path, latest(tmp_path), latest(tmp_path, 9), None)
    assert list(checkpoint_steps(tmp_path)) == [9, 1_000_000]


def test_going_back_deletes_what_came_later(tmp_path: Path) -> None:
    assert go_back(tmp_path / "none", 5) is None
    save(tmp_path, 1, 2, 3)
    assert go_back(tmp_path, 2) == (2, tmp_path / "checkpoint_000002")
    assert list(checkpoint_steps(tmp_path)) == [1, 2]
    assert go_back(tmp_path, 0) is None


def test_the_public_functions(tmp_path: Path) -> None:
    current = FakeSession(tmp_path)
    session.set_current(current)
    try:
        with hpogrid.checkpoint() as folder:
            (folder / "state").write_text("1")
        hpogrid.report(loss=1)
        assert latest(current.folder) == (1, current.folder / "checkpoint_000001")
        assert hpogrid.get_checkpoint() is None
        current.restore = current.folder / "checkpoint_000001"
        assert hpogrid.get_checkpoint() == current.restore
    finally:
        session.set_current(None)


def run_trials(folder: Path, policy: str) -> dict[str, list[int]]:
    """Four trials of three steps each, the second fails; which checkpoints are left of each."""
    keeper = Keeper(folder, policy)
    for trial, loss in (("0-1", 3.0), ("0-2", None), ("0-3", 1.0), ("0-4", 2.0)):
        for step in (1, 2, 3):
            save(folder / trial, step)
            keeper.reported(trial)
        keeper.ended(trial, loss)
    return {trial: list(checkpoint_steps(folder / trial)) for trial in ("0-1", "0-2", "0-3", "0-4")}


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        ("all", [[1, 2, 3]] * 4),
        ("last", [[3]] * 4),
        ("none", [[]] * 4),
        ("best", [[], [], [3], []]),
        ("top 2", [[], [], [3], [3]]),
        ("top 9", [[3], [], [3], [3]]),
    ],
)
def test_policies(tmp_path: Path, policy: str, left: list[list[int]]) -> None:
    assert list(run_trials(tmp_path, policy).values()) == left


@pytest.mark.parametrize(
    ("policy", "left"),
    [("best", [2]), ("top 1", [2]), ("last", [5]), ("none", []), ("all", [1, 2, 3, 4, 5])],
)
def test_the_checkpoint_of_the_value_that_counts_stays(
    tmp_path: Path, policy: str, left: list[int]
) -> None:
    keeper = Keeper(tmp_path, policy)
    for step, counts in ((1, 1), (2, 2), (3, 2), (4, 2), (5, 2)):
        save(tmp_path / "0-1", step)
        keeper.reported("0-1", counts)
    assert latest(tmp_path / "0-1") == (5, tmp_path / "0-1/checkpoint_000005"), "to go on from"
    keeper.ended("0-1", 0.5, counts=2)
    assert list(checkpoint_steps(tmp_path / "0-1")) == left


def test_a_keeper_that_is_told_the_past_goes_on(tmp_path: Path) -> None:
    run_trials(tmp_path, "best")
    keeper = Keeper(tmp_path, "best")
    for trial, loss in (("0-1", 3.0), ("0-3", 1.0), ("0-4", 2.0)):
        keeper.ended(trial, loss)
    save(tmp_path / "0-5", 1)
    keeper.ended("0-5", 0.5)
    assert latest(tmp_path / "0-3") is None
    assert latest(tmp_path / "0-5") is not None


def test_the_size_of_what_is_taken_away_meanwhile(tmp_path: Path) -> None:
    """Who asks for the checkpoints of a job that runs sees files and folders go."""
    trial = tmp_path / "trials" / "0-1"
    with saving(trial, 1) as draft:
        (draft / "state").write_bytes(b"12345")
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            for number in range(20):
                (tmp_path / "trials" / f".spare{number}" / "work").mkdir(parents=True)
            for number in range(20):
                shutil.rmtree(tmp_path / "trials" / f".spare{number}")

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        assert {size(tmp_path) for _ in range(300)} == {5}
        assert {len(files_below(tmp_path)) for _ in range(300)} == {1}
    finally:
        stop.set()
        thread.join()
