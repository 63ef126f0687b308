"""The parts of the ray engine that need no Ray: actors, folders, the start, the choice of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hpogrid.config.schemas import HpoConfig
from hpogrid.engine import ENGINES, choose_engine
from hpogrid.engine.ray import cluster, daemons, join, nodes
from hpogrid.engine.ray.actor import CUT_OFF, Actor
from hpogrid.engine.ray.engine import share
from hpogrid.errors import RunError, UserError
from hpogrid.trial import session
from hpogrid.trial.guard import PR_SET_CHILD_SUBREAPER, prctl
from hpogrid.trial.messages import Broken, Done, Evaluate, ReportMade, Setup
from hpogrid.trial.worker import left_processes
from tests.projects import alive, store_project, wait_for

SCRIPT = r"""
import os, time
import hpogrid

def train(config):
    os.write(1, f"x is {config['x']}\n".encode())
    try:
        for step in range(1, 4):
            hpogrid.report(loss=config["x"] / step)
    finally:
        os.write(1, b"over\n")
"""


def make_actor(
    folder: Path, script: str = SCRIPT, timeout: float | None = None, grace: float = 10
) -> Actor:
    scripts = folder / "scripts"
    scripts.mkdir(exist_ok=True)
    (scripts / "train_in_ray.py").write_text(script)
    model = {"script": "train_in_ray.py", "model": "train"}
    return Actor(
        Setup(str(scripts), model, ["loss"], str(folder / "logs"), 0, str(folder / "spare"), grace),
        timeout,
    )


def task(folder: Path, trial: str, x: float) -> Evaluate:
    return Evaluate(trial, {"x": x}, 1, 1, 0, str(folder / trial))


@pytest.fixture(autouse=True)
def stay_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(os.getcwd())  # an actor goes to the scripts
    monkeypatch.setattr(session, "_current", None)  # and says which trial runs here
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(10)  # where a trial outlives its actor: it would end what later tests start
    prctl(PR_SET_CHILD_SUBREAPER, 0)  # or what dies in later tests waits for this process


def test_an_actor_hands_on_reports_one_by_one(tmp_path: Path) -> None:
    actor = make_actor(tmp_path)
    actor.take(task(tmp_path, "0-1", 6.0))
    for loss in (6.0, 3.0, 2.0):
        assert actor.advance() == ReportMade("0-1", 1, {"loss": loss})
    assert actor.advance() == Done("0-1", 1)
    actor.end()


def test_a_trial_is_told_to_stop_at_its_last_report(tmp_path: Path) -> None:
    actor = make_actor(tmp_path)
    actor.take(task(tmp_path, "0-1", 1.0))
    actor.advance()
    actor.take(task(tmp_path, "0-2", 8.0))  # ends the first
    assert actor.advance() == ReportMade("0-2", 1, {"loss": 8.0})
    actor.end()
    logs = {path.name: path.read_text() for path in (tmp_path / "logs").iterdir()}
    assert logs == {"0-1.log": "x is 1.0\nover\n", "0-2.log": "x is 8.0\nover\n"}


def test_what_a_trial_leaves_ends_with_it(tmp_path: Path) -> None:
    script = """
import subprocess
def train(config):
    loop = "trap '' TERM; (sleep 600 &); while :; do sleep 0.05; done"
    return {"loss": 1, "pid": subprocess.Popen(["sh", "-c", loop], start_new_session=True).pid}
