"""Text of others, harmless to a terminal and a spreadsheet."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.text import (
    counted,
    csv_field,
    csv_text,
    harmless,
    harmless_json,
    harmless_line,
    shorten_all,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("a\rb", "a\\x0db"),
        ("abc\u202ecod.exe", "abc\\u202ecod.exe"),
        ("\udcff", "\\udcff"),
        ("é 漢 \t x\r\ny\n", "é 漢 \t x\r\ny\n"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text())
def test_a_line_stays_one_that_can_be_printed(text: str) -> None:
    line = harmless_line(text)
    line.encode()
    assert not any(ord(letter) < 32 and letter != "\t" for letter in line)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_stays_what_it_was(text: str) -> None:
    assert json.loads(harmless_json(json.dumps(text, ensure_ascii=False))) == text


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_no_cell_is_a_formula_and_each_is_read_back(texts: list[str]) -> None:
    table = io.StringIO()
    csv.writer(table).writerow(map(csv_field, [*texts, "x"]))
    (fields,) = csv.reader(io.StringIO(table.getvalue(), newline=""))
    assert not any(field.startswith(("=", "+", "-", "@", "\t", "\r")) for field in fields)
    assert [csv_text(field) for field in fields] == [*texts, "x"]


def test_how_many_with_a_verb() -> None:
    assert counted(1, "trial", "is", "are") == "1 trial is"
    assert counted(0, "trial", "is", "are") == "0 trials are"
    assert counted(2, "trial") == "2 trials"


def test_names_that_begin_alike_stay_different() -> None:
    names = [f"model.encoder.block{number}.dropout" for number in range(3)]
    assert shorten_all([*names, "lr"], 18) == [
        "…block0.dropout", "…block1.dropout", "…block2.dropout", "lr",
    ]  # fmt: skip
    assert shorten_all(names, 40) == names
