"""Merging ledgers: in any order, cut anywhere, no finished trial is lost or counted twice."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpogrid.study.events import FINISHED, Ended, Event, Opened, Reported, Started
from hpogrid.study.ledger import LedgerReader, LedgerWriter, ledger_name
from hpogrid.study.study import LedgerFolder, Source, Study, Trial, read_study


def opened(job: int, attempt: int) -> Opened:
    return Opened(
        1.0, job=job, attempt=attempt, host=f"h{job}", pid=1, version="2", project="p", seed=1
    )


def write(folder: Path, job: int, attempt: int, *events: Event) -> Path:
    writer = LedgerWriter(folder / ledger_name(job, attempt))
    writer.write(opened(job, attempt), *events)
    writer.close()
    return writer.path


def started(trial: str, attempt: int = 1, **more: Any) -> Started:
    return Started(float(attempt), trial=trial, seed=1, suggested={"x": 1}, attempt=attempt, **more)


def ended(trial: str, state: Any = "complete", **more: Any) -> Ended:
    return Ended(9.0, trial=trial, state=state, metrics={"loss": 1.0}, **more)


# --- the life of a trial ---------------------------------------------------------------------


def test_a_trial_from_start_to_end(tmp_path: Path) -> None:
    write(
        tmp_path, 3, 1,
        Started(2.0, trial="3-1", seed=5, suggested={"x": 1}, applied={"x": 2}),
        Reported(3.0, trial="3-1", step=1, metrics={"loss": 2.0}),
        Reported(4.0, trial="3-1", step=2, metrics={"loss": 1.0}),
        ended("3-1", "pruned", reason="worse", steps=2),
    )  # fmt: skip
    study, warnings = read_study(tmp_path)
    (trial,) = study
    assert warnings == []
    assert (trial.id, trial.state, trial.job, trial.host, trial.seed) == (
        "3-1",
        "pruned",
        3,
        "h3",
        5,
    )
    assert (trial.suggested, trial.applied) == ({"x": 1}, {"x": 2})
    assert (trial.metrics, trial.reason, trial.duration) == ({"loss": 1.0}, "worse", 7.0)
    assert [(report.step, report.metrics["loss"]) for report in trial.reports] == [
        (1, 2.0),
        (2, 1.0),
    ]
    assert study.finished == [trial]


def test_an_interrupted_trial_goes_on_after_its_checkpoint(tmp_path: Path) -> None:
    reports = [Reported(2.0 + n, trial="0-1", step=n, metrics={"loss": n}) for n in (1, 2, 3)]
    write(tmp_path, 0, 1, started("0-1"), *reports, ended("0-1", "interrupted"))
    write(tmp_path, 0, 2, started("0-1", 2, from_step=2))
    (trial,) = read_study(tmp_path)[0]
    assert (trial.state, trial.attempt) == ("running", 2)
    assert [report.step for report in trial.reports] == [1, 2]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_late_end_does_not_change_a_finished_trial(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    files: dict[int, list[Event]] = {
        1: [opened(0, 1), started("0-1"), ended("0-1", "interrupted")],
        2: [opened(0, 2), started("0-1", 2), ended("0-1"), ended("0-1", "failed", reason="late")],
    }
    study = Study()
    for number in order:
        source = Source()
        for event in files[number]:
            study.apply(event, source)
    (trial,) = study
    assert (trial.state, trial.reason) == ("complete", None)
    assert len(study.finished) == 1


def test_the_job_is_in_the_id_of_a_trial(tmp_path: Path) -> None:
    path = write(tmp_path, 2, 1, started("2-1"), ended("2-1"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"damaged\n" + b"".join(lines[1:]))
    study, warnings = read_study(tmp_path)
    assert [trial.job for trial in study] == [2]
    assert warnings == ["job-0002.001.jsonl: 1 damaged lines skipped"]
    assert study.last_number(2) == 1


def test_an_end_without_a_start_is_no_trial_but_keeps_its_number(tmp_path: Path) -> None:
    path = write(tmp_path, 0, 1, started("0-1"), ended("0-1"), started("0-2"), ended("0-2"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"damaged\n", lines[4]]))
    study, _ = read_study(tmp_path)
    assert [trial.id for trial in study] == ["0-1"]
    assert study.last_number(0) == 2, "its number is not given to another trial"
    assert study.last_number(1) == 0


def test_torn_and_damaged_files_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, 0, 1, started("0-1"), ended("0-1"))
    path.write_bytes(path.read_bytes()[:-5])
    (tmp_path / ledger_name(1, 1)).write_bytes(b"x\ny\n")
    study, warnings = read_study(tmp_path)
    assert warnings == [
        "job-0000.001.jsonl: the last line is torn (its writer was killed); skipped",
        "job-0001.001.jsonl: 2 damaged lines skipped",
    ]
    assert [trial.state for trial in study] == ["running"]


def test_a_folder_is_followed_as_it_grows(tmp_path: Path) -> None:
    folder = LedgerFolder(tmp_path / "ledger")
    assert folder.poll() == []
    own = LedgerWriter(folder.folder / ledger_name(0, 1))
    folder.ignore(own.path)
    own.write(started("0-1"))
    other = LedgerWriter(folder.folder / ledger_name(1, 1))
    other.write(opened(1, 1), started("1-1"))
    assert [trial.id for trial in folder.poll()] == ["1-1"]
    other.write(ended("1-1"))
    assert [(trial.id, trial.state) for trial in folder.poll()] == [("1-1", "complete")]
    assert folder.poll() == []
    own.close()
    other.close()


# --- any order, any cut ------------------------------------------------------------------------


class _Job:
    """Writes what a job would that is killed at random and then started again."""

    def __init__(self, folder: Path, job: int, rng: random.Random) -> None:
        self.folder, self.job, self.rng = folder, job, rng
        self.number = 0

    def run(self, attempt: int, trials: int) -> None:
        known = read_study(self.folder)[0]
        again = [trial for trial in known if trial.job == self.job and not trial.finished]
        self.number = known.last_number(self.job)
        events: list[Event] = []
        for _ in range(trials):
            events += self.one(again.pop(0) if again else None)
        self.shuffle(events)
        path = write(self.folder, self.job, attempt, *events)
        data = path.read_bytes()
        path.write_bytes(data[: self.rng.randint(0, len(data))])  # a machine that lost its power

    def one(self, trial: Trial | None) -> list[Event]:
        if trial is None:
            self.number += 1
        name = trial.id if trial else f"{self.job}-{self.number}"
        events: list[Event] = [started(name, trial.attempt + 1 if trial else 1)]
        steps = self.rng.randint(0, 3)
        events += [Reported(2.0, trial=name, step=n + 1, metrics={"loss": n}) for n in range(steps)]
        state: Any = self.rng.choice([*FINISHED, "interrupted", None])
        if state:
            events.append(Ended(3.0, trial=name, state=state, metrics={"loss": self.rng.random()}))
        return events

    def shuffle(self, events: list[Event]) -> None:
        """Trials that run at once write in turns; each in its own order."""
        lanes: dict[str, list[Event]] = {}
        for event in events:
            assert not isinstance(event, Opened)
            lanes.setdefault(getattr(event, "trial"), []).append(event)  # noqa: B009
        events.clear()
        while lanes:
            name = self.rng.choice(list(lanes))
            events.append(lanes[name].pop(0))
            if not lanes[name]:
                del lanes[name]


def what_finished(folder: Path) -> dict[str, Any]:
    """The results that stand in the files, found in the simplest way there is."""
    starts, results = set(), {}
    for path in sorted(folder.glob("*.jsonl")):
        for event in LedgerReader(path).read():
            if isinstance(event, Started):
                starts.add(event.trial)
            if isinstance(event, Ended) and event.state in FINISHED:
                assert event.trial not in results, "the test itself finished a trial twice"
                results[event.trial] = event.metrics
    return {trial: metrics for trial, metrics in results.items() if trial in starts}


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), jobs=st.integers(1, 3), attempts=st.integers(1, 4))
def test_any_order_and_any_cut(seed: int, jobs: int, attempts: int) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for attempt in range(1, attempts + 1):
            for job in range(jobs):
                _Job(folder, job, rng).run(attempt, rng.randint(0, 5))
        expected = what_finished(folder)
        study, _ = read_study(folder)
        assert {trial.id: trial.metrics for trial in study.finished} == expected

        paths = list(folder.glob("*.jsonl"))
        for _ in range(3):
            rng.shuffle(paths)
            merged = Study()
            for path in paths:
                source = Source()
                for event in LedgerReader(path).read():
                    merged.apply(event, source)
            assert {trial.id: trial.metrics for trial in merged.finished} == expected
            assert {trial.id for trial in merged} == {trial.id for trial in study}

        for path in paths:  # whatever else is lost, what is left is read
            data = path.read_bytes()
            path.write_bytes(data[: rng.randint(0, len(data))])
        left, _ = read_study(folder)
        assert {trial.id: trial.metrics for trial in left.finished} == what_finished(folder)


def test_copies_of_a_ledger_change_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, 0, 1, started("0-1"), ended("0-1"), started("0-2"))
    before = msgspec.to_builtins(list(read_study(tmp_path)[0]))
    (tmp_path / "job-0000.001.copy.jsonl").write_bytes(path.read_bytes())
    assert msgspec.to_builtins(list(read_study(tmp_path)[0])) == before
