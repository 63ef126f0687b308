"""A real HTCondor pool. Its jobs run as www-data on a "node" with another Debian."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.boot import engine, environment, open_folder, python_of_this_test
from tests.engines.cluster import ClusterContract, User, ended, hpogrid, run, wait_until
from tests.servers import free_port
from tests.study.serving import certificate_for

pytestmark = pytest.mark.engine


@pytest.fixture(scope="class")
def pool(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The folder of submitters, which jobs share unless their class says otherwise."""
    hidden = "" if request.cls.shared else "/tmp"
    with open_folder("condor-home") as shared, open_folder("condor") as folder:
        shared.chmod(0o777)
        with (
            environment(HIDDEN=hidden),
            engine("htcondor", folder, str(shared), *python_of_this_test(), seconds=900) as tools,
            environment(PATH=f"{tools}:{os.environ['PATH']}", LOGNAME="www-data"),
        ):
            yield shared


class TestHTCondor(ClusterContract):
    shared = True
    site = "htcondor"
    died = "killed by signal 9"
    limited = '{"allowed_job_duration": 30}'
    held = '{"hold": true}'
    refused = '{"requirements": "((("}'
    refusal = "HTCondor refused the job"

    def requeue(self, array: str) -> None:
        run("condor_vacate_job", f"{array}.0")

    @pytest.fixture
    def user(self, pool: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
        home = pool / "home"
        monkeypatch.setenv("HPOGRID_HOME", str(home))
        yield User(home)
        shutil.rmtree(home)


ALONE = '''
import itertools
import os
import time
from pathlib import Path

HOME = {home!r}
SCRATCH = Path(os.environ.get("_CONDOR_SCRATCH_DIR", "."))
begun = itertools.count(1)

def train(config):
    """One trial, whose loss no other has; the first attempts of jobs get no further than four."""
    assert not os.path.exists(HOME), "the job sees the folder of the user"
    job = os.environ["HPOGRID_JOB"]
    if next(begun) == 4 and not list(SCRATCH.rglob("*.002.jsonl")):
        if job == "1":
            guard = Path(f"/proc/{{os.getppid()}}/stat").read_text()
            os.kill(int(guard.rpartition(")")[2].split()[1]), 9)  # the driver
        time.sleep(600)
    time.sleep(0.2)
    print("a trial of job", job)
    return {{"loss": time.time()}}
'''

TOGETHER = """
import os
import time

def train(config):
    assert not os.path.exists({home!r}), "the job sees the folder of the user"
    time.sleep(0.2)
    return {{"loss": config["a"] + config["b"]}}
"""


class TestTransfer:
    """Nodes that see no folder of the machine from which one submits."""

    shared = False

    @pytest.fixture
    def user(self, pool: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
        home = pool / "home"
        monkeypatch.setenv("HPOGRID_HOME", str(home))
        yield User(home)
        shutil.rmtree(home)

    def make(self, user: User, trials: int) -> None:
        user.make(site="htcondor-transfer", trials=trials)
        (user.home / "train.py").write_text(ALONE.format(home=str(user.home)))
        hpogrid("project", "update", "p", "--scripts_path", str(user.home / "train.py"))

    def losses(self, user: User, job: int) -> dict[str, str]:
        """When each finished trial of a job ended, by its id."""
        rows = user.report()
        return {row["trial"]: row["loss"] for row in rows if row["trial"].startswith(f"{job}-")}

    def test_what_jobs_find_out_comes_home_however_they_end(self, user: User) -> None:
        self.make(user, 8)
        task = user.submit(3)
        native = json.loads((user.home / f"tasks/{task}/task.json").read_text())["native"]
        array = native["arrays"][0]["id"]
        wait_until(lambda: len(self.losses(user, 0)) == 3, 120)  # while it runs
        run("condor_vacate_job", f"{array}.0")
        wait_until(lambda: len(self.losses(user, 0)) == 8, 200)
        wait_until(lambda: len(self.losses(user, 2)) == 3, 120)
        hpogrid("tasks", "kill", task, "--job", "2")
        assert user.wait(task, ended, 120) == ["done", "failed", "killed"]
        assert user.jobs(task)[1][1] == "killed by signal 9"
        before = {job: self.losses(user, job) for job in range(3)}
        assert [len(losses) for losses in before.values()] == [8, 3, 3]

        hpogrid("tasks", "retry", task)
        assert user.wait(task, ended, 120) == ["done"] * 3
        for job in range(3):
            after = self.losses(user, job)
            assert len(after) == 8
            assert before[job].items() <= after.items()  # nothing was evaluated again
        assert "a trial of job 2" in hpogrid("tasks", "logs", task, "--trial", "2-8")

    def test_jobs_are_one_search_through_a_server(self, user: User) -> None:
        certificate, key = certificate_for(user.home)
        port = str(free_port())
        serve = ["serve", "--port", port, "--cert", str(certificate), "--key", str(key)]
        user.make(site="htcondor-transfer", trials=20)
        (user.home / "train.py").write_text(TOGETHER.format(home=str(user.home)))
        hpogrid("hpo_config", "update", "h", "--storage", f"https://127.0.0.1:{port}")
        hpogrid("grid_config", "update", "g", "--environment", '{"HPOGRID_CA_FILE": "cert.pem"}',
                "--extra", json.dumps({"transfer_input_files": str(certificate)}))  # fmt: skip
        hpogrid("project", "update", "p", "--scripts_path", str(user.home / "train.py"),
                "--hpo_config", "h", "--grid_config", "g")  # fmt: skip
        certificate.chmod(0o644)
        with subprocess.Popen([sys.executable, "-m", "hpogrid", *serve]) as server:
            try:
                task = user.submit(2)
                assert user.wait(task, ended, 200) == ["done"] * 2, user.jobs(task)
            finally:
                server.send_signal(signal.SIGINT)
        rows = user.report()
        assert Counter(row["trial"].partition("-")[0] for row in rows) == {"0": 20, "1": 20}
        assert len({(row["a"], row["b"]) for row in rows}) == 40  # all of the space, each once
        assert f"task-{task}" in hpogrid("serve", "tokens", "list")
