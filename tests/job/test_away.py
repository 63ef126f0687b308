"""A job whose files the batch system carries, without one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hpogrid.errors import UserError
from hpogrid.job.settings import ENTRY, PACKED, PASS, STATE
from hpogrid.site import control, make_site, transfer
from hpogrid.site.carry import write_archive
from hpogrid.site.script import ARCHIVE
from hpogrid.site.serving import task_key
from hpogrid.site.tasks import Task, load_task, new_task, project_at
from hpogrid.study.serve.tokens import Keyring, list_tokens, revoke
from hpogrid.study.study import read_study
from tests.projects import GATED, gated, open_gate, store_project, wait_for

SITE = "htcondor-transfer"


class Node:
    """A machine with a folder for the job, where HTCondor's part is done by hand."""

    def __init__(self, task: Task, folder: Path) -> None:
        self.task, self.folder = task, folder
        self.state = task.job_folder(0) / STATE
        self.there = folder / STATE

    def start(self) -> subprocess.Popen[bytes]:
        """Carry everything there, and begin."""
        transfer._make_state(self.task, 0)
        self.folder.mkdir()
        archive = self.folder / ARCHIVE
        write_archive(transfer._content(self.task, project_at(self.task, SITE)), archive)
        unpacked = self.folder / "task"
        unpacked.mkdir()
        subprocess.run(["tar", "xzf", str(archive), "-C", str(unpacked)], check=True)
        subprocess.run(["cp", "-r", str(self.state), str(self.there)], check=True)
        command = [sys.executable, str(unpacked / ENTRY), "--away", "0"]
        return subprocess.Popen(command, cwd=self.folder)

    def carry_back(self) -> None:
        subprocess.run(["cp", "-r", f"{self.there}/.", str(self.state)], check=True)

    def finished(self) -> int:
        """How many finished trials are in what would be carried back at this moment."""
        return len(list(read_study(self.there)[0].finished)) if self.there.is_dir() else 0

    def driver(self, job: subprocess.Popen[bytes]) -> int:
        children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
        (child,) = map(int, children)
        return child


@pytest.fixture
def task(home: Path) -> Task:
    """A task whose trials wait at the gate after the first one."""
    project = store_project(GATED, trials=3, param=gated(1), grid={"site": SITE})
    return new_task(project, site=SITE)


@pytest.mark.engine
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_goes_on_from_what_came_home(
    task: Task, tmp_path: Path, kind: signal.Signals
) -> None:
    node = Node(task, tmp_path / "first")
    job = node.start()
    wait_for(lambda: node.finished() == 1, 60)
    if kind == signal.SIGTERM:
        job.send_signal(kind)
        assert job.wait(60) == 130
        assert (node.there / PACKED).exists()
    else:
        os.kill(node.driver(job), kind)
        assert job.wait(60) == -kind
    node.carry_back()
    make_site(SITE).fetch(task)
    assert [trial.id for trial in read_study(task.ledgers)[0].finished] == ["0-1"]

    open_gate()
    node = Node(task, tmp_path / "second")
    assert node.start().wait(60) == 0
    node.carry_back()
    transfer.take_in(task, 0)
    study = read_study(task.ledgers)[0]
    assert sorted(trial.id for trial in study.finished) == ["0-1", "0-2", "0-3"]
    assert control.read_logs(task.id, None, "0-3")
    assert len(list(task.ledgers.glob("job-0000.*"))) == 2


def test_taking_in_twice_or_while_it_comes_is_the_same(task: Task) -> None:
    transfer._make_state(task, 0)
    came, ledger = task.job_folder(0) / STATE / "job-0000.001.jsonl", task.ledgers
    for text in ("one\ntw", "one\ntwo\n", "one\n"):
        came.write_text(text)
        transfer.take_in(task, 0)
        transfer.take_in(task, 0)
    assert (ledger / came.name).read_text() == "one\ntwo\n"
    transfer._make_state(task, 0)
    assert came.read_text() == "one\ntwo\n"


def test_jobs_of_a_server_get_a_token_for_their_task(home: Path) -> None:
    project = store_project(GATED, storage="https://127.0.0.1:8765", grid={"site": SITE})
    task = new_task(project, site=SITE, n_jobs=2)
    text = transfer._token(task, project)
    assert text is not None
    assert transfer._token(task, project) == text, "jobs that run have it"
    transfer._make_state(task, 0, text)
    token = task.job_folder(0) / STATE / PASS
    assert (token.read_text(), token.stat().st_mode & 0o777) == (text, 0o600)
    known = Keyring().find(text)
    assert known is not None
    assert (known.name, known.right, known.task) == (f"task-{task.id}", "write", task_key(task))
    revoke(known.name)
    assert transfer._token(task, project) not in (None, text)


@pytest.mark.parametrize(
    ("storage", "environment"),
    [
        (None, {}),
        ("ssh://me@my.host", {}),
        ("postgresql://my.host/db", {}),
        ("https://my.host:8765", {"HPOGRID_TOKEN_FILE": "token"}),
    ],
)
def test_jobs_that_need_no_token_get_none(
    home: Path, storage: str | None, environment: dict[str, str]
) -> None:
    grid = {"site": SITE, "environment": environment}
    project = store_project(GATED, storage=storage, grid=grid)
    assert transfer._token(new_task(project, site=SITE), project) is None
    assert list_tokens() == []


def test_what_needs_a_folder_of_this_machine_is_refused(home: Path) -> None:
    store_project(GATED, grid={"site": SITE, "inDS": str(home)})
    with pytest.raises(UserError, match="inDS: jobs at htcondor-transfer see no folder"):
        control.plan("p", site=None, n_jobs=1)


def test_a_container_is_refused(home: Path) -> None:
    store_project(GATED, grid={"site": SITE, "container": "docker://python:3.12"})
    with pytest.raises(UserError, match="container: at htcondor-transfer jobs run without"):
        control.plan("p", site=None, n_jobs=1)


def test_the_submit_file_says_what_goes_and_what_comes_back(home: Path) -> None:
    extra = {"transfer_input_files": "/home/u/token"}
    store_project(GATED, grid={"site": SITE, "extra": extra})
    text = "\n".join(control.plan("p", site=None, n_jobs=3))
    assert "transfer_input_files = /home/u/token" in text
    assert (
        "  transfer_input_files = ../../batch/001/task.tgz, state, $(transfer_input_files)\n"
        "  queue job in (0, 1, 2)"
    ) in text
    assert "each is a search of its own" in text


def test_a_task_elsewhere_does_not_grow_there(task: Task) -> None:
    from hpogrid.site.elastic import extend

    with pytest.raises(UserError, match="have a copy of the task of their own"):
        extend(load_task(task.id), 1)
