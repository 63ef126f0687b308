"""The metrics in what a program prints."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.errors import UserError
from hpogrid.trial.output import Output
from hpogrid.trial.placeholders import metric_patterns

LOSS = r"loss: (\S+)"
BOTH = r'{"loss": "loss: (\\S+)", "acc": "acc: (\\S+)"}'
EPOCHS = r'{"epoch": "epoch (\\d+)", "loss": "loss: (\\S+)", "acc": "acc: (\\S+)"}'


def reports(text: str, regex: str, resource: str = "", size: int = 1000) -> list[dict[str, Any]]:
    """What a program reports that prints a text, read in pieces."""
    output = Output(metric_patterns(regex, "loss"), resource)
    data = text.encode()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    found = [item for piece in pieces for item in output.reports(output.decoded(piece))]
    return found + list(output.finish())


@pytest.mark.parametrize(
    ("text", "losses"),
    [
        ("loss: 3\nloss: 2\n", [3, 2]),
        ("loss: 3\r\nloss: 2\r\n", [3, 2]),
        ("loss: 3 then loss: 2\n", [2]),
        ("\rloss: 9\rloss: 8\n\rloss: 7\rloss: 6", [8, 6]),
        ("loss: 9\rloss: 8\r\n", [8]),
        ("loss: 9\r          \r\n", [9]),
        ("loss: nothing\nloss: 1", [1]),
        ("größe \N{SNOWMAN} loss: 1\n", [1]),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_lines(text: str, losses: list[float], size: int) -> None:
    assert [found["loss"] for found in reports(text, LOSS, size=size)] == losses


def test_a_long_line_takes_no_longer_than_short_ones() -> None:
    text = "x" * 3_000_000 + " loss: 1\nloss: 2\r" + "\r" * 1_000_000 + "loss: 3"
    start = time.process_time()
    assert reports(text, LOSS, size=1 << 16) == [{"loss": 1}, {"loss": 3}]
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "regex", [r".*loss: (\d)", r".*?loss: (\d)", r".*(\d*)", r"(?i).*LOSS: (\d)"]
)
def test_a_pattern_that_begins_with_anything(regex: str) -> None:
    lines = ["loss: 1 loss: 2 x", "loss: 3", "", "none", "4"]
    wanted = [list(re.compile(regex).finditer(line)) for line in lines]
    last = [float(found[-1][1]) for found in wanted if found and found[-1][1]]
    assert [found["loss"] for found in reports("\n".join(lines), regex)] == last
    start = time.process_time()
    reports("x" * 200_000 + "\n", regex)
    assert time.process_time() - start < 2


def test_the_group_that_matched_counts() -> None:
    assert reports("val=2\n", r"loss=(\d+)|val=(\d+)") == [{"loss": 2.0}]


def test_several_metrics_of_a_step_are_one_report() -> None:
    text = "loss: 3\nacc: 0.1\nloss: 2\nacc: 0.2\n"
    assert reports(text, BOTH) == [{"loss": 3, "acc": 0.1}, {"loss": 2, "acc": 0.2}]
    text = "loss: 3\nloss: 2\nloss: 1\nacc: 0.2\n"
    assert reports(text, BOTH) == [{"loss": 3}, {"loss": 2}, {"loss": 1, "acc": 0.2}]


def test_the_resource_says_which_step_it_is() -> None:
    text = "epoch 1 loss: 3\nepoch 1 loss: 2\nepoch 2 loss: 1\nepoch 2 acc: 0.5\n"
    last = {"epoch": 2, "loss": 1, "acc": 0.5}
    assert reports(text, EPOCHS, "epoch") == [{"epoch": 1, "loss": 2}, last]
    bar = "\repoch 1 loss: 3\repoch 1 loss: 2\repoch 2 loss: 1"
    assert reports(bar, EPOCHS, "epoch") == [{"epoch": 1, "loss": 2}, {"epoch": 2, "loss": 1}]


@given(st.text("loss: 123ac\r\n", max_size=60), st.integers(1, 9))
def test_it_does_not_matter_how_it_comes(text: str, size: int) -> None:
    assert reports(text, BOTH, size=size) == reports(text, BOTH)


@pytest.mark.parametrize("text", ['{"loss": "loss: (\\S+)"}', '{"loss": ', "{}", '{"loss": 5}'])
def test_what_begins_like_json_has_to_be_json(text: str) -> None:
    with pytest.raises(UserError, match="metric_regex"):
        metric_patterns(text, "loss")
