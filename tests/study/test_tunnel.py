"""A server behind SSH, with a real sshd on this machine."""

from __future__ import annotations

import getpass
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpogrid.engine.assignment import JobSpec
from hpogrid.engine.run import Run
from hpogrid.errors import UserError
from hpogrid.site.serving import places
from hpogrid.site.tasks import new_task
from hpogrid.ssh import CONFIG
from hpogrid.study.serve.client import Client, Unreachable
from hpogrid.study.serve.tokens import read_or_make_token
from hpogrid.study.serve.tunnel import Tunnel
from hpogrid.study.study import read_study
from tests.engine.test_sharing import evaluate
from tests.projects import store_project
from tests.study.services import connects, free_port, machines, running, ssh_server
from tests.study.serving import certificate_for

PROGRAM = Path(sys.executable).with_name("hpogrid")


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of the server behind an sshd that lets in who has our key."""
    monkeypatch.setenv(CONFIG, str(tmp_path / "config"))
    with ssh_server(tmp_path, HPOGRID_HOME=os.environ["HPOGRID_HOME"]) as port:
        yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}{PROGRAM}"
    end_servers()


def end_servers() -> None:
    """End the servers in the background, of this user directory."""
    home = os.environ["HPOGRID_HOME"].encode()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if b"\0serve\0" in (place / "cmdline").read_bytes() and (b"HPOGRID_HOME=" + home) in (
                place / "environ"
            ).read_bytes().split(b"\0"):
                os.kill(int(place.name), signal.SIGKILL)
        except OSError:
            continue


@pytest.mark.engine
def test_a_search_through_ssh_outlives_its_server(sshd: str, tmp_path: Path) -> None:
    project = store_project(trials=3, storage=sshd)
    task = new_task(project, site="local", n_jobs=1)
    place = tmp_path / "machine"
    spec = JobSpec(0, task.seed, place / "ledger", place / "trials", True, 1)
    run = Run(task.read_project(), spec)
    evaluate(run)
    end_servers()
    while not run.over:
        evaluate(run)
    run.close()
    run.hand_over()
    (found,) = places().values()
    assert len(read_study(found.ledgers)[0].finished) == 3


@pytest.mark.engine
def test_jobs_that_see_only_the_submit_node_reach_a_server_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the relay of docs/sharing.md; the certificate names the submit node."""
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setenv("HPOGRID_TOKEN", read_or_make_token())
    certificate, key = certificate_for(tmp_path, "10.98.0.2")
    monkeypatch.setenv("HPOGRID_CA_FILE", str(certificate))
    port = free_port()
    task = new_task(
        store_project(trials=3, storage=f"https://10.98.0.2:{port}"), site="local", n_jobs=2
    )
    serve = [str(PROGRAM), "serve", "--port", str(port), "--cert", str(certificate)]
    relay = ["ssh", "-F", str(tmp_path / "config"), "-o", "HostName=10.98.1.2", "-N", "-g"]
    relay += ["-L", f"{port}:127.0.0.1:{port}", "far"]
    with (
        machines("jobs", "submit", "server") as (jobs, submit, server),
        ssh_server(tmp_path, server),
        running([*serve, "--key", str(key)], port, at=server),
        running(relay, port, at=submit),
    ):
        assert not connects("10.98.1.2", port, jobs)
        command = [*jobs, sys.executable, "-m", "tests.study.far_job", str(task.id)]
        ends = [
            subprocess.Popen([*command, str(job), str(tmp_path / f"machine-{job}")])
            for job in range(2)
        ]
        assert [process.wait(240) for process in ends] == [0, 0]
    assert len(read_study(task.ledgers)[0].finished) == 6


def test_what_is_no_way_to_a_server_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in ("ssh://", "ssh://-oProxyCommand=x", "ssh://host/a;b", "ssh://a b"):
        with pytest.raises(UserError, match="write ssh://USER@HOST"):
            Tunnel(url)
    monkeypatch.setenv(CONFIG, os.devnull)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        client = Client(f"ssh://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(Unreachable, match=r"ssh to 127\.0\.0\.1: "):
            client.tasks()
