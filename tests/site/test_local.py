"""The local site: detached jobs of this machine, and the locks by which they are known."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hpogrid.errors import Exit, RunError
from hpogrid.identity import Identity, this_process
from hpogrid.site import control, local, processes
from hpogrid.site.local import LocalSite, run_here
from hpogrid.site.tasks import Task, find_tasks, new_task
from tests.commands import ok, refused
from tests.projects import (
    GATED,
    RETURNS,
    alive,
    children,
    finished_in,
    gated,
    open_gate,
    store_project,
    trials_of,
    wait_for,
)
from tests.site.contract import SiteContract

pytestmark = pytest.mark.engine  # real jobs of this machine

SLOW = "import time\ndef train(config):\n    time.sleep(0.15)\n    return config['x']\n"
FOREVER = "import time\ndef train(config):\n    time.sleep(1000)\n"


def job_pid(task: Task, job: int) -> int:
    """The process of a running job."""
    return pid_of(task.job_folder(job) / "job.lock")


def runner_pid(task: Task) -> int:
    return pid_of(task.folder / "runner-000.lock")


def pid_of(lock: Path) -> int:
    found: Identity = wait_for(lambda: processes.holder(lock))
    return found.pid


def states(task: Task) -> list[str]:
    return [job.state for job in LocalSite().status([task])[task.id]]


@pytest.fixture(autouse=True)
def enough_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that two jobs run at once also on a small machine."""
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "2")


class TestContract(SiteContract):
    site = "local"

    def vanish(self, task: Task, job: int) -> None:
        os.kill(job_pid(task, job), signal.SIGKILL)


# --- processes ---------------------------------------------------------------------------------


def test_a_job_survives_the_terminal() -> None:
    store_project(GATED, trials=4, param=gated(free=1))
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        [sys.executable, "-m", "hpogrid", "run", "p"], stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shell.wait()
    (task,) = find_tasks()
    pid = job_pid(task, 0)
    os.close(ours)  # the terminal is gone: everything that belongs to it gets SIGHUP
    assert os.getsid(pid) == pid
    open_gate()
    wait_for(lambda: states(task) == ["done"])
    assert len(trials_of(task)) == 4


def test_workers_end_with_a_killed_driver() -> None:
    store_project(FOREVER, scheduler_param={"max_concurrent": 2})
    task = control.submit("p", site=None, n_jobs=1)
    pid = job_pid(task, 0)
    wait_for(lambda: len(children(pid)) == 4)  # two workers, and a guard above each
    workers = children(pid)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(map(alive, workers)))
    wait_for(lambda: states(task) == ["lost"])


def test_no_more_jobs_at_once_than_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    store_project(SLOW, trials=2)
    tasks = [control.submit("p", site=None, n_jobs=2) for _ in range(2)]
    most = 0
    while not all(states(task) == ["done", "done"] for task in tasks):
        now = [state for task in tasks for state in states(task)]
        assert set(now) <= {"queued", "running", "done"}
        most = max(most, now.count("running"))
        time.sleep(0.02)
    assert most == 1


def test_no_more_jobs_at_once_than_max_jobs() -> None:
    store_project(SLOW, trials=2, grid={"site": "local", "max_jobs": 1})
    task = control.submit("p", site=None, n_jobs=3)
    most = 0
    while states(task) != ["done"] * 3:
        most = max(most, states(task).count("running"))
        time.sleep(0.02)
    assert most == 1


def test_a_job_ends_within_its_walltime() -> None:
    store_project(FOREVER, grid={"site": "local", "walltime": "2s"})
    task = control.submit("p", site=None, n_jobs=1)
    wait_for(lambda: states(task) == ["unfinished"])
    (status,) = LocalSite().status([task])[task.id]
    assert status.reason == "the time of the job is up; 0 of 3 trials are done"
    assert control.overview([task])[0].status == "exhausted"
    assert control.retryable(task) == [0]


def test_a_runner_that_is_killed_loses_only_what_it_had_not_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    store_project(GATED, trials=5, param=gated(free=1))
    task = control.submit("p", site=None, n_jobs=2)
    job_pid(task, 0)
    assert states(task) == ["running", "queued"]
    os.kill(runner_pid(task), signal.SIGKILL)
    wait_for(lambda: states(task) == ["running", "lost"])
    assert control.retry(task) == [1]
    open_gate()
    wait_for(lambda: states(task) == ["done", "done"])
    assert [trial.attempt for trial in trials_of(task)] == [1] * 10


