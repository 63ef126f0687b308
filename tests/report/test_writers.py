from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.report import WRITERS, save, writer
from hpogrid.report.results import Origin, Results
from hpogrid.report.table import cell_text, print_table
from hpogrid.space.value import Value
from tests.report.studies import LOSS, make_study, make_trial


def nasty() -> Results:
    """Values that formats get wrong."""
    applied = {'text, "quoted"': 'a,b\n"c" </script> é', "list": [1, 2], "none": None, "on": True}
    trials = [
        make_trial("0-0", applied=applied, metrics={"loss": 0.1 + 0.2}),
        make_trial("0-1", applied={}, state="failed", reason="<b>no</b>"),
    ]
    return Results("<p>", [(Origin(), make_study(trials))], objectives=LOSS, extra=["reason"])


def contents(results: Results, name: str) -> list[bytes]:
    """What is in each file of a format."""
    found = []
    for write in writer(name).files(results).values():
        stream = io.BytesIO()
        write(stream)
        found.append(stream.getvalue())
    return found


def written(results: Results, name: str) -> str:
    """What is in the one file of a text format."""
    (content,) = contents(results, name)
    return content.decode()


# Of the three kinds of pictures, which Matplotlib draws for seconds, a quick run has one.
FORMATS = [
    pytest.param(name, marks=[pytest.mark.slow] if name in ("pdf", "svg") else [])
    for name in WRITERS
]


@pytest.mark.parametrize("name", FORMATS)
class TestEveryWriter:
    def test_replaces_older_files_and_writes_nothing_else(
        self, name: str, few: Results, tmp_path: Path
    ) -> None:
        for suffix in writer(name).files(few):
            (tmp_path / f"out{suffix}").write_text("old")
        old = set(tmp_path.iterdir())
        assert set(save(few, name, str(tmp_path / "out"))) == old == set(tmp_path.iterdir())
        assert all(path.stat().st_size > 100 for path in old)

    def test_a_folder_that_is_a_file_is_refused(
        self, name: str, few: Results, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="cannot write"):
            save(few, name, str(tmp_path / "file" / "out"))

    def test_a_folder_in_its_place_is_refused(
        self, name: str, few: Results, tmp_path: Path
    ) -> None:
        path = tmp_path / f"out{next(iter(writer(name).files(few)))}"
        path.mkdir()
        with pytest.raises(UserError, match="cannot write"):
            save(few, name, str(tmp_path / "out"))
        assert path in tmp_path.iterdir()
        assert list(tmp_path.glob(".*")) == []

    def test_takes_nothing_at_all(self, name: str) -> None:
        assert all(contents(Results("empty", [], objectives=LOSS), name))

    def test_takes_only_failures(self, name: str) -> None:
        trials = [make_trial("0-0", state="failed", applied={"a": 1}, reason="no")]
        results = Results("p", [(Origin(), make_study(trials))], objectives=LOSS)
        assert all(contents(results, name))

    def test_takes_every_kind_of_value(self, name: str) -> None:
        assert all(contents(nasty(), name))


def test_csv_reads_back() -> None:
    header, first, second = csv.reader(io.StringIO(written(nasty(), "csv")))
    assert header == ['text, "quoted"', "list", "none", "on", "loss", "trial", "state", "reason"]
    assert first == [
        'a,b\n"c" </script> é',
        "[1,2]",
        "",
        "true",
        "0.30000000000000004",
        first[5],
        "complete",
        "",
    ]
    assert second == ["", "", "", "", "", second[5], "failed", "<b>no</b>"]


def test_csv_reads_back_whatever_a_column_holds() -> None:
    """Columns of one kind, of mixed kinds, and of values that are not finite."""
    numbers: list[Any] = [0.1 + 0.2, 1e-7, 1e300, -0.0, 2**70, 7, float("inf"), float("nan")]
    applied = [
        {
            "number": numbers[n % 6],
            "odd": numbers[n % 8],
            "text": f'{n},"',
            "mixed": [n, None][n % 2],
        }
        for n in range(3000)
    ]
    trials = [make_trial(f"0-{n}", applied=row, metrics={}) for n, row in enumerate(applied)]
    results = Results("p", [(Origin(), make_study(trials))])
    rows = list(csv.DictReader(io.StringIO(written(results, "csv"))))
    assert len(rows) == len(applied)
    for row, values in zip(rows, applied, strict=True):
        assert float(row["number"]) == values["number"]
        assert repr(float(row["odd"])) == repr(float(values["odd"]))
        assert row["text"] == values["text"]
        assert row["mixed"] == ("" if values["mixed"] is None else str(values["mixed"]))


def test_csv_of_one_column_keeps_its_empty_cells() -> None:
    trials = [make_trial("0-0", metrics={"loss": 1.0}), make_trial("0-1", state="failed")]
    results = Results("p", [(Origin(), make_study(trials))], objectives=LOSS)
    assert list(csv.reader(io.StringIO(written(results, "csv")))) == [
        ["loss", "trial", "state"],
        ["1.0", "0-0", "complete"],
        ["", "0-1", "failed"],
    ]


def test_json_reads_back() -> None:
    first, second = json.loads(written(nasty(), "json"))
    assert first == {
        'text, "quoted"': 'a,b\n"c" </script> é',
        "list": [1, 2],
        "none": None,
        "on": True,
        "loss": 0.30000000000000004,
        "trial": first["trial"],
        "state": "complete",
        "reason": None,
    }
    assert second["reason"] == "<b>no</b>"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_plain_columns(results: Results) -> None:
    stream = io.StringIO()
    print_table(results, stream, rows=3)
    lines = stream.getvalue().splitlines()
    assert lines[0].split() == results.names
    assert len(lines) == 5
    assert lines[-1].startswith("... and 197 more trials")
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_gets_colours(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    print_table(results, stream, rows=3)
    assert "\x1b[" in stream.getvalue()
    assert "momentum" in stream.getvalue()


def test_all_rows_can_be_asked_for(results: Results) -> None:
    stream = io.StringIO()
    print_table(results, stream, rows=None)
    assert len(stream.getvalue().splitlines()) == 201


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1792888200.25, "1792888200"), (1e15, "1e+15"), (123456.789, "123457"),
        (-2.5e6, "-2500000"), (1.23456789e-9, "1.23457e-09"),
        (10**20, "100000000000000000000"), (None, "-"),
    ],
)  # fmt: skip
def test_a_cell_has_the_whole_part_of_a_number(value: Value, text: str) -> None:
    assert cell_text(value) == text


def test_markup_in_names_and_values_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    trial = make_trial("0-0", applied={"a[red]": "[bold]x[/bold]"}, metrics={"loss": 1})
    stream = Terminal()
    print_table(Results("p", [(Origin(), make_study([trial]))], objectives=LOSS), stream)
    assert "a[red]" in stream.getvalue()
    assert "[bold]x[/bold]" in stream.getvalue()


def test_the_parallel_coordinate_plot_is_a_page_with_a_language_and_a_heading(few: Results) -> None:
    page = written(few, "pcp")
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert "<title>demo: parallel coordinates</title>" in page
    assert '"name":"demo: parallel coordinates"' in page


@pytest.mark.parametrize("mask", [0o077, 0o027, 0o022])
def test_the_files_are_for_whom_the_user_lets_in(
    results: Results, tmp_path: Path, mask: int
) -> None:
    before = os.umask(mask)
    try:
        [path] = save(results, "csv", str(tmp_path / "r"))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask
