"""Trials that are run again, and what people and trials leave beside the numbers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hpogrid.config.project import load_project, remove_project
from hpogrid.errors import Exit
from hpogrid.report.api import load_study
from hpogrid.report.replay import compare, differences
from hpogrid.site.tasks import find_tasks, load_task
from hpogrid.study.events import Environment
from hpogrid.study.notes import NOTES, add_note, read_notes
from hpogrid.study.study import Report, Trial
from tests.commands import hpogrid, ok, parsed, refused
from tests.projects import run_project, store_project, study_of
from tests.report.studies import make_trial

NOISY = """
import random
def train(config):
    import hpogrid, numpy
    for step in range(4):
        hpogrid.report(loss=config["x"] + numpy.random.rand() + random.random(), step=step)
"""
UNSEEDED = """
import os
def train(config):
    return int.from_bytes(os.urandom(4), "big")
"""
HERE = Environment(python="3.11.7", packages={"numpy": "2.0"}, threads=2)


def same(**changes: Any) -> Trial:
    reports = [Report(step, 1000.0, {"loss": 1 / step}) for step in (1, 2, 3)]
    return make_trial("0-7", **{"metrics": {"loss": 1 / 3}, "reports": reports, **changes})


@pytest.mark.parametrize("trial", ["0-1", "0-5"])
def test_a_trial_comes_to_the_same_to_the_last_bit(trial: str) -> None:
    task, _, _ = run_project(store_project(NOISY, trials=5, stop={}))
    before = {item.id: item for item in study_of(task)}[trial]
    outcome = hpogrid("replay", "p", trial)
    assert outcome.code == Exit.OK
    assert outcome.out.splitlines() == [
        f"equal: loss is {before.metrics['loss']!r} both times",
        "equal: 4 reports that both have made",
        "environment: the same",
    ]
    new = find_tasks(project="p")[0]
    (again,) = study_of(new)
    assert (again.suggested, again.seed) == (before.suggested, before.seed)
    assert new.replays == f"{task.id}:{trial}"
    assert len(load_study("p")) == 5


def test_one_that_does_not_is_a_failure_and_says_by_how_much() -> None:
    run_project(store_project(UNSEEDED, trials=1))
    outcome = hpogrid("replay", "p", "0-1")
    assert outcome.code == Exit.FAILURE
    assert outcome.out.startswith("differs: loss was ")
    assert " of it)\nenvironment: the same\n" in outcome.out


def test_it_runs_the_version_of_the_scripts_that_the_trial_ran() -> None:
    task, _, _ = run_project(store_project(NOISY, trials=1, stop={}))
    remove_project("p")
    store_project("def train(config):\n    return 5\n", name="p", trials=1)
    assert hpogrid("replay", str(task.id), "0-1").code == Exit.OK


def test_a_failure_fails_again_for_the_same_reason() -> None:
    run_project(store_project("def train(config):\n    raise ValueError('no')\n", trials=1))
    outcome = hpogrid("replay", "p", "0-1")
    assert outcome.code == Exit.OK
    assert "equal: it failed again for the same reason: ValueError: no\n" in outcome.out


def test_a_repetition_at_a_site_is_waited_for() -> None:
    run_project(store_project(NOISY, trials=2, stop={}))
    outcome = hpogrid("replay", "p", "0-2", "--site", "local")
    assert outcome.code == Exit.OK
    assert outcome.out.startswith("equal: loss is ")


def test_what_cannot_be_repeated_is_refused() -> None:
    task, _, _ = run_project(store_project(NOISY, trials=1))
    assert "has no trial '0-9'; it has 0-1" in refused("replay", "p", "0-9")
    assert "has no trial 'x'" in refused("replay", str(task.id), "x")
    run_project(load_project("p"))
    sentence = refused("replay", "p", "0-1")
    assert "in each of the tasks 1, 2: name one of them instead of the project" in sentence


def test_verdicts() -> None:
    both = (HERE, HERE)
    assert compare(same(), same(), ["loss"], both).equal
    other = same(metrics={"loss": 0.5})
    verdict = compare(same(), other, ["loss"], both)
    assert not verdict.equal
    assert verdict.sentences[0] == (
        "differs: loss was 0.3333333333333333 then, and is 0.5 now (0.167 more, 0.5 of it)"
    )
    late = same(reports=[Report(1, 1.0, {"loss": 1}), Report(2, 2.0, {"loss": 9})])
    assert "differs: its reports, from number 2 on" in compare(same(), late, ["loss"], both)[1]
    early = same(state="pruned", metrics={"loss": 1.0}, reports=same().reports[:1])
    assert compare(early, same(), ["loss"], both).equal
    once = same(state="pruned", metrics={"loss": 1.0}, reports=())
    assert compare(once, same(), ["loss"], both).equal
    assert not compare(once, same(reports=(), metrics={"loss": 2.0}), ["loss"], both).equal
    assert not compare(early, same(state="failed", reason="no"), ["loss"], both).equal
    assert not compare(same(), same(state="failed", reason="no"), ["loss"], both).equal
    unknown = compare(same(), same(), ["loss"], (None, HERE)).sentences[-1]
    assert unknown == (
        "in what environment the first run ran is not known: its job did not record it"
    )


def test_other_metrics_are_compared_where_both_have_been() -> None:
    reports = [Report(n, 1000.0, {"loss": 1 / n, "epoch": n, "size": 5}) for n in (1, 2, 3)]
    whole = same(reports=reports, metrics=reports[-1].metrics)
    early = same(state="pruned", reports=reports[:1], metrics=reports[0].metrics)
    said = compare(early, whole, ["loss"], (HERE, HERE)).sentences
    assert not any("other metrics" in sentence for sentence in said)
    reports[0] = Report(1, 1000.0, {"loss": 1.0, "epoch": 1, "size": 6})
    whole = same(reports=reports, metrics=reports[-1].metrics)
    said = compare(early, whole, ["loss"], (HERE, HERE)).sentences
    assert "other metrics that differ: size (1 more, 0.2 of it)" in said


def test_what_differs_between_environments() -> None:
    other = msgspec.structs.replace(HERE, python="3.12.1", packages={"torch": "2"}, gpus=("H200",))
    assert differences(HERE, other) == [
        "Python 3.11.7 then, 3.12.1 now",
        "GPUs none then, H200 now",
        "numpy 2.0 then, none now",
        "torch none then, 2 now",
    ]


# --- notes and tags ------------------------------------------------------------------------


def test_notes_and_tags_are_in_card_table_and_files(tmp_path: Path) -> None:
    run_project(store_project(NOISY, trials=2))
    ok("trial", "note", "p", "0-2", "jumps\nat <b>3</b>")
    ok("trial", "tag", "p", "0-2", "good", "look")
    ok("trial", "tag", "1", "0-2", "look", "--remove")
    card = parsed("trial", "show", "p", "0-2", "--format", "json")
    assert card["tags"] == ["good"]
    assert card["notes"][0].startswith("jumps\nat <b>3</b> (")
    assert card["environment"]["threads"]
    assert card["replay"] == "hpogrid replay 1 0-2"
    assert "jumps" in ok("trial", "show", "p", "0-2")
    rows = {row["trial"]: row for row in parsed("report", "p", "--format", "json")}
    assert rows["0-2"]["note"] == "jumps\nat <b>3</b>"
    assert (rows["0-2"]["tags"], rows["0-1"]["tags"]) == ("good", None)
    ok("study", "export", "1", "--output", tmp_path / "one.tar.gz")
    number = ok("study", "import", tmp_path / "one.tar.gz").split()[-1]
    assert parsed("trial", "show", number, "0-2", "--format", "json")["tags"] == ["good"]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user directory with a search, which nobody changes."""
    folder = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HPOGRID_HOME", str(folder))
        run_project(store_project(trials=2))
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("note", "p", "0-2", " "), "a note has 1 to 10000 letters; this one has 0"),
        (("note", "p", "0-2", "x" * 10_001), "this one has 10001"),
        (("note", "p", "0-3", "x"), "has no trial '0-3'"),
        (("tag", "p", "0-2", "a,b"), "'a,b' is no tag"),
        (("tag", "p", "0-2", "a\nb"), "is no tag"),
        (("tag", "p", "0-2", "a", "--remove"), "has no tag 'a'; it has none"),
    ],
)
def test_what_is_no_note_or_tag_is_refused(
    arguments: tuple[str, ...], message: str, searched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPOGRID_HOME", str(searched))
    assert message in refused("trial", *arguments)


NOTING = """
import sys
from pathlib import Path
from hpogrid.study.notes import add_note
for number in range(10**6):
    add_note(Path(sys.argv[1]), "0-1", "me", f"note {number}")
    print(number, flush=True)
"""


def test_no_note_that_was_taken_is_lost_by_a_kill(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", NOTING, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    said = [int(writer.stdout.readline()) for _ in range(30)]
    writer.send_signal(signal.SIGKILL)
    said += [int(line) for line in writer.stdout.read().split()]
    writer.wait()
    notes = [item.note for item in read_notes(tmp_path)["0-1"].notes]
    assert notes[: len(said)] == [f"note {number}" for number in said]


def test_a_torn_line_costs_itself_alone(tmp_path: Path) -> None:
    add_note(tmp_path, "0-1", "me", "first")
    with (tmp_path / NOTES).open("ab") as stream:
        stream.write(b'{"time":1,"user":"m')
    add_note(tmp_path, "0-1", "me", "second")
    with (tmp_path / NOTES).open("ab") as stream:
        stream.write(b"[" * 100_000 + b"\n\xff\n" + os.urandom(100) + b"\n")
    assert read_notes(tmp_path)["0-1"].text == "first\nsecond"
    assert json.loads((tmp_path / NOTES).read_bytes().splitlines()[0])["note"] == "first"


def test_the_record_of_a_replay_is_read_again() -> None:
    task, _, _ = run_project(store_project(NOISY, trials=1))
    ok("replay", "p", "0-1")
    (again,) = load_study("p").results.replays
    assert (again.task, again.name, again.ran_in) == (task.id, "0-1", task.id + 1)
    assert load_task(task.id + 1).searches is False