def test_four_jobs_cover_a_grid_once_though_one_is_killed() -> None:
    axes = {"a": ["x", "y", "z"], "b": [1, 2, 3, 4], "c": [True, None, 0.5, "c", [1, 2]]}
    space = {
        name: {"method": "categorical", "dimension": {"categories": values, "grid_search": 1}}
        for name, values in axes.items()
    }
    script = GATED.replace('config["x"]', 'config["b"]')
    store_project(script, space=space, trials=60, param=gated(free=3))
    ok("run", "p", "--n_jobs", "4")
    (task,) = find_tasks()
    wait_for(lambda: finished_in(task) == 2 * 3)
    os.kill(job_pid(task, 1), signal.SIGKILL)
    wait_for(lambda: states(task)[1] == "lost")
    assert finished_in(task) < 60
    open_gate()
    ok("tasks", "retry", str(task.id))
    wait_for(lambda: set(states(task)) == {"done"}, 60)
    rows = json.loads(ok("report", "p", "--format", "json", "--extra", "trial,state"))
    points = {(row["a"], row["b"], repr(row["c"])) for row in rows}
    assert len(points) == len(rows) == len({row["trial"] for row in rows}) == 60
    assert {row["state"] for row in rows} == {"complete"}


def test_kill_ends_waiting_jobs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    store_project(FOREVER)
    task = control.submit("p", site=None, n_jobs=2)
    wait_for(lambda: states(task) == ["running", "queued"])
    job, runner = job_pid(task, 0), runner_pid(task)
    control.kill(task)
    assert states(task) == ["killed", "killed"]
    assert not alive(job)
    assert not alive(runner)
    reason = LocalSite().status([task])[task.id][1].reason
    assert reason == "killed by 'hpogrid tasks kill'"


def test_a_job_that_does_not_listen_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_GRACE_SECONDS", 0.5)
    store_project(FOREVER)
    task = control.submit("p", site=None, n_jobs=1)
    pid = job_pid(task, 0)
    os.kill(pid, signal.SIGSTOP)
    control.kill(task)
    assert not alive(pid)
    assert states(task) == ["killed"]