"""
    actor = make_actor(tmp_path, script, grace=0.1)
    actor.take(task(tmp_path, "0-1", 1.0))
    message = actor.advance()
    assert isinstance(message, Done)
    assert not alive(message.metrics["pid"])
    assert not left_processes(set())
    actor.end()


def test_a_failure_is_the_trials(tmp_path: Path) -> None:
    actor = make_actor(tmp_path, "def train(config):\n    raise ValueError('no')\n")
    actor.take(task(tmp_path, "0-1", 1.0))
    message = actor.advance()
    assert isinstance(message, Done)
    assert message.failure == "ValueError: no"


@pytest.mark.parametrize(
    ("raised", "failure"),
    [
        ("asyncio.CancelledError('out of time')", "CancelledError: out of time"),
        ("GeneratorExit('odd')", "GeneratorExit: odd"),
        (r"ValueError('cannot read caf\udce9')", r"ValueError: cannot read caf\udce9"),
    ],
)
def test_whatever_a_script_raises_is_told(tmp_path: Path, raised: str, failure: str) -> None:
    actor = make_actor(tmp_path, f"import asyncio\ndef train(config):\n    raise {raised}\n")
    actor.take(task(tmp_path, "0-1", 1.0))
    told = actor.advance()
    assert isinstance(told, Done)
    assert told.failure == failure


def test_a_clean_up_that_is_cut_off_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    actor = make_actor(tmp_path, SCRIPT.replace('b"over', 'time.sleep(1) or b"over'), grace=0.1)
    actor.take(task(tmp_path, "0-1", 1.0))
    actor.advance()
    actor.end()
    [note] = (tmp_path / "logs").glob(f"{CUT_OFF}*")
    assert note.read_text().startswith("trial 0-1 was still cleaning up 0.1 s after")
    assert ended == [1]


def test_a_script_that_cannot_be_imported_is_broken(tmp_path: Path) -> None:
    actor = make_actor(tmp_path, "import no_such_module\n")
    actor.take(task(tmp_path, "0-1", 1.0))
    message = actor.advance()
    assert isinstance(message, Broken)
    assert "no_such_module" in message.message


def test_a_node_without_the_folder_says_so(tmp_path: Path) -> None:
    actor = make_actor(tmp_path)
    (tmp_path / "scripts").rename(tmp_path / "elsewhere")
    actor.take(task(tmp_path, "0-1", 1.0))
    message = actor.advance()
    assert isinstance(message, Broken)
    assert "does not see the folder" in message.message


# --- folders and processes ---------------------------------------------------------------------


def test_paths_of_sockets_are_short_whatever_tmpdir_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "very_long/" * 8)
    with daemons.temporary_folder() as folder:
        assert len(f"{folder}/r/session_2026-01-01_00-00-00_000000_4194304/sockets/raylet.1") < 107
    assert not folder.exists()


HOLDS = "import sys, time; held = open(sys.argv[1], 'w'); print(flush=True); time.sleep(600)"


def hold(path: Path) -> subprocess.Popen[bytes]:
    """A process that has a file open."""
    command = [sys.executable, "-c", HOLDS, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_nothing_is_left_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "short_parent", lambda: tmp_path)
    with daemons.temporary_folder() as folder, hold(folder / "log") as process:
        daemons.sweep(folder)
        assert process.wait(10) == -signal.SIGKILL
    assert not list(tmp_path.iterdir())


def test_what_a_killed_driver_left_goes_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "short_parent", lambda: tmp_path)
    left = tmp_path / "hpogrid-ray-left"
    left.mkdir()
    (left / "lock").touch()
    with hold(left / "log") as process, daemons.temporary_folder() as mine:
        with daemons.temporary_folder() as other:
            assert {path.name for path in tmp_path.iterdir()} == {mine.name, other.name}
        assert process.wait(10) == -signal.SIGKILL


def test_nothing_is_left_of_a_driver_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = """
import subprocess, sys, time
from pathlib import Path
from hpogrid.engine.ray import daemons
daemons.short_parent = lambda: Path(sys.argv[1])
with daemons.temporary_folder() as folder:
    sleeper = ["sleep", "600"]
    left = subprocess.Popen(sleeper, env={"TOKEN": str(folder)}, start_new_session=True)
    print(left.pid, flush=True)
    time.sleep(600)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as driver:
        assert driver.stdout is not None
        left = int(driver.stdout.readline())
        driver.kill()
    wait_for(lambda: not alive(left) and not list(tmp_path.iterdir()))


# --- starting ----------------------------------------------------------------------------------


