"""What a study keeps of a trial that was cut off, and what a ledger may say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hpogrid.study.events import Closed, Ended, Event, Opened, Reported, Started
from hpogrid.study.ledger import LedgerReader, LedgerWriter, ledger_name, was_closed
from hpogrid.study.study import Copied, LedgerFolder, Source, Study, Trial, deaths, job_of


def started(time: float, attempt: int = 1, trial: str = "0-1", **more: Any) -> Started:
    return Started(time, trial=trial, seed=1, suggested={"x": 1}, attempt=attempt, **more)


def reported(time: float, step: int, trial: str = "0-1") -> Reported:
    return Reported(time, trial=trial, step=step, metrics={"loss": time})


def cut_off(time: float, trial: str = "0-1", **more: Any) -> Ended:
    return Ended(time, trial=trial, state="interrupted", **more)


def study_of(*events: Event) -> Study:
    study, source = Study(), Source()
    for event in events:
        study.apply(event, source)
    return study


def trial_of(*events: Event) -> Trial:
    return study_of(*events).trials["0-1"]


# --- time ----------------------------------------------------------------------------------


def test_the_time_of_all_attempts_is_counted_without_what_lay_between() -> None:
    trial = trial_of(started(100), cut_off(110), started(200, 2), Ended(205, "0-1", "complete"))
    assert (trial.before, trial.duration) == (10, 15)


def test_a_killed_attempt_took_as_long_as_is_known() -> None:
    """It left no end: its last report is the last that was heard of it."""
    killed = (started(100), reported(103, 1), reported(107, 2))
    trial = trial_of(*killed, started(200, 2), Ended(201, "0-1", "complete"))
    assert (trial.before, trial.duration) == (7, 8)
    assert trial_of(started(100), started(200, 2)).before == 0
    backwards = trial_of(started(100), reported(90, 1), started(200, 2))
    assert backwards.before == 0


def test_what_a_trial_waited_for_is_no_time_of_its_own() -> None:
    trial = trial_of(started(100), Ended(110, "0-1", "complete", prepared=4))
    assert (trial.started, trial.duration) == (104, 6)
    assert trial_of(started(100)).duration == 0


# --- going on ------------------------------------------------------------------------------


def test_what_came_after_the_checkpoint_is_void() -> None:
    before = (started(1), reported(2, 1), reported(3, 2), reported(4, 3), cut_off(5))
    assert [item.step for item in trial_of(*before, started(6, 2, from_step=2)).reports] == [1, 2]
    assert trial_of(*before, started(6, 2)).reports == ()


def test_a_job_that_dies_with_a_trial_is_counted_unless_it_came_further() -> None:
    first = started(1)
    again = (started(10, 2), started(20, 3))
    assert deaths(trial_of(first)) == 1
    assert deaths(trial_of(first, *again)) == 3
    further = trial_of(first, reported(2, 1), *again[:1])
    assert (further.deaths, further.reached) == (1, 1)
    assert deaths(trial_of(first, reported(2, 1), again[0], reported(11, 1))) == 2
    assert deaths(trial_of(first, reported(2, 1), again[0], reported(11, 1), reported(12, 2))) == 1
    ended = trial_of(first, cut_off(5))
    assert (ended.deaths, deaths(ended)) == (0, 0)
    kept = trial_of(first, again[0], cut_off(15), again[1])
    assert kept.deaths == 1


def test_who_goes_on_from_another_has_its_values_from_there_on() -> None:
    source = (started(1, trial="0-2"), reported(2, 1, "0-2"), reported(3, 2, "0-2"))
    mine = (started(1), reported(2, 1), cut_off(3, paused=True))
    trial = trial_of(*source, *mine, started(4, 2, from_step=2, parent="0-2"))
    assert (trial.parent, trial.changed_at) == ("0-2", 2)
    assert trial.copied == Copied({"x": 1}, {"x": 1}, {"loss": 3})
    later = trial_of(*source, *mine, started(4, 2, from_step=2, parent="0-2"), reported(5, 3),
                     cut_off(6), started(7, 3, from_step=3))  # fmt: skip
    assert (later.parent, later.changed_at, later.copied) == ("0-2", 2, trial.copied)
    anew = trial_of(*mine, started(4, 2))
    assert (anew.parent, anew.changed_at, anew.copied) == (None, 0, None)
    unknown = trial_of(*mine, started(4, 2, from_step=1, parent="0-9"))
    assert (unknown.parent, unknown.copied) == ("0-9", None)


def test_a_copy_of_a_copy_is_what_the_first_one_was() -> None:
    """Before its own values begin, a copy is the trial that it was copied from."""
    first = (started(1, trial="0-3"), reported(2, 1, "0-3"), reported(3, 2, "0-3"))
    second = (started(1, trial="0-2"), cut_off(2, "0-2"),
              started(4, 2, trial="0-2", from_step=2, parent="0-3"))  # fmt: skip
    mine = (started(1), cut_off(2), started(5, 2, from_step=2, parent="0-2"))
    assert trial_of(*first, *second, *mine).copied == Copied({"x": 1}, {"x": 1}, {"loss": 3})


def test_a_start_that_was_seen_and_one_that_is_older_change_nothing() -> None:
    trial = trial_of(started(1), started(2, 2), started(3, 1), started(4, 2))
    assert (trial.attempt, trial.started) == (2, 2)
    done = trial_of(started(1), Ended(2, "0-1", "failed"), started(3, 2), reported(4, 1))
    assert (done.state, done.attempt, done.reports) == ("failed", 1, ())


def test_of_two_ends_that_were_read_first_the_final_one_stays() -> None:
    final, early = Ended(9, "0-1", "complete", metrics={"loss": 1}), cut_off(5)
    for order in ((final, early), (early, final)):
        assert trial_of(*order, started(1)).state == "complete"


@pytest.mark.parametrize(
    ("name", "job"), [("12-3", 12), ("7", 7), ("x-1", 0), ("9" * 18 + "-1", 10**18 - 1),
                      ("9" * 19 + "-1", 0), ("-1", 0)],
)  # fmt: skip
def test_the_job_of_a_trial(name: str, job: int) -> None:
    assert job_of(name) == job


# --- jobs ----------------------------------------------------------------------------------


def opened(job: int, attempt: int = 1, **more: Any) -> Opened:
    return Opened(1, job, attempt, "h", pid=1, version="2", project="p", seed=1, **more)


def test_a_search_is_over_when_all_its_jobs_say_so() -> None:
    study = Study()
    one, two = Source(), Source()
    for source, job in ((one, 0), (two, 1)):
        study.apply(opened(job), source)
    study.apply(Closed(2, "the target was reached", over=True), one)
    assert (study.is_over({0}), study.is_over({0, 1})) == (True, False)
    study.apply(Closed(2, "the time is up"), two)
    assert not study.is_over({1})
    study.apply(opened(0, 2), Source())
    assert not study.is_over({0})  # it began again


def test_no_more_of_a_file_is_read_than_its_successor_went_on_from(tmp_path: Path) -> None:
    path = tmp_path / ledger_name(0, 1)
    writer = LedgerWriter(path)
    writer.write(opened(0), started(1))
    whole = path.stat().st_size
    writer.write(started(2, trial="0-2"))
    writer.close()
    writer.close()  # twice is no error
    folder = LedgerFolder(tmp_path)
    assert folder.offsets(0) == {}
    for read in (whole, whole + 10**6):
        later = LedgerWriter(tmp_path / ledger_name(0, 2 if read == whole else 3))
        later.write(opened(0, 2, read={1: read}))
        later.close()
    folder.poll()
    assert list(folder.study.trials) == ["0-1"]
    assert folder.offsets(0)[1] == whole
    reader = LedgerReader(path)
    reader.limit = whole
    assert len(list(reader.read())) == 2
    assert list(reader.read()) == []
    reader.limit = 3  # a limit that lies before what was read changes nothing any more
    assert list(reader.read()) == []
    assert (reader.torn, reader.damaged, reader.offset) == (False, 0, whole)


def test_how_a_ledger_ends_is_seen_in_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / ledger_name(0, 1)
    writer = LedgerWriter(path)
    writer.write(opened(0), *(started(1, trial=f"0-{n}") for n in range(100)))
    assert not was_closed(path)
    writer.write(Closed(2, "x" * 3000))
    assert was_closed(path)
    writer.close()


def test_the_umask_rules_who_may_read_a_ledger(tmp_path: Path) -> None:
    for mask in (0, 0o027):
        before = os.umask(mask)
        try:
            writer = LedgerWriter(tmp_path / f"{mask}.jsonl")
        finally:
            os.umask(before)
        assert writer.path.stat().st_mode & 0o777 == 0o666 & ~mask
        writer.close()


# --- what a line may say -------------------------------------------------------------------


@pytest.mark.parametrize(("time", "fits"), [(0, True), (2**37 - 1, True), (-1, False),
                                            (-0.001, False), (2**37, False)])  # fmt: skip
def test_a_time_is_one_that_a_calendar_can_say(time: float, fits: bool) -> None:
    line = msgspec.json.encode({"event": "close", "time": time, "reason": "r"})
    if fits:
        assert msgspec.json.decode(line, type=Event) == Closed(time, "r")
    else:
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(line, type=Event)


def test_what_a_line_leaves_out_has_its_usual_meaning() -> None:
    """Ledgers are read by later releases: a default that changed would change what they say."""
    events: list[Event] = [
        msgspec.json.decode(line, type=Event)
        for line in (
            b'{"event":"start","time":1,"trial":"0-1","seed":1,"suggested":{"x":1}}',
            b'{"event":"end","time":2,"trial":"0-1","state":"complete"}',
            b'{"event":"close","time":3,"reason":"r"}',
        )
    ]
    assert events == [
        Started(1, "0-1", 1, {"x": 1}, None, 1, 0, None, None),
        Ended(2, "0-1", "complete", {}, 1, None, 0, False),
        Closed(3, "r", False),
    ]
    assert b"".join(map(msgspec.json.encode, events)).count(b":") == 5 + 1 + 4 + 3
