"""The I/O of batch sites, on a fake batch system."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hpogrid.config.assemble import assemble
from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
from hpogrid.config.store import STORES
from hpogrid.errors import RunError, UserError
from hpogrid.registry import Entry
from hpogrid.site import SITES, control
from hpogrid.site.arrays import arrays_of
from hpogrid.site.base import ACTIVE, Unsure
from hpogrid.site.batchsystem import Member, MemberState, Request, Target
from hpogrid.site.cluster import Cluster
from hpogrid.site.tasks import Task, find_tasks, load_task
from hpogrid.space.dialects import read_space
from hpogrid.study.study import read_study
from tests.site import fake, fakebatch

SPACE = {"x": {"method": "uniform", "dimension": {"low": -5, "high": 5}}}

SCRIPT = """
import os, time
from pathlib import Path

def train(config):
    here = Path(os.environ["HPOGRID_HOME"]) / "switch"
    job = Path.cwd().parents[2].name
    while (here / f"slow-{job}").exists():
        time.sleep(0.05)
    if (here / f"dead-{job}").exists():
        driver = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1]
        os.kill(int(driver), 9)
        time.sleep(60)
    return {"loss": config["x"] ** 2}
"""

MakeProject = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeProject]:
    """Makes the project ``p`` for the fake site; its keywords are settings of the grid config."""
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(fake.STATE, str(tmp_path / "state"))
    entry = Entry("tests.site.fake:site", "for tests")
    monkeypatch.setattr(SITES, "_entries", {**SITES._entries, "fake": entry})
    monkeypatch.setattr("hpogrid.site.states._GRACE_SECONDS", 0.3)
    (tmp_path / "home" / "switch").mkdir(parents=True)

    def make(trials: int = 2, **grid: Any) -> str:
        scripts = tmp_path / "train.py"
        scripts.write_text(SCRIPT)
        space, _ = read_space(SPACE, "s")
        config = GridConfig(site="fake", **grid)
        hpo = HpoConfig(
            metric="loss", mode="min", trials=trials, scheduler_param={"max_concurrent": 1}
        )
        model = ModelConfig(script="train.py", model="train")
        for kind, item in {
            "hpo_config": hpo,
            "grid_config": config,
            "model_config": model,
            "search_space": space,
        }.items():
            STORES[kind].create("c", item)
        names = dict.fromkeys(("hpo_config", "grid_config", "model_config", "search_space"), "c")
        assemble("p", scripts, names, check=False)
        return "p"

    yield make
    for array in (tmp_path / "state").glob("*"):
        fakebatch.kill(tmp_path / "state", array.name)


def switch(name: str, on: bool = True) -> None:
    path = Path(os.environ["HPOGRID_HOME"]) / "switch" / name
    path.touch() if on else path.unlink()


def states(task: Task) -> list[str]:
    return [job.state for job in control.overview([task])[0].jobs]


def wait(task: Task, wanted: Callable[[list[str]], bool], seconds: float = 30) -> list[str]:
    """Look at a task until its jobs' states are as wanted."""
    end = time.monotonic() + seconds
    while not wanted(found := states(task)):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def ended(found: list[str]) -> bool:
    return not any(state in (*ACTIVE, "unknown") for state in found)


def test_array_runs_to_done(project: MakeProject) -> None:
    task = control.submit(project(max_jobs=2), site=None, n_jobs=3)
    assert wait(task, ended) == ["done"] * 3
    study, _ = read_study(task.ledgers)
    assert sorted(trial.id for trial in study.finished) == [
        f"{job}-{number}" for job in range(3) for number in (1, 2)
    ]
    assert "2 trials finished" in control.read_logs(task.id, 1, None)[0]
    assert [array.jobs for array in arrays_of(task)] == [[0, 1, 2]]


def test_a_task_of_an_earlier_version_goes_on(project: MakeProject) -> None:
    """Its submissions did not say where they were made."""
    switch("slow-0")
    task = control.submit(project(), site=None, n_jobs=1)
    wait(task, lambda found: found == ["running"])
    for array in task.native["arrays"]:
        del array["site"]
    task.native["point"] = True
    task.save()
    (stored,) = find_tasks()
    assert stored.point
    assert states(stored) == ["running"]
    control.kill(stored)
    assert wait(stored, ended) == ["killed"]


