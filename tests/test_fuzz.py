"""A short look by the fuzzer; ``python -m tests.fuzz`` takes as long as it is told."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from hypothesis import strategies as st

from tests import fuzz


@pytest.mark.parametrize("name", fuzz.PROPERTIES)
def test_everything_is_read_or_refused(name: str) -> None:
    seen: Counter[str] = Counter()
    fuzz.run(name, 15, seen)
    assert seen[name] >= 10


def test_what_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(drawn: Any) -> None:
        assert drawn < 50

    monkeypatch.setitem(fuzz.PROPERTIES, "wrong", fuzz.Property(st.integers(0, 100), wrong))
    with pytest.raises(AssertionError):
        fuzz.run("wrong", 200, Counter())


def test_the_command() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--seconds", "0.2", "--only", "metric_regex"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer
    assert answer.stdout.endswith("0 failed\n")
