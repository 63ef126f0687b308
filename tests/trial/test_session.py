"""Scripts that are run by hand, or as a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy
import pytest

from hpogrid.trial.session import CELL, plain_metrics

SCRIPT = """
import hpogrid
for epoch in range(2):
    with hpogrid.checkpoint() as folder:
        (folder / "epoch").write_text(str(epoch))
    hpogrid.report(loss=0.5, epoch=epoch)
print(hpogrid.get_checkpoint())
"""


def test_by_hand_reports_are_printed(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    answer = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert answer.stdout == "[hpogrid] loss=0.5  epoch=0\n[hpogrid] loss=0.5  epoch=1\nNone\n"
    assert (tmp_path / "checkpoint_000002" / "epoch").read_text() == "1"


def test_metrics_inside_of_others_get_their_path_as_name() -> None:
    found = plain_metrics(
        {"eval": {"loss": numpy.float32(0.5), "top": {5: 1}}, "none": {}, "list": [{"a": 1}]}
    )
    assert found == {"eval/loss": 0.5, "eval/top/5": 1, "none": {}, "list": [{"a": 1}]}
    assert plain_metrics(found) == found
    with pytest.raises(TypeError, match="report needs metrics"):
        plain_metrics({})


def test_exact_numbers_are_numbers() -> None:
    found = plain_metrics(
        {"third": Fraction(1, 3), "tenth": Decimal("0.1"), "nan": Decimal("nan"),
         "wrong": Decimal("snan"), "huge": Fraction(10**400), "many": numpy.int64(2**53 + 1)}
    )  # fmt: skip
    assert found == {"third": 1 / 3, "tenth": 0.1, "nan": "nan", "wrong": "sNaN",
                     "huge": str(10**400), "many": 2**53 + 1}  # fmt: skip


def test_what_a_process_of_a_trial_reports_is_said_to_be_lost(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", "import hpogrid\nfor _ in range(2): hpogrid.report(loss=1)"],
        env={**os.environ, CELL: "1"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert answer.stdout == "[hpogrid] loss=1\n" * 2
    assert answer.stderr.count("does not report for it") == 1