def test_killed_and_retried_alone(project: MakeProject) -> None:
    switch("slow-1")
    switch("dead-2")
    task = control.submit(project(), site=None, n_jobs=3)
    wait(task, lambda found: found == ["done", "running", "failed"])
    control.kill(task)
    assert wait(task, ended) == ["done", "killed", "failed"]
    reasons = [job.reason for job in control.overview([task])[0].jobs]
    assert reasons[1:] == ["killed by 'hpogrid tasks kill'", "exit code -9"]
    switch("slow-1", False)
    switch("dead-2", False)
    assert control.retry(task) == [1, 2]
    assert wait(task, ended) == ["done"] * 3
    assert [array.jobs for array in arrays_of(task)] == [[0, 1, 2], [1, 2]]
    study, _ = read_study(task.ledgers)
    assert len(study.finished) == 6
    files = sorted(path.name for path in task.ledgers.glob("*.jsonl"))
    assert files == [f"job-{job:04d}.{attempt:03d}.jsonl" for job, attempt in
                     [(0, 1), (1, 1), (1, 2), (2, 1), (2, 2)]]  # fmt: skip


def test_a_kill_that_was_refused_explains_no_later_end(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch("slow-0")
    task = control.submit(project(), site=None, n_jobs=1)
    wait(task, lambda found: found == ["running"])
    real = fake.Fake.kill
    refusal = [sys.executable, "-c", "raise SystemExit('Socket timed out')"]
    monkeypatch.setattr(fake.Fake, "kill", lambda self, targets: refusal)
    with pytest.raises(RunError, match="Fake did not kill 1: Socket timed out"):
        control.kill(task)
    ((array, *_),) = [arrays_of(task)]
    subprocess.run(real(fake.Fake(), [(array.id, None)]), check=True)  # somebody else does
    assert wait(task, ended) == ["failed"]
    assert control.overview([task])[0].jobs[0].reason == "exit code -9"


def test_vanished_job_is_lost_and_retryable(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch("slow-0")
    task = control.submit(project(), site=None, n_jobs=1)
    wait(task, lambda found: found == ["running"])
    monkeypatch.setattr(fake.Fake, "in_queue", lambda self, code, text: {})
    monkeypatch.setattr(fake.Fake, "in_history", lambda self, code, text: {})
    Cluster(fake.Fake()).forget()
    assert wait(task, ended) == ["lost"]
    assert "knows no such job" in str(control.overview([task])[0].jobs[0].reason)
    assert control.retryable(task) == [0]


def test_refused_submission_leaves_nothing(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["sh", "-c", "echo 'no such queue: x' >&2; exit 1"]
    monkeypatch.setattr(fake.Fake, "submit", lambda self, request: command)
    with pytest.raises(RunError, match="Fake refused the job: no such queue: x"):
        control.submit(project(), site=None, n_jobs=2)
    assert find_tasks() == []


def test_refused_retry_keeps_what_was_submitted(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch("dead-0")
    task = control.submit(project(), site=None, n_jobs=2)
    assert wait(task, ended) == ["failed", "done"]
    monkeypatch.setattr(fake.Fake, "submit", lambda self, request: ["false"])
    with pytest.raises(RunError, match="refused"):
        control.retry(task)
    assert states(task) == ["failed", "done"]
    assert control.retryable(task) == [0]


def test_a_retry_that_cannot_be_forgets_nothing(project: MakeProject, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.mkdir()
    task = control.submit(
        project(container=str(image), container_runtime="charliecloud"), site=None, n_jobs=1
    )
    assert wait(task, ended) == ["failed"]
    before = control.overview([task])[0].jobs
    image.rmdir()
    with pytest.raises(UserError, match="there is no image"):
        control.retry(task)
    assert control.overview([task])[0].jobs == before


def test_without_arrays_each_job_is_submitted_on_its_own(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was submitted before one is refused is kept, and the others can be retried."""
    monkeypatch.setattr(fake.Fake, "arrays", False)
    monkeypatch.setattr(fake.Fake, "member", '"$1"')
    refused = [2]

    def one(self: fake.Fake, request: Request) -> list[str]:
        if request.only in refused:
            return ["sh", "-c", "echo 'you have too many jobs' >&2; exit 1"]
        script = request.folder / f"{request.only}.sh"
        if request.folder.is_dir() and not script.exists():  # it may be running
            script.write_text(f"#!/bin/sh\nexec {request.script} {request.only}\n")
            script.chmod(0o755)
        return self._command("submit", str(script), "1", "0")

    monkeypatch.setattr(fake.Fake, "submit", one)
    message = (
        "Fake refused the job: you have too many jobs; 1 of 3 jobs were submitted, "
        "'hpogrid tasks retry 1' submits the others"
    )
    with pytest.raises(RunError, match=message):
        control.submit(project(), site=None, n_jobs=3)
    (task,) = find_tasks()
    assert [array.jobs for array in arrays_of(task)] == [[0]]
    assert wait(task, ended) == ["done", "failed", "failed"]
    reasons = {job.reason for job in control.overview([task])[0].jobs[1:]}
    assert reasons == {"not submitted: Fake refused the job: you have too many jobs"}
    refused.clear()
    assert control.retry(task) == [1, 2]
    assert wait(task, ended) == ["done"] * 3
    (task,) = find_tasks()
    assert [(array.jobs, array.first) for array in arrays_of(task)] == [
        ([0], 1), ([1], 1), ([2], 2),
    ]  # fmt: skip


def test_scheduler_that_is_not_here(project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake.Fake, "submit", lambda self, request: ["nosuchprogram"])
    with pytest.raises(RunError, match=r"Fake is not on this machine.*nosuchprogram"):
        control.submit(project(), site=None, n_jobs=1)


def test_scheduler_that_does_not_answer(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch("slow-0")
    task = control.submit(project(), site=None, n_jobs=1)
    monkeypatch.setattr("hpogrid.site.commands.run_command.__kwdefaults__", {"seconds": 0.2})
    monkeypatch.setattr(fake.Fake, "queue", lambda self, arrays: ["sleep", "5"])
    Cluster(fake.Fake()).forget()
    item = control.overview([task])[0]
    assert [job.state for job in item.jobs] == ["unknown"]
    assert item.status == "unknown"
    with pytest.raises(RunError, match=r"'sleep 5' took longer than 0\.2 s"):
        control.kill(task)


def test_unknown_option_lists_the_valid_ones(project: MakeProject) -> None:
    with pytest.raises(UserError, match=r"did you mean color.*valid: color, flag"):
        control.submit(project(extra={"colour": "red"}), site=None, n_jobs=1)
    assert find_tasks() == []


@pytest.mark.slow
def test_one_question_for_all_tasks_and_fewer_with_time(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch("slow-0")
    name = project()
    tasks = [control.submit(name, site=None, n_jobs=1) for _ in range(3)]
    wait(tasks[2], lambda found: found == ["running"])
    asked: list[float] = []
    queue = fake.Fake.queue

    def counted(self: fake.Fake, arrays: Sequence[str]) -> list[str]:
        asked.append(time.time())
        return queue(self, arrays)

    monkeypatch.setattr(fake.Fake, "queue", counted)
    now = [time.time() + 100]
    monkeypatch.setattr(time, "time", lambda: now[0])
    for _ in range(600):  # ten minutes of looking every second
        assert len(control.overview(tasks)) == 3
        now[0] += 1
    assert len(asked) < 40


def test_dry_run_prints_script_and_command(project: MakeProject) -> None:
    lines = control.plan(project(max_jobs=5, extra={"color": "red"}), site=None, n_jobs=16)
    text = "\n".join(lines)
    assert "batch/001/job.sh 16 5" in text
    assert "#FAKE color red" in text
    assert find_tasks() == []


def test_script_survives_odd_folder_names(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    odd = tmp_path / "it's a $HOME; `x`"
    odd.mkdir()
    name = project()
    (tmp_path / "home").rename(odd / "home")
    monkeypatch.setenv("HPOGRID_HOME", str(odd / "home"))
    task = control.submit(name, site=None, n_jobs=1)
    assert wait(task, ended) == ["done"]


def test_state_of_a_task_survives_a_new_process(project: MakeProject) -> None:
    switch("dead-0")
    task = control.submit(project(), site=None, n_jobs=1)
    assert wait(task, ended) == ["failed"]
    saved = msgspec.json.decode((task.job_folder(0) / "ended.json").read_bytes())
    assert saved["state"] == "failed"


# --- submissions ---------------------------------------------------------------------------------

ACCEPTS_OTHERWISE = "echo 'the wrapper took your job'"
"""An answer of a site's own wrapper, which says no number."""


def answering(real: Callable[..., list[str]], words: str) -> Callable[..., list[str]]:
    """A submission that is done, and answered otherwise."""

    def submit(self: fake.Fake, request: Request) -> list[str]:
        return ["sh", "-c", f'"$@" >/dev/null; {words}', "sh", *real(self, request)]

    return submit


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (ACCEPTS_OTHERWISE, "the wrapper took your job"),
        ("echo 'Socket timed out on send/recv operation' >&2; exit 1", "Socket timed out"),
        ("exec sleep 5", "took longer than 0.5 s"),
    ],
)
def test_an_answer_that_leaves_it_open_keeps_the_task(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch, words: str, said: str
) -> None:
    """Neither accepted nor refused: the jobs may run, and are looked for by their name."""
    monkeypatch.setattr("hpogrid.site.commands.run_command.__kwdefaults__", {"seconds": 0.5})
    monkeypatch.setattr(fake.Fake, "submitted", lambda self, code, text: None)
    monkeypatch.setattr(fake.Fake, "submit", answering(fake.Fake.submit, words))
    switch("slow-0")  # or it is done before anybody looks
    with pytest.raises(Unsure, match=rf"not known whether Fake took the job.*{said}"):
        control.submit(project(), site=None, n_jobs=2)
    (task,) = find_tasks()
    first = control.overview([task])[0].jobs[0]
    assert (first.state, "may have it or not" in str(first.reason)) == ("queued", True)
    with pytest.raises(RunError, match=r"may have taken hpogrid\.p"):
        control.kill(task)
    monkeypatch.setattr(fake.Fake, "search", lambda self, name: ["echo", "1"])
    monkeypatch.setattr(fake.Fake, "found", lambda self, code, text, name: text.strip())
    switch("slow-0", False)
    assert wait(task, ended) == ["done"] * 2
    assert [array.id for array in arrays_of(find_tasks()[0])] == ["1"]


def test_what_was_not_taken_after_all_is_lost(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fake.Fake.submit
    monkeypatch.setattr(fake.Fake, "submit", lambda self, request: ["echo", ""])
    monkeypatch.setattr(fake.Fake, "submitted", lambda self, code, text: text.strip() or None)
    with pytest.raises(Unsure):
        control.submit(project(), site=None, n_jobs=1)
    (task,) = find_tasks()
    monkeypatch.setattr("hpogrid.site.states._UNSURE_SECONDS", 0)
    (job,) = control.overview([task])[0].jobs
    assert (job.state, "it was not taken" in str(job.reason)) == ("lost", True)
    monkeypatch.setattr(fake.Fake, "submit", real)
    assert control.retry(task) == [0]
    assert wait(task, ended) == ["done"]


def test_more_jobs_than_an_array_takes(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake.Fake, "settings", lambda self: ["echo", "2"])
    monkeypatch.setattr(fake.Fake, "largest_array", lambda self, text: int(text))
    task = control.submit(project(trials=1), site=None, n_jobs=5)
    assert wait(task, ended) == ["done"] * 5
    assert [array.jobs for array in arrays_of(task)] == [[0, 1], [2, 3], [4]]


def test_several_arrays_keep_to_max_jobs_together(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An array waits until others have ended, if each of them runs one job already."""
    monkeypatch.setattr("hpogrid.site.waves._WAVE_SECONDS", 0.2)
    monkeypatch.setattr(fake.Fake, "settings", lambda self: ["echo", "2"])
    monkeypatch.setattr(fake.Fake, "largest_array", lambda self, text: int(text))
    for job in range(4):
        switch(f"slow-{job}")
    task = control.submit(project(trials=1, max_jobs=2), site=None, n_jobs=5)
    assert [(array.jobs, array.most) for array in arrays_of(task)] == [([0, 1], 1), ([2, 3], 1)]
    wait(task, lambda found: found.count("running") == 2)
    last = control.overview([task])[0].jobs[4]
    assert last.state == "queued"
    assert last.reason == "waiting to be submitted: as many run as max_jobs allows"
    for job in range(4):
        switch(f"slow-{job}", False)
    assert wait(task, ended) == ["done"] * 5
    assert arrays_of(task)[2].jobs == [4]


class Limit:
    """A limit of submitted jobs, as a cluster may have one for a user."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
        self.most = most
        self.asked: list[int] = []  # also for the comment in a script
        self.words = "you reached the limit"
        self._real, self._state = fake.Fake.submit, Path(os.environ[fake.STATE])
        monkeypatch.setattr(fake.Fake, "submit", lambda _, request: self.submit(request))
        monkeypatch.setattr(fake.Fake, "too_large", ("the limit",))
        monkeypatch.setattr(fake.Fake, "too_many", ("the limit",))
        monkeypatch.setattr("hpogrid.site.waves._WAVE_SECONDS", 0.2)

    def submit(self, request: Request) -> list[str]:
        self.asked.append(request.count)
        members = self._state.glob("*/*")
        there = sum(fakebatch.words_of(path)[0] != "ended" for path in members)
        if there + request.count > self.most:
            return ["sh", "-c", f"echo '{self.words}' >&2; exit 1"]
        return self._real(fake.Fake(), request)


@pytest.mark.slow
def test_more_jobs_than_a_user_may_submit(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As many as are taken are submitted; the others go in when there is room, by themselves."""
    limit = Limit(monkeypatch, 3)
    for job in range(8):
        switch(f"slow-{job}")
    task = control.submit(project(trials=1), site=None, n_jobs=8)
    said = "Fake refused the job: you reached the limit"
    assert f"task 1: 5 of 8 jobs wait to be submitted ({said})" in caplog.text
    assert wait(task, lambda found: found.count("running") == 3)[3:] == ["queued"] * 5
    assert control.overview([task])[0].jobs[7].reason == f"waiting to be submitted: {said}"
    limit.asked.clear()
    time.sleep(0.5)
    states(task)
    assert limit.asked == []  # where nothing has ended there is no room
    switch("slow-0", False)
    wait(task, lambda found: found[0] == "done" and found.count("running") == 3)
    assert set(limit.asked) == {1}
    for job in range(1, 8):
        switch(f"slow-{job}", False)
    (other,) = find_tasks()  # as somebody else sees it
    assert wait(other, ended) == ["done"] * 8
    assert sorted(job for array in arrays_of(other) for job in array.jobs) == list(range(8))


def test_a_look_at_any_task_submits_what_waits_of_all(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    marks = tmp_path / "home/sites/waiting"
    limit = Limit(monkeypatch, 0)
    waiting = control.submit(project(trials=1), site=None, n_jobs=2)
    other = control.submit("p", site="local", n_jobs=1)
    limit.most = 9
    assert [mark.name for mark in marks.iterdir()] == [str(waiting.id)]
    time.sleep(0.3)
    control.overview([other])
    assert [array.jobs for array in arrays_of(load_task(waiting.id))] == [[0, 1]]
    assert list(marks.iterdir()) == []
    assert wait(waiting, ended) == ["done"] * 2


def test_what_waits_can_be_killed_and_submitted_again(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = Limit(monkeypatch, 0)
    task = control.submit(project(trials=1), site=None, n_jobs=2)
    assert states(task) == ["queued", "queued"]
    control.kill(task, [1])
    assert states(task) == ["queued", "killed"]
    control.kill(task)
    assert states(task) == ["killed", "killed"]
    limit.most = 9
    assert control.retry(task) == [0, 1]
    assert wait(task, ended) == ["done"] * 2


def test_what_waits_and_is_refused_then_has_failed(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = Limit(monkeypatch, 0)
    task = control.submit(project(trials=1), site=None, n_jobs=2)
    limit.words = "the queue was closed"
    assert wait(task, ended) == ["failed"] * 2
    reason = control.overview([task])[0].jobs[0].reason
    assert reason == "not submitted: Fake refused the job: the queue was closed"


def test_a_scheduler_that_does_not_answer_is_offered_nothing(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = Limit(monkeypatch, 0)
    task = control.submit(project(trials=1), site=None, n_jobs=1)
    limit.most = 1
    limit.asked.clear()
    with monkeypatch.context() as patch:
        patch.setattr(fake.Fake, "in_queue", lambda self, code, text: None)
        time.sleep(0.3)
        assert states(task) == ["queued"]
        assert limit.asked == []
    assert wait(task, ended) == ["done"]


def test_what_waits_and_is_wrong_by_now_says_so(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking at it fails for nobody."""
    limit = Limit(monkeypatch, 0)
    task = control.submit(project(trials=1), site=None, n_jobs=1)

    def refuse(self: fake.Fake, extra: object) -> None:
        raise UserError("extra: there is no such option")

    with monkeypatch.context() as patch:
        patch.setattr(fake.Fake, "check_options", refuse)
        why = "waiting to be submitted: extra: there is no such option"
        wait(task, lambda _: control.overview([task])[0].jobs[0].reason == why)
    limit.most = 1
    assert wait(task, ended) == ["done"]


def test_a_record_that_cannot_be_read_is_told(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch("dead-0")
    unknown = "echo \"fakehist: unrecognized option '--array'\" >&2; exit 2"
    monkeypatch.setattr(fake.Fake, "history", lambda self, arrays: [["sh", "-c", unknown]])
    monkeypatch.setattr(fake.Fake, "in_history", lambda self, code, text: {} if code == 0 else None)
    task = control.submit(project(), site=None, n_jobs=1)
    assert wait(task, ended) == ["lost"]
    assert "unrecognized option '--array'" in str(control.overview([task])[0].jobs[0].reason)


def test_a_system_that_ends_one_job_for_each_command(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was killed is marked so, command by command."""
    monkeypatch.setattr(fake.Fake, "kill_one", True)
    real, commands = fake.Fake.kill, list[list[str]]()

    def kill(self: fake.Fake, targets: Sequence[Target]) -> list[str]:
        ((_, members),) = targets
        assert members is not None
        commands.append(real(self, targets) if members != [2] else ["false"])
        return commands[-1]

    monkeypatch.setattr(fake.Fake, "kill", kill)
    for job in range(3):
        switch(f"slow-{job}")
    task = control.submit(project(), site=None, n_jobs=3)
    wait(task, lambda found: found == ["running"] * 3)
    with pytest.raises(RunError, match="Fake did not kill 1"):
        control.kill(task)
    assert len(commands) == 3
    assert wait(task, lambda found: found.count("killed") == 2) == ["killed", "running", "killed"]


def test_a_job_that_was_out_of_memory_gets_more(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the others do not: what asks for another amount is an array of its own."""
    asked: list[tuple[int, str | None]] = []
    real, members = fake.Fake.submit, fake.Fake._members

    def submit(self: fake.Fake, request: Request) -> list[str]:
        asked.append((request.count, request.grid.memory))
        return real(self, request)

    def first_is_short(self: fake.Fake, text: str) -> dict[Member, MemberState]:
        found = members(self, text)
        return {
            (array, n): state._replace(reason="out of memory: too much") if n == 1 else state
            for (array, n), state in found.items()
        }

    monkeypatch.setattr(fake.Fake, "submit", submit)
    monkeypatch.setattr(fake.Fake, "_members", first_is_short)
    switch("dead-0")
    switch("dead-1")
    task = control.submit(project(memory="1G", memory_factor=1.5), site=None, n_jobs=2)
    assert wait(task, ended) == ["failed"] * 2
    asked.clear()
    switch("dead-0", False)
    switch("dead-1", False)
    control.retry(find_tasks()[0])
    assert {(1, "1G"), (1, "1536M")} <= set(asked)
    (task,) = find_tasks()
    assert task.short_of_memory == {0: 1}
    assert wait(task, ended) == ["done"] * 2


def test_more_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="memory_factor: of what"):
        GridConfig(memory_factor=2)
