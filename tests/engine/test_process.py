"""The process engine: whatever a trial does, the others go on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from hpogrid.engine.run import Run
from hpogrid.errors import RunError
from hpogrid.job.run import read_result
from hpogrid.space.value import as_number
from hpogrid.study.study import Trial
from tests.projects import (
    CHOICES,
    RETURNS,
    alive,
    run_project,
    run_script,
    store_project,
    study_of,
    trials_of,
    wait_for,
)


def states(trials: list[Trial]) -> list[str]:
    return [trial.state for trial in trials]


def reasons(trials: list[Trial]) -> list[str | None]:
    return [trial.reason for trial in trials]


def test_trials_run_in_worker_processes_that_are_used_again() -> None:
    script = "import os\ndef train(config):\n    return {'loss': config['x'], 'pid': os.getpid()}"
    task, result, trials = run_project(store_project(script, trials=6))
    assert states(trials) == ["complete"] * 6
    assert [trial.id for trial in trials] == [f"0-{number}" for number in range(1, 7)]
    assert len({trial.metrics["pid"] for trial in trials}) == 1
    assert os.getpid() not in {trial.metrics["pid"] for trial in trials}
    assert (result.state, result.finished, result.failed) == ("done", 6, 0)
    assert read_result(task.job_folder(0)) == result
    assert not any(alive(trial.metrics["pid"]) for trial in trials)


def test_as_many_at_once_as_the_config_says() -> None:
    script = """
    import time
    def train(config):
        start = time.monotonic()
        time.sleep(0.2)
        return {"loss": 1, "start": start, "end": time.monotonic()}
    """
    trials = run_script(script, trials=6, scheduler_param={"max_concurrent": 3})
    spans = [(trial.metrics["start"], trial.metrics["end"]) for trial in trials]
    at_once = [sum(start <= moment < end for start, end in spans) for moment, _ in spans]
    assert 2 <= max(at_once) <= 3


def test_trials_are_the_same_with_the_same_seed() -> None:
    script = "import random\ndef train(config):\n    return {'loss': random.random()}"
    first = run_script(script, name="a", seed=5)
    second = run_script(script, name="b", seed=5)
    other = run_script(script, name="c", seed=6)
    assert [(trial.applied, trial.metrics) for trial in first] == [
        (trial.applied, trial.metrics) for trial in second
    ]
    assert first[0].metrics != first[1].metrics
    assert first[0].metrics != other[0].metrics
    assert first[0].applied != other[0].applied


# --- what trials do ----------------------------------------------------------------------------

FIRST = """\
    seen = os.path.join(os.environ["HPOGRID_HOME"], "seen")
    if not os.path.exists(seen):
        open(seen, "w").close()
        """
"""Only the first trial does what comes next."""


FAILURES = [
    ("os._exit(3)", "the worker process exited with code 3"),
    ("os._exit(0)", "the worker process exited with code 0"),
    ("os.kill(os.getpid(), 11)", "the worker process was killed by SIGSEGV"),
    ("os.kill(os.getpid(), 9)", "the worker process was killed by SIGKILL, perhaps for lack"),
    ("os.abort()", "the worker process was killed by SIGABRT"),
    ("raise ValueError('x' * 5)", "ValueError: xxxxx"),
    ("raise SystemExit(2)", "SystemExit: 2"),
    ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ("raise MemoryError", "MemoryError"),
    ("config.gone", "AttributeError: 'dict' object has no attribute 'gone'"),
    ("return float('nan')", "the metric 'loss' is nan, not a finite number"),
    ("return float('-inf')", "the metric 'loss' is -inf, not a finite number"),
    ("return 'good'", "the metric 'loss' is good, not a finite number"),
    ("return True", "the metric 'loss' is True, not a finite number"),
    ("return 10 ** 400", "the metric 'loss' is 1000"),
    ("return None", "the metric 'loss' was not reported; metrics seen: none"),
    ("return {'b': 1, 'a': 2}", "the metric 'loss' was not reported; metrics seen: a, b"),
    ("return 1, 2", "TypeError: returned 2 values for the metrics loss"),
    ("raise ValueError('caf\\udce9')", "ValueError: caf\\udce9"),
    ("raise asyncio.CancelledError('late')", "CancelledError: late"),
    ("raise GeneratorExit", "GeneratorExit"),
    ("raise Silent", "Silent: its message cannot be read (ZeroDivisionError)"),
    ("sys.stderr = None\n        raise ValueError('no')", "ValueError: no"),
    ("os.kill(os.getpid(), 40)", "the worker process was killed by signal 40"),
]


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Trial]:
    """A search in which each case fails in a way of its own, and as many others do not."""
    body = "".join(f"    if config['x'] == {n}:\n        {what}\n"
                   for n, (what, _) in enumerate(FAILURES))  # fmt: skip
    silent = "class Silent(Exception):\n    def __str__(self):\n        return 1 / 0\n"
    script = f"import asyncio, os, sys\n{silent}def train(config):\n{body}    return 1\n"
    choices = {"categories": list(range(2 * len(FAILURES)))}
    space = {"x": {"method": "categorical", "dimension": choices}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HPOGRID_HOME", str(tmp_path_factory.mktemp("failing")))
        trials = run_script(script, space=space, algorithm="grid", trials=2 * len(FAILURES))
    return {as_number(trial.applied["x"]): trial for trial in trials}


@pytest.mark.xdist_group("failing")  # so that one worker makes the search
@pytest.mark.parametrize(("what", "reason"), FAILURES)
def test_a_failure_is_that_trials_alone(
    what: str, reason: str, failing: dict[float, Trial]
) -> None:
    case = FAILURES.index((what, reason))
    assert failing[case].state == "failed"
    assert (failing[case].reason or "").startswith(reason)
    assert failing[case + len(FAILURES)].state == "complete"


def test_a_class_that_reports_something_else() -> None:
    script = "class train:\n    def step(self):\n        return {'auc': 1, 'done': True}\n"
    (trial,) = run_script(script, trials=1)
    assert trial.reason == "the metric 'loss' was not reported; metrics seen: auc, done"


def test_a_trial_that_hangs_is_ended_and_its_children_with_it(tmp_path: Path) -> None:
    script = f"""
    import os, subprocess, time
    def train(config):
        if config["x"] == 1:
            child = subprocess.Popen(["sleep", "1000"])
            open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
            time.sleep(1000)
        return config["x"]
    """
    trials = run_script(script, space=CHOICES, algorithm="grid", trials=4, trial_timeout=0.6)
    assert sorted(states(trials)) == ["complete"] * 3 + ["failed"]
    (failed,) = (trial for trial in trials if trial.state == "failed")
    assert failed.reason == "it took longer than trial_timeout (0.6 s)"
    assert failed.applied == {"x": 1}
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not alive(pid))


def test_a_worker_is_known_to_be_dead_although_its_children_live() -> None:
    script = """
    import os, time
    def train(config):
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(4)
    """
    began = time.monotonic()
    (trial,) = run_script(script, trials=1, grace_seconds=0.5)
    assert trial.reason == "the worker process exited with code 4"
    assert time.monotonic() - began < 20


def test_a_script_that_cannot_be_loaded_ends_the_run() -> None:
    project = store_project("import helper\n", files={"helper.py": "raise ValueError('no data')"})
    with pytest.raises(RunError) as caught:
        run_project(project)
    lines = str(caught.value).splitlines()
    assert lines[0] == "train.py cannot be imported:"
    assert lines[-1] == "ValueError: no data"
    assert not any("hpogrid/trial" in line for line in lines)


def test_a_script_that_kills_whoever_imports_it_ends_the_run() -> None:
    project = store_project("import os\nprint('what it says', flush=True)\nos._exit(5)\n")
    with pytest.raises(RunError) as caught:
        run_project(project)
    assert str(caught.value) == (
        "the worker process exited with code 5 before its first trial:\nwhat it says"
    )


def test_a_script_that_never_finishes_its_import_does_not_outlast_the_time_limit() -> None:
    project = store_project("import time\ntime.sleep(1000)\n", time_limit=1)
    began = time.monotonic()
    _, result, trials = run_project(project)
    assert result.reason == "the time limit of 1 s is reached"
    assert trials == []
    assert time.monotonic() - began < 20


def test_a_users_module_does_not_hide_a_library_from_the_worker() -> None:
    files = dict.fromkeys(("random.py", "socket.py", "msgspec.py"), "raise RuntimeError('mine')")
    assert states(run_script(RETURNS, files=files, trials=1)) == ["complete"]


# --- logs --------------------------------------------------------------------------------------


def test_every_trial_that_writes_has_a_log() -> None:
    script = """
    import os, subprocess, sys
    def train(config):
        x = config["x"]
        if x != 2:
            print(f"out {x}")
            sys.stderr.write(f"err {x}\\n")
            os.write(1, b"raw\\n")
            subprocess.run(["echo", f"child {x}"])
        if x == 3:
            raise ValueError("it broke")
        if x == 4:
            os._exit(1)
        return x
    """
    project = store_project(script, space=CHOICES, algorithm="grid", trials=4)
    task, _, trials = run_project(project)
    logs = {path.name: path.read_text() for path in (task.job_folder(0) / "log").glob("0-*.log")}
    by_value = {trial.applied["x"]: logs.get(f"{trial.id}.log") for trial in trials}
    assert by_value[2] is None
    for value in (1, 3, 4):
        text = by_value[value]
        assert text is not None
        assert all(word in text for word in (f"out {value}", f"err {value}", "raw", "child"))
        assert not any(f"out {other}" in text for other in {1, 3, 4} - {value})
    assert "ValueError: it broke" in (by_value[3] or "")


def test_a_script_that_closes_its_output_is_no_failure() -> None:
    closes = "sys.stdout.close(); os.close(1)\n    return 1\n"
    script = f"import os, sys\ndef train(config):\n{FIRST}{closes}"
    assert states(run_script(script, trials=2)) == ["complete"] * 2


# --- ends --------------------------------------------------------------------------------------

EPOCHS = """
import hpogrid
def train(config):
    for epoch in range(10):
        hpogrid.report(loss=10 - epoch, score=epoch, epoch=epoch)
