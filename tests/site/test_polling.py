"""How often a scheduler is asked."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

import pytest

from hpogrid.site.batchsystem import Member, MemberState
from hpogrid.site.polling import Poll, Told

MEMBER = ("7", 1)


class Scheduler:
    """Answers, counts how often it is asked, and has a clock."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.asked, self.state = 1000.0, list[float](), "queued"
        monkeypatch.setattr(time, "time", lambda: self.now)
        self.poll = Poll(path, self.answer)

    def answer(self, members: Collection[Member]) -> Told:
        self.asked.append(self.now)
        return Told(dict.fromkeys(members, MemberState("queued", self.state)))

    def watch(self, seconds: float) -> list[float]:
        """Look ten times a second; the seconds between two questions."""
        self.asked.clear()
        for _ in range(int(seconds * 10)):
            self.now += 0.1
            self.poll.look([MEMBER])
        return [b - a for a, b in zip(self.asked, self.asked[1:], strict=False)]


@pytest.fixture
def scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scheduler:
    return Scheduler(tmp_path / "poll.json", monkeypatch)


def test_it_is_asked_less_and_less_but_every_half_minute(scheduler: Scheduler) -> None:
    gaps = scheduler.watch(400)
    assert gaps[:3] == pytest.approx([1.0, 1.5, 2.25], abs=0.2)
    assert gaps == sorted(gaps)
    assert gaps[-3:] == pytest.approx([30.0] * 3, abs=0.2)


def test_news_make_it_worth_asking_again(scheduler: Scheduler) -> None:
    scheduler.watch(400)
    scheduler.state = "it is next"
    assert scheduler.watch(60)[:2] == pytest.approx([1.0, 1.5], abs=0.2)


def test_other_members_and_a_clock_that_went_back_are_asked_about(scheduler: Scheduler) -> None:
    scheduler.watch(100)
    scheduler.asked.clear()
    scheduler.poll.look([MEMBER, ("7", 2)])
    assert scheduler.asked == []  # of the same array: it was in that answer
    scheduler.poll.look([("8", 1)])
    scheduler.now -= 500
    scheduler.poll.look([("8", 1)])
    assert len(scheduler.asked) == 2
    scheduler.poll.forget()
    scheduler.poll.look([("8", 1)])
    assert len(scheduler.asked) == 3