class FakeRay:
    """Starts never, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked = threading.Event()
        self.hang = threading.Event()

    def init(self, **options: Any) -> None:
        self.asked.set()
        if self.error is not None:
            raise self.error
        self.hang.wait()

    def shutdown(self) -> None:
        """Nothing to do."""


class FakeNodes(FakeRay):
    """Runs on one node only."""

    def get_runtime_context(self) -> SimpleNamespace:
        return SimpleNamespace(gcs_address="10.0.0.1:6379")

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True}]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("sh -c 'echo bad node >&2; exit 3'", "node n2 cannot join the Ray of the job: it ended"),
        ("sh -c 'sleep 60'", r"not all of the 2 nodes of the job joined its Ray in 0\.2 s"),
    ],
)
def test_a_node_that_cannot_join_is_named(
    command: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(join, "START_SECONDS", 0.2)
    monkeypatch.setattr(nodes, "_PATIENCE", 0.1)
    monkeypatch.setenv("HPOGRID_ON_NODE", command)
    with (
        join.own_token(tmp_path, "secret"),
        pytest.raises(RunError, match=says),
        nodes.joined(FakeNodes(), ["n2"], tmp_path, gpus=False),
    ):
        pass


def test_a_start_that_hangs_is_given_up_with_the_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "START_SECONDS", 0.1)
    monkeypatch.setattr(cluster, "_PATIENCE", 0.1)
    logs = tmp_path / "r/session_2026-01-01/logs"
    logs.mkdir(parents=True)
    (logs / "gcs_server.err").write_text("the port is taken\n")
    ray = FakeRay()
    connection = cluster._Connection(ray, {})
    with pytest.raises(RunError) as raised:
        connection.open(None, tmp_path)
    connection.close()
    ray.hang.set()
    assert str(raised.value) == (
        "Ray does not start: no answer in 0.1 s\n--- gcs_server.err\nthe port is taken"
    )


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    connection = cluster._Connection(FakeRay(ConnectionError("nobody there")), {})
    with pytest.raises(RunError, match=r"cluster at 10\.0\.0\.1:6379 cannot be reached: Connect"):
        connection.open("10.0.0.1:6379", tmp_path)
    connection.close()


def test_a_token_is_for_its_owner_and_goes_with_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "theirs")
    with daemons.temporary_folder() as folder:
        with join.own_token(folder, "a" * 64):
            token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
            assert os.environ["RAY_AUTH_MODE"] == "token"
            assert "RAY_AUTH_TOKEN" not in os.environ
            assert (token.stat().st_mode & 0o777, len(token.read_text())) == (0o600, 64)
            assert token.parent.stat().st_mode & 0o777 == 0o700
        assert (os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"]) == ("disabled", "theirs")
    assert not token.exists()


def test_an_address_where_no_ray_answers_is_known_within_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "_ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert cluster.why_no_answer(f"127.0.0.1:{port}") == "no answer in 0.2 s"
    assert "refused" in str(cluster.why_no_answer(f"127.0.0.1:{port}"))
    with socket.create_server(("127.0.0.1", 0)) as other:
        speaks = threading.Thread(target=lambda: other.accept()[0].sendall(b"SSH-2.0-OpenSSH\r\n"))
        speaks.start()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        assert cluster.why_no_answer(address) == "what listens there is no Ray"
        speaks.join()
    assert cluster.why_no_answer("auto") is None


@pytest.mark.parametrize(
    ("config", "there", "expected"),
    [
        ({}, {"CPU": 2.0}, (4, {"cpu": 0.5})),
        ({}, {"CPU": 64.0}, (4, {"cpu": 1.0})),
        ({"cpus_per_trial": 2}, {"CPU": 5.0}, (2, {"cpu": 2.0})),
        ({"gpus_per_trial": 0.5}, {"CPU": 8.0, "GPU": 1.0}, (2, {"cpu": 1.0, "gpu": 0.5})),
        ({"gpus_per_trial": 2}, {"CPU": 8.0, "GPU": 5.0}, (2, {"cpu": 1.0, "gpu": 2.0})),
    ],
)
def test_cpus_and_gpus_are_shared_out(
    config: dict[str, Any], there: dict[str, float], expected: tuple[int, dict[str, float]]
) -> None:
    assert share(HpoConfig(**config), there) == expected


@pytest.mark.parametrize(
    ("at_once", "there", "each"), [(2, 4, 2), (2, 3, 1), (4, 2, 0.5), (3, 2, 0.5), (3, 1, 1 / 3)]
)
def test_gpus_are_dealt_out(at_once: int, there: int, each: float) -> None:
    config = HpoConfig(scheduler_param={"max_concurrent": at_once})
    counts = {"CPU": 8.0, "GPU": float(there)}
    assert share(config, counts, deal=True) == (at_once, {"cpu": 1.0, "gpu": each})
    assert share(config, counts) == (at_once, {"cpu": 1.0})
    assert share(config, {"CPU": 8.0}, deal=True) == (at_once, {"cpu": 1.0})


@pytest.mark.parametrize("what", ["cpus_per_trial", "gpus_per_trial"])
def test_too_little_is_refused(what: str) -> None:
    settings: dict[str, Any] = {what: 4}
    with pytest.raises(UserError, match=f"lower {what} in the hpo config"):
        share(HpoConfig(**settings), {"CPU": 2.0, "GPU": 1.0})


# --- which engine ------------------------------------------------------------------------------


def chosen(tmp_path: Path, script: str = "", **hpo: Any) -> str:
    project = store_project(script, **hpo)
    (tmp_path / "train.py").write_text(script)
    choice = choose_engine(project, tmp_path)
    assert choice.name in ENGINES
    assert choice.why
    return choice.name


def test_auto_takes_ray_only_for_what_needs_it(tmp_path: Path, own_home: None) -> None:
    assert chosen(tmp_path) == "process"


@pytest.mark.engine
@pytest.mark.parametrize("line", ["import ray", "from ray import tune", "if 1: pass\n  import ray"])
def test_auto_takes_ray_for_scripts_written_for_it(
    line: str, tmp_path: Path, own_home: None
) -> None:
    assert chosen(tmp_path, f"{line}\n") == "ray"


@pytest.mark.parametrize("line", ["import array", "from rayleigh import x", "# import ray"])
def test_other_names_are_not_taken_for_ray(line: str, tmp_path: Path, own_home: None) -> None:
    assert chosen(tmp_path, line + "\n") == "process"


def test_auto_takes_ray_for_a_cluster(tmp_path: Path, own_home: None) -> None:
    assert chosen(tmp_path, ray_address="10.0.0.1:6379") == "ray"


def test_auto_takes_ray_for_several_nodes_unless_trials_use_them(
    tmp_path: Path, own_home: None
) -> None:
    assert chosen(tmp_path, grid={"nodes": 2}) == "ray"
    assert (
        chosen(tmp_path, "import ray\n", name="q", grid={"nodes": 2}, nodes_per_trial=2)
        == "process"
    )


@pytest.mark.parametrize("engine", ["process", "ray"])
def test_the_config_decides_otherwise(engine: str, tmp_path: Path, own_home: None) -> None:
    assert chosen(tmp_path, "import ray\n", engine=engine) == engine


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
