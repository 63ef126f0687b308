"""The ends of logs on the page."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hpogrid.report.asides import LINES, LONGEST, MOST_LETTERS, log_end
from hpogrid.report.page import page_data
from hpogrid.report.results import Origin, Results
from tests.report.studies import LOSS, make_study, make_trial


def with_logs(folder: Path, texts: list[str], *, failed: int = 0) -> Results:
    """Trials of one job, the best first, with what each has printed."""
    logs = folder / "jobs" / "0" / "log"
    logs.mkdir(parents=True)
    trials = []
    for number, text in enumerate(texts):
        bad = number >= len(texts) - failed
        state, metrics = ("failed", {}) if bad else ("complete", {"loss": float(number)})
        trials.append(make_trial(f"0-{number}", state=state, metrics=metrics))
        if text:
            (logs / f"0-{number}.log").write_text(text, newline="")
    task = Origin(id=1, site="local", folder=str(folder), logs="./log")
    return Results("p", [(task, make_study(trials))], objectives=LOSS)


def test_the_end_of_each_log_is_on_the_page(tmp_path: Path) -> None:
    long = "".join(f"line {number}\n" for number in range(1000))
    data = page_data(with_logs(tmp_path, [long, "", "<b>boom</b>\n"], failed=1))
    shown = {place: about["log"] for place, about in data["asides"].items()}
    assert shown[0].split("\n") == [f"line {number}" for number in range(1000 - LINES, 1000)]
    assert shown[2] == "<b>boom</b>"
    assert set(shown) == {0, 2}
    assert data["logs"] == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\r 10%|#    |\r100%|#####|\ndone\n", "100%|#####|\ndone"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07\x00", "red \\x00"),
        ("a\r\nb\r\n", "a\nb"),
        ("password=Sesame\n", "password=***"),
        ("x" * 10_000, "…" + "x" * (LONGEST - 1)),
        ("", ""),
    ],
)
def test_a_log_ends_as_a_terminal_would_show_it(tmp_path: Path, text: str, shown: str) -> None:
    path = tmp_path / "0-0.log"
    path.write_text(text, newline="")
    assert log_end(path) == shown


def test_a_log_that_cannot_be_read_or_is_no_text_is_no_error(tmp_path: Path) -> None:
    assert log_end(tmp_path / "none.log") == ""
    (tmp_path / "0-0.log").write_bytes(b"\xff\xfe ok\n")
    assert log_end(tmp_path / "0-0.log").endswith("ok")


def test_logs_have_a_bounded_room_and_the_best_and_the_failed_go_first(tmp_path: Path) -> None:
    texts = [f"{number} " + "x" * LONGEST for number in range(300)]
    data = page_data(with_logs(tmp_path, texts, failed=10))
    shown = [place for place, about in data["asides"].items() if "log" in about]
    assert len(shown) == MOST_LETTERS // LONGEST
    assert set(range(20)) <= set(shown)
    assert set(range(290, 300)) <= set(shown)
    assert data["logs"] == (
        "The ends of 60 logs are on this page, of the best trials and of failed ones; "
        "240 more had no room."
    )
    assert len(msgspec.json.encode(data["asides"])) < 1.1 * MOST_LETTERS
