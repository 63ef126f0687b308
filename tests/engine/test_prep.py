"""Preparation: each step once, whoever needs it and whatever is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hpogrid.config.schemas import PrepStage
from hpogrid.engine.messages import PrepSetup
from hpogrid.engine.prep import STEPS, WORK, Preparation, prep_logs
from hpogrid.files import write_new
from hpogrid.identity import Identity
from hpogrid.site.control import read_logs
from tests.projects import alive, run_project, store_project, wait_for

SPACE = {
    name: {"method": "categorical", "dimension": {"categories": values}}
    for name, values in {"a": [1, 2], "b": [3], "c": [5, 6, 7]}.items()
}

VOCAB = """
echo "$1" >>"$TRACE"
[ "$1" != "$BAD" ] || { echo broken >&2; exit 3; }
sleep 0.1
mkdir -p data
echo "$1" >"data/vocab.$1"
"""
PAIR = """
. "$1"
echo "$a-$b" >>"$TRACE"
cat "data/vocab.$a" "$2/data/vocab.$b" >"data/pair.$a.$b"
"""
TRAIN = """
    import os
    from pathlib import Path

    def train(config):
        name = f"data/pair.{config['a']}.{config['b']}"
        assert Path(name).samefile(Path(os.environ["HPOGRID_PREP"], name))
        return sum(map(int, Path(name).read_text().split())) + config["c"]
    """
STAGES = [
    ("vocab.sh {a}", ["a"]),
    ("sh vocab.sh {b}", ["b"]),
    ("sh pair.sh {hpm} {prep}", ["a", "b"]),
]
FILES = {"vocab.sh": VOCAB, "pair.sh": PAIR}


@pytest.fixture(autouse=True)
def no_preparation_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPOGRID_PREP", "nowhere")


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("BAD", "none")
    return tmp_path / "trace"


def project(**settings: Any) -> Any:
    return store_project(
        TRAIN, files=FILES, space=SPACE, prep=STAGES, algorithm="grid", trials=6,
        **{"scheduler_param": {"max_concurrent": 3}, **settings},
    )  # fmt: skip


@pytest.mark.parametrize("engine", ["process", pytest.param("ray", marks=pytest.mark.engine)])
def test_each_combination_is_prepared_once(trace: Path, engine: str) -> None:
    task, _, trials = run_project(project(engine=engine))
    assert sorted(trace.read_text().split()) == ["1", "1-3", "2", "2-3", "3"]
    assert sorted(trial.metrics["loss"] for trial in trials) == [9, 10, 10, 11, 11, 12]
    logs = read_logs(task.id, None, None, prep=True)
    assert len(logs) == 5
    assert logs[0].startswith("--- prep 1 (vocab.sh {a}) for a=")
    assert ": done (0." in logs[0]


def test_a_failure_stops_what_depends_on_it(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAD", "2")
    task, _, trials = run_project(project())
    assert [trial.state for trial in trials].count("complete") == 3
    reasons = {trial.reason for trial in trials if trial.state == "failed"}
    assert reasons == {"prep 1 (vocab.sh {a}) for a=2 failed: ended with code 3: broken"}
    assert all((trial.applied["a"] == 2) == (trial.state == "failed") for trial in trials)
    assert sorted(trace.read_text().split()) == ["1", "1-3", "2", "3"]
    assert any("broken" in text for text in prep_logs(task.prep))


def test_waiting_is_not_the_trials_own_time(trace: Path) -> None:
    stages: list[tuple[str, list[str]]] = [("sleep 1", [])]
    _, _, trials = run_project(store_project(prep=stages, trials=1, trial_timeout=0.7))
    assert trials[0].state == "complete"
    assert trials[0].duration < 0.9


# --- several processes, and what is killed -------------------------------------------------


def setup(folder: Path, command: str) -> PrepSetup:
    (folder / WORK).mkdir(parents=True, exist_ok=True)
    return PrepSetup([PrepStage(command=command, keys=["x"])], str(folder), {})


def prepare(folder: Path, command: str, lease: float = 60.0) -> str | None:
    (folder / "job").mkdir(parents=True, exist_ok=True)
    return Preparation(setup(folder, command), folder / "job", lease=lease).prepare({"x": 1})


def test_several_processes_at_once(tmp_path: Path) -> None:
    command = "sh -c 'echo done >>trace; sleep 0.3'"
    context = multiprocessing.get_context("fork")
    others = [context.Process(target=prepare, args=(tmp_path, command)) for _ in range(3)]
    for other in others:
        other.start()
    assert prepare(tmp_path, command) is None
    for other in others:
        other.join(20)
        assert other.exitcode == 0
    assert (tmp_path / WORK / "trace").read_text() == "done\n"
    assert (tmp_path / "job" / "trace").read_text() == "done\n"


def test_a_killed_one_is_redone_and_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / WORK
    command = "sh -c 'echo $$ >>pids; sh -c \"echo \\$\\$ >>pids; sleep $SECONDS_LONG; :\"; :'"
    monkeypatch.setenv("SECONDS_LONG", "60")
    killed = multiprocessing.get_context("fork").Process(target=prepare, args=(tmp_path, command))
    killed.start()
    wait_for(lambda: (work / "pids").exists() and len((work / "pids").read_text().split()) == 2)
    assert killed.pid is not None
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    monkeypatch.setenv("SECONDS_LONG", "0")
    assert prepare(tmp_path, command) is None
    pids = [int(word) for word in (work / "pids").read_text().split()]
    assert len(pids) == 4
    wait_for(lambda: not any(map(alive, pids)))


def test_one_on_another_machine_is_believed_while_it_gives_signs_of_life(tmp_path: Path) -> None:
    prepare(tmp_path / "a", "true")
    name = next((tmp_path / "a" / STEPS).iterdir()).name
    claim = tmp_path / "b" / STEPS / name / "000.claim"
    write_new(claim, msgspec.json.encode(Identity("elsewhere", "another boot", 1, "1")))
    waiting = threading.Thread(target=prepare, args=(tmp_path / "b", "true", 0.6))
    began = time.monotonic()
    (tmp_path / "b" / WORK).mkdir()
    waiting.start()
    for _ in range(4):
        time.sleep(0.3)
        os.utime(claim)
        assert waiting.is_alive()
    waiting.join(20)
    assert time.monotonic() - began > 1.7
    assert claim.with_name("001.log").exists()


def test_a_command_that_is_killed_is_tried_again(tmp_path: Path) -> None:
    command = "sh -c 'echo try >>tries; [ $(wc -l <tries) -ge 3 ] || kill -9 $$'"
    assert prepare(tmp_path / "a", command) is None
    reason = prepare(tmp_path / "b", "sh -c 'echo try >>tries; kill -9 $$'")
    assert reason is not None
    assert reason.endswith("for x=1 failed: was killed by SIGKILL")
    assert (tmp_path / "b" / WORK / "tries").read_text() == "try\n" * 3
    assert prepare(tmp_path / "b", "sh -c 'echo try >>tries; kill -9 $$'") == reason
    assert (tmp_path / "b" / WORK / "tries").read_text() == "try\n" * 3


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    reason = prepare(tmp_path, "nosuchprogram {x}")
    assert reason == (
        "prep 1 (nosuchprogram {x}) for x=1 failed: "
        "cannot start nosuchprogram: No such file or directory"
    )