def test_a_run_in_the_foreground_can_be_killed_from_elsewhere() -> None:
    store_project(FOREVER)
    process = subprocess.Popen(
        [sys.executable, "-m", "hpogrid", "local_run", "p"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    (task,) = wait_for(find_tasks)
    assert job_pid(task, 0) == process.pid
    wait_for(lambda: children(process.pid))
    control.kill(task)
    _, messages = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "interrupted by SIGTERM" in messages
    assert states(task) == ["killed"]


def test_looking_at_jobs_does_not_disturb_them() -> None:
    """Who asks after a lock has it for a moment: nobody else may take that for its holder."""
    store_project(RETURNS, trials=1)
    done = threading.Event()
    tasks: list[Task] = []

    def look() -> None:
        while not done.is_set():
            for task in tasks:
                states(task)

    watchers = [threading.Thread(target=look) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(2):
            tasks.append(control.submit("p", site=None, n_jobs=3))
        for task in tasks:
            wait_for(lambda task=task: states(task) == ["done"] * 3)  # type: ignore[misc]
    finally:
        done.set()
        for watcher in watchers:
            watcher.join()
    assert [len(trials_of(task)) for task in tasks] == [3, 3]


def test_two_retries_at_once_start_a_job_once() -> None:
    store_project(GATED, trials=5, param=gated(free=1))
    task = control.submit("p", site=None, n_jobs=1)
    wait_for(lambda: finished_in(task) == 1)
    os.kill(job_pid(task, 0), signal.SIGKILL)
    wait_for(lambda: states(task) == ["lost"])
    open_gate()
    command = [sys.executable, "-m", "hpogrid", "tasks", "retry", "1"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        process.communicate()
    assert 0 in [process.returncode for process in both]
    wait_for(lambda: states(task) == ["done"])
    wait_for(lambda: not any(processes.held(path) for path in task.folder.glob("runner-*.lock")))
    assert [trial.id for trial in trials_of(task)] == [f"0-{n}" for n in range(1, 6)]


def test_a_job_runs_once() -> None:
    store_project(FOREVER)
    task = control.submit("p", site=None, n_jobs=1)
    job_pid(task, 0)
    with pytest.raises(RunError, match=f"task {task.id} is running already"):
        run_here(task, lambda run: None)
    control.kill(task)


def test_a_killed_file_or_a_full_disk_while_starting_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = new_task(store_project(RETURNS), site="local")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(processes, "start_detached", full)
    with pytest.raises(RunError, match=r"cannot write .*runner.log: no space left on device"):
        LocalSite().submit(task)
    assert states(task) == ["lost"]


@contextlib.contextmanager
def held_by(path: Path, identity: Identity) -> Iterator[None]:
    """A lock that is held, and says by whom."""
    handle = processes.take(path)
    assert handle is not None
    path.write_bytes(msgspec.json.encode(identity))
    try:
        yield
    finally:
        processes.release([handle])


def test_a_job_of_another_machine_is_not_signalled_by_its_number() -> None:
    """Who shares the user directory need not share the processes."""
    task = new_task(store_project(RETURNS), site="local")
    bystander = subprocess.Popen(["sleep", "60"], start_new_session=True)
    there = Identity("node-a", "another boot", bystander.pid, "1")
    try:
        with held_by(task.job_folder(0) / "job.lock", there):
            said = refused("tasks", "kill", str(task.id), code=Exit.FAILURE)
            assert states(task) == ["running"], "what is not gone is not called killed"
        assert bystander.poll() is None
        assert f"task {task.id} runs on node-a (process {bystander.pid} there)" in said
        assert f"type 'hpogrid tasks kill {task.id}' on node-a" in said
        assert states(task) == ["lost"]
    finally:
        bystander.kill()
        bystander.wait()


def test_a_number_that_went_to_another_process_is_not_signalled() -> None:
    bystander = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        here = this_process()
        gone = msgspec.structs.replace(here, pid=bystander.pid, begun="1")
        gone.signal(signal.SIGKILL)
        assert not gone.lives
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_job_that_does_not_end_is_not_called_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_GRACE_SECONDS", 0.1)
    task = new_task(store_project(RETURNS, grace_seconds=0.1), site="local")
    gone = msgspec.structs.replace(this_process(), pid=2**22 - 1, begun="1")
    with (
        held_by(task.job_folder(0) / "job.lock", gone),
        pytest.raises(RunError, match="job 0 did not end"),
    ):
        LocalSite().kill(task, [0])
    assert states(task) == ["lost"]


# --- locks -------------------------------------------------------------------------------------


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    assert not processes.held(path)
    handle = processes.take(path)
    assert handle is not None
    assert processes.held(path)
    assert processes.holder(path) is None
    processes.write_holder(handle)
    assert processes.holder(path) == this_process()
    assert processes.take(path) is None
    processes.release([handle])
    assert not processes.held(path)
    again = processes.take(path)
    assert again is not None
    assert processes.holder(path) is None, "the number of an earlier holder is nobody's"
    processes.release([again])


@pytest.mark.parametrize("text", ["", "-1", "1234", "x", '{"pid": 1}'])
def test_what_is_no_identity_is_no_holder(tmp_path: Path, text: str) -> None:
    handle = processes.take(tmp_path / "lock")
    assert handle is not None
    (tmp_path / "lock").write_text(text)
    assert processes.held(tmp_path / "lock")
    assert processes.holder(tmp_path / "lock") is None
    processes.release([handle])


def test_patience(tmp_path: Path) -> None:
    handle = processes.take(tmp_path / "lock")
    assert handle is not None
    timer = threading.Timer(0.1, processes.release, [[handle]])
    timer.start()
    second = processes.take(tmp_path / "lock", patience=5.0)
    timer.join()
    assert second is not None
    began = time.monotonic()
    assert processes.take(tmp_path / "lock", patience=0.05) is None
    assert time.monotonic() - began < 2
    processes.release([second])


def test_several_locks_or_none(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(3)]
    one = processes.take(paths[1])
    assert one is not None
    assert processes.take_several(paths, 3) is None
    assert not processes.held(paths[0])
    two = processes.take_several(paths, 2)
    assert two is not None
    assert processes.take(paths[2]) is None
    processes.release([one, *two])


def test_a_detached_process_holds_its_lock_until_it_ends(tmp_path: Path) -> None:
    handle = processes.take(tmp_path / "lock")
    assert handle is not None
    process = processes.start_detached(
        ["sleep", "1000"], locks=[handle], stdout=tmp_path / "out", stderr=tmp_path / "out"
    )
    processes.release([handle])
    found = processes.holder(tmp_path / "lock")
    assert found is not None
    assert (found.pid, found.here, found.lives) == (process.pid, True, True)
    process.kill()
    process.wait()
    assert processes.holder(tmp_path / "lock") is None