"""


@pytest.mark.parametrize(
    ("stop", "steps"),
    [
        ({"training_iteration": 1}, 1),
        ({"training_iteration": 4}, 4),
        ({"training_iteration": 2.5}, 3),
        ({"score": 3}, 4),
        ({"score": 2.5}, 4),
        ({"loss": 8}, 3),  # it is minimised: as good as 8
        ({"loss": 7.5, "score": 9}, 4),
        ({"epoch": 0}, 1),
        ({"gone": 1}, 10),
        ({"time_total_s": 0}, 1),
        ({}, 10),
    ],
)
def test_stop_criteria_are_reached_at_their_value(stop: dict[str, float], steps: int) -> None:
    (trial,) = run_script(EPOCHS, trials=1, stop=stop)
    assert (trial.state, trial.metrics["epoch"]) == ("complete", steps - 1)
    assert len(trial.reports) == (steps if steps > 1 else 0)


@pytest.mark.parametrize(
    ("aggregate", "loss", "n"),
    [("last", 3, 3), ("best", 1, 1), ("mean:2", 3.5, 3), ("mean:9", 3, 3)],
)
def test_the_result_is_the_last_the_best_or_a_mean(aggregate: str, loss: float, n: int) -> None:
    script = (
        "def train(config):\n    for loss in (4, 1, 4, 3):\n        yield {'loss': loss, 'n': loss}"
    )
    (trial,) = run_script(script, trials=1, aggregate=aggregate)
    assert trial.metrics == {"loss": loss, "n": n}


def test_a_metric_of_an_earlier_report_counts() -> None:
    script = "def train(config):\n    yield {'loss': 4}\n    yield {'auc': 1}"
    assert run_script(script, trials=1)[0].metrics == {"loss": 4, "auc": 1}


def test_enough_failures_end_the_search() -> None:
    script = "def train(config):\n    raise ValueError\n"
    _, result, trials = run_project(store_project(script, trials=50, max_failures=3))
    assert states(trials) == ["failed"] * 3
    assert result.reason == "3 trials failed (max_failures); every trial failed: ValueError"


def test_a_good_enough_result_ends_the_search() -> None:
    script = "import hpogrid\ndef train(config):\n    return config['x']\n"
    _, result, trials = run_project(store_project(script, trials=500, target=0.2))
    losses = [trial.metrics["loss"] for trial in trials]
    assert losses[-1] <= 0.2 < min(losses[:-1], default=1)
    assert result.reason == "the target 0.2 is reached"


def test_the_time_limit_starts_no_further_trial() -> None:
    script = "import time\ndef train(config):\n    time.sleep(0.6)\n    return 1\n"
    _, result, trials = run_project(store_project(script, trials=50, time_limit=2))
    assert 1 <= len(trials) <= 4
    assert states(trials) == ["complete"] * len(trials)
    assert result.reason == "the time limit of 2 s is reached"


def test_a_finite_space_is_tried_once() -> None:
    _, result, trials = run_project(store_project(RETURNS, space=CHOICES, trials=50))
    assert sorted(as_number(trial.applied["x"]) for trial in trials) == [1, 2, 3, 4]
    assert (result.state, result.reason) == ("done", "every configuration was tried")


def test_a_signal_ends_the_run_in_good_order() -> None:
    script = (
        "import time\ndef train(config):\n    print('begun', flush=True)\n    time.sleep(1000)\n"
    )
    project = store_project(script, trials=9, scheduler_param={"max_concurrent": 2})
    done: list[Run] = []

    def signal_when_two_run(run: Run) -> None:
        if run.running == 2 and not done:
            done.append(run)
            os.kill(os.getpid(), signal.SIGTERM)

    _, result, trials = run_project(project, signal_when_two_run)
    assert (result.state, result.reason) == ("interrupted", "interrupted by SIGTERM")
    assert states(trials) == ["interrupted"] * 2
    assert reasons(trials) == ["interrupted by SIGTERM"] * 2
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_worker_that_is_killed_from_outside_fails_its_trial_only(tmp_path: Path) -> None:
    script = f"""
    import os, time
    def train(config):
        open({str(tmp_path)!r} + f"/{{os.getpid()}}", "w").close()
        while len(os.listdir({str(tmp_path)!r})) < 2:
            time.sleep(0.01)
        return 1
    """
    killed: list[int] = []

    def kill_the_first(run: Run) -> None:
        if not killed and os.listdir(tmp_path):
            killed.append(int(os.listdir(tmp_path)[0]))
            os.kill(killed[0], signal.SIGKILL)

    project = store_project(script, trials=4)
    task, _, trials = run_project(project, kill_the_first)
    assert states(trials) == ["failed"] + ["complete"] * 3
    assert len(study_of(task)) == 4
    assert trials == trials_of(task)


def test_many_short_trials_all_end() -> None:
    trials = run_script(RETURNS, trials=300, scheduler_param={"max_concurrent": 3})
    assert len(trials) == 300
    assert states(trials) == ["complete"] * 300
