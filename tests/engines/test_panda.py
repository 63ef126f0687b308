"""The PanDA grid as its user sees it: a real server with JEDI, a real worker, a real Rucio."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hpogrid.site.panda.client import list_jobs
from tests.engines.boot import HERE, environment
from tests.engines.cluster import hpogrid, wait_until
from tests.engines.panda import Grid, grid

pytestmark = pytest.mark.engine

SCRIPTS = HERE.parents[1] / "example" / "scripts"
SPACE = {
    "height": {"method": "uniform", "dimension": {"low": -100, "high": 100}},
    "width": {"method": "uniform", "dimension": {"low": 0, "high": 20}},
}
TROUBLED = '''
"""The example's objective, with a trace; and trouble where a file SWITCHES/WHAT-JOB exists."""

import os
import time
from pathlib import Path

import original

SWITCHES = Path({switches!r})


def simple_objective(config, reporter):
    job, attempt = os.environ["HPOGRID_JOB"], os.environ["PanDA_AttemptNr"]
    trace = SWITCHES / f"trace-{{job}}.{{attempt}}"
    done = len(trace.read_text().splitlines()) if trace.exists() else 0
    if (SWITCHES / f"hangs-{{job}}").exists() and done >= 60:
        time.sleep(600)
    if (SWITCHES / f"dies-{{job}}").exists() and done >= 20:
        time.sleep(1)  # whatever the others are at is written by then
        guard = Path(f"/proc/{{os.getppid()}}/stat").read_text()
        os.kill(int(guard.rpartition(")")[2].split()[1]), 9)  # the driver
        time.sleep(600)
    with trace.open("a") as stream:
        stream.write(f"{{config['height']!r}} {{config['width']!r}}\\n")
    original.simple_objective(config, reporter)  # does not return: one report is all there is
'''
CURIOUS = '''
"""The example's objective, and what the place is like in which it runs."""

import os
import socket
from pathlib import Path


def allowed(function, *arguments):
    try:
        function(*arguments)
    except OSError:
        return 0
    return 1


def simple_objective(config, reporter):
    loss = (config["height"] - 14) ** 2 - abs(config["width"] - 3)
    reporter(
        loss=loss,
        offset=float(Path("offset.txt").read_text()),
        writes=allowed(Path("/opt/written").touch),
        connects=allowed(socket.create_connection, ("127.0.0.1", PORT), 5),
    )
'''


@pytest.fixture(scope="module")
def panda(image: Path) -> Iterator[Grid]:
    with grid(image) as booted, booted.worker("LOCAL_TEST", 4):
        yield booted


@pytest.fixture
def switches(tmp_path: Path) -> Path:
    """The folder of traces and of the files that have jobs misbehave."""
    folder = tmp_path / "switches"
    folder.mkdir()
    return folder


def example(scripts: Path, *words: str, trials: int = 200, site: str = "LOCAL_TEST") -> None:
    """The specification's Example 1, as it is typed there."""
    hpogrid("model_config", "create", "simple_objective_model",
            "--script", "simple_objective.py", "--model", "simple_objective")  # fmt: skip
    hpogrid("search_space", "create", "simple_objective_space", json.dumps(SPACE))
    hpogrid("hpo_config", "create", "random_search_min_loss", "--algorithm", "random",
            "--metric", "loss", "--mode", "min", "--trials", str(trials))  # fmt: skip
    hpogrid("grid_config", "create", "manc_standard", "--site", site, *words)
    hpogrid("project", "create", "simple_objective", "--scripts_path", str(scripts),
            "--model_config", "simple_objective_model", "--search_space", "simple_objective_space",
            "--hpo_config", "random_search_min_loss", "--grid_config", "manc_standard")  # fmt: skip


def troubled(folder: Path, switches: Path) -> Path:
    """Scripts that do what the example does, and what ``switches`` says."""
    folder.mkdir()
    shutil.copy(SCRIPTS / "simple_objective.py", folder / "original.py")
    (folder / "simple_objective.py").write_text(TROUBLED.format(switches=str(switches)))
    return folder


def run(n_jobs: int, *words: str) -> str:
    """Submit the project; the number of its task."""
    return hpogrid("run", "simple_objective", "--n_jobs", str(n_jobs), *words).strip()


def status(task: str) -> str:
    """The status of a task, as a program reads it."""
    [row] = json.loads(hpogrid("tasks", "show", task, "--format", "json"))
    return str(row["status"])


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def trace(switches: Path) -> list[tuple[float, float]]:
    """The points that were really evaluated to their end."""
    found = [line.split() for path in switches.glob("trace-*") for line in lines(path)]
    return sorted((float(height), float(width)) for height, width in found)


def rows(folder: Path, *words: str) -> list[dict[str, str]]:
    """The rows of ``hpogrid report --to_csv`` of trials that have a result."""
    hpogrid("report", "simple_objective", "--to_csv", "--outname", str(folder / "result"),
            "--extra", "trial,job,taskid", *words)  # fmt: skip
    with (folder / "result.csv").open() as stream:
        return [row for row in csv.DictReader(stream) if row["loss"]]


def points(found: list[dict[str, str]]) -> list[tuple[float, float]]:
    for row in found:
        height, width = float(row["height"]), float(row["width"])
        assert float(row["loss"]) == pytest.approx((height - 14) ** 2 - abs(width - 3))
    return sorted((float(row["height"]), float(row["width"])) for row in found)


def sentence(told: str) -> str:
    """What was said on stderr: one sentence, and nothing of a traceback or a token."""
    assert "Traceback" not in told
    [line] = [line for line in told.splitlines() if line.startswith("hpogrid: ")]
    return line


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def token(file: Path) -> Iterator[None]:
    with environment(OIDC_AUTH_TOKEN_FILE=str(file)):
        yield


@contextmanager
def rucio_down(panda: Grid, folder: Path) -> Iterator[None]:
    """A configuration of a Rucio server that is not there."""
    config = folder / "down.cfg"
    text = (panda.rucio / "client.cfg").read_text()
    config.write_text(text.replace(f":{panda.port + 4}", ":9"))
    with environment(RUCIO_CONFIG=str(config)):
        yield


def test_three_jobs_one_killed_and_one_failing(
    panda: Grid, switches: Path, tmp_path: Path, home: Path
) -> None:
    example(troubled(tmp_path / "scripts", switches))
    (switches / "dies-1").touch()
    (switches / "hangs-2").touch()
    task = run(3)
    wait_until(lambda: len(lines(switches / "trace-2.1")) >= 60, 120)
    time.sleep(1)  # what the other workers are at is written by then
    [halfway] = [job for job in list_jobs(int(task)) if job.index == 2]

    with token(panda.token("other")):
        told = sentence(hpogrid("tasks", "kill", task, fails=True))
    assert f"PanDA does not kill task {task}" in told
    assert status(task) == "running"

    panda.kill_payload(halfway.id)
    hpogrid("tasks", "show", task, "--watch")
    assert status(task) == "finished"
    shown = hpogrid("tasks", "show", task)
    assert "failed" in shown
    with rucio_down(panda, tmp_path):
        jobs = Counter(row["job"] for row in rows(tmp_path))
        assert jobs["0"] == 200  # PanDA has its metadata
    before = points(rows(tmp_path))
    assert before == trace(switches)
    assert 200 < len(before) < 400

    (switches / "dies-1").unlink()
    (switches / "hangs-2").unlink()
    hpogrid("tasks", "retry", task)
    hpogrid("tasks", "show", task, "--watch")
    assert status(task) == "done"
    found = rows(tmp_path, "--to_pcp")
    assert points(found) == trace(switches)
    assert len(set(points(found))) == 600  # one search; the jobs went on where they were
    assert Counter(row["job"] for row in found) == {"0": 200, "1": 200, "2": 200}
    assert {row["taskid"] for row in found} == {task}
    assert (tmp_path / "result_parallel_coordinate_plot.html").stat().st_size > 10_000
    assert "200 trials finished" in hpogrid("tasks", "logs", task, "--job", "1")
    assert_no_token(panda, home, tmp_path)

    with environment(HPOGRID_HOME=str(tmp_path / "another machine")):
        example(tmp_path / "scripts")
        assert points(rows(tmp_path, "--range", f"{task}-{task}")) == trace(switches)


def assert_no_token(panda: Grid, *folders: Path) -> None:
    """No file of ours, nor of what jobs left, holds a token; archives are looked into."""
    secrets = [panda.token(name).read_bytes().strip() for name in ("user", "other")]
    places = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert places
    for path in places:
        data = path.read_bytes()
        data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
        assert not any(secret in data for secret in secrets), path


def test_one_is_killed_by_its_owner(panda: Grid, switches: Path, tmp_path: Path) -> None:
    example(troubled(tmp_path / "scripts", switches))
    (switches / "hangs-0").touch()
    task = run(1)
    wait_until(lambda: len(lines(switches / "trace-0.1")) >= 60, 120)
    time.sleep(1)
    hpogrid("tasks", "kill", task)
    hpogrid("tasks", "show", task, "--watch")
    assert status(task) == "aborted"
    assert points(rows(tmp_path)) == trace(switches)  # they are in the job's log
    assert "has no job that waits or runs" in hpogrid("tasks", "kill", task, fails=True)


def test_what_another_client_had_repeated_comes_too(
    panda: Grid, switches: Path, tmp_path: Path
) -> None:
    example(troubled(tmp_path / "scripts", switches))
    (switches / "dies-1").touch()
    task = run(2)
    hpogrid("tasks", "show", task, "--watch")
    assert status(task) == "finished"
    assert points(rows(tmp_path)) == trace(switches)  # all that there is has come
    (switches / "dies-1").unlink()
    with environment(HPOGRID_HOME=str(tmp_path / "another machine")):
        hpogrid("tasks", "retry", task)
    wait_until(lambda: status(task) == "done", 180)
    assert points(rows(tmp_path)) == trace(switches)
    assert Counter(row["job"] for row in rows(tmp_path))["0"] == 200
    assert len(trace(switches)) >= 400


def test_through_idds(panda: Grid, switches: Path, tmp_path: Path) -> None:
    example(troubled(tmp_path / "scripts", switches), trials=3)
    task = run(2, "--mode", "idds")
    hpogrid("tasks", "show", task, "--watch")
    assert status(task) == "finished"  # never done, however good all is
    assert len(set(points(rows(tmp_path)))) == 6
    assert points(rows(tmp_path)) == trace(switches)


def test_queues_and_what_is_ready(panda: Grid) -> None:
    def names(*words: str) -> list[str]:
        return [row["queue"] for row in json.loads(hpogrid("sites", *words, "--format", "json"))]

    assert names() == ["LOCAL_GPU"]
    assert set(names("--all_sites")) == {"LOCAL_GPU", "LOCAL_TEST"}
    assert set(names("--all_sites", "--all_status")) == {"LOCAL_GPU", "LOCAL_TEST", "LOCAL_OFF"}

    example(SCRIPTS / "simple_objective.py", "--container", "docker://hpogrid:latest", trials=5)
    found = json.loads(hpogrid("check", "simple_objective", "--format", "json"))
    states = {item["item"]: item["state"] for item in found}
    assert states.pop("container") == "unknown"
    assert set(states.values()) <= {"good", "note"}, found
    assert {"credentials", "PanDA server", "Rucio", "scripts", "queue"} <= set(states)


def test_what_jobs_would_find(panda: Grid, image: Path) -> None:
    example(SCRIPTS / "simple_objective.py", "--container", str(image), trials=5)

    def rows(*words: str) -> dict[str, dict[str, str]]:
        # Its exit status says that the image, a file of ours, is none that the grid could have.
        command = [sys.executable, "-m", "hpogrid", "check", "simple_objective", "--format", "json"]
        done = subprocess.run(
            [*command, *words], capture_output=True, text=True, timeout=300, check=False
        )
        return {row["item"]: row for row in json.loads(done.stdout)}

    seen = rows("--image", "--probe")
    assert seen["image"]["state"] == "good", seen["image"]
    assert "Debian GNU/Linux 12" in seen["image"]["text"]
    wait_until(lambda: rows()["probe"]["state"] != "unknown", 120)
    assert rows()["probe"]["state"] == "good", rows()["probe"]


def test_what_is_refused(panda: Grid, tmp_path: Path, home: Path) -> None:
    taken = f"user.tuser.taken.{os.getpid()}"
    example(SCRIPTS / "simple_objective.py", "--outDS", taken, trials=5)
    assert "LOCAL_TEST" in hpogrid("run", "simple_objective", "--site", "LOCAL_TESST", fails=True)
    assert "offline" in hpogrid("run", "simple_objective", "--site", "LOCAL_OFF", fails=True)
    hpogrid("grid_config", "update", "manc_standard", "--inDS", "user.tuser.nothing")
    hpogrid("project", "update", "simple_objective", "--grid_config", "manc_standard")
    told = sentence(hpogrid("run", "simple_objective", fails=True))
    assert "there is no user.tuser:user.tuser.nothing in Rucio" in told
    hpogrid("grid_config", "update", "manc_standard", "--inDS", "")
    hpogrid("project", "update", "simple_objective", "--grid_config", "manc_standard")
    task = run(1)
    told = sentence(hpogrid("run", "simple_objective", fails=True))
    assert taken in told
    hpogrid("tasks", "show", task, "--watch")
    assert status(task) == "done"

    broken = tmp_path / "broken.tok"
    head, _, signature = panda.token("user").read_text().strip().rpartition(".")
    broken.write_text(f"{head}.{signature[::-1]}")
    with token(broken):
        told = sentence(hpogrid("tasks", "show", fails=True))
        assert "refuses the credentials" in told
        assert signature[::-1] not in told
        assert "refuses the credentials" in hpogrid("run", "simple_objective", fails=True)
        assert "refuses the credentials" in hpogrid("tasks", "kill", task, fails=True)
    with environment(PANDA_AUTH_VO="cms"):
        assert "refuses the credentials" in sentence(hpogrid("tasks", "show", fails=True))
    assert_no_token(panda, home)


def test_in_a_container(panda: Grid, image: Path, tmp_path: Path) -> None:
    """A read-only image, without network and home, whose /hpogrid/project has the input."""
    data, scripts = tmp_path / "data", tmp_path / "scripts"
    data.mkdir()
    (data / "offset.txt").write_text("2.5")
    scripts.mkdir()
    text = CURIOUS.replace("PORT", str(panda.port))
    (scripts / "simple_objective.py").write_text(text)
    command = (
        f'exec apptainer exec --contain --no-home --net --network none --bind "$PWD" '
        f'--bind {data}:/hpogrid/project:ro --pwd "$PWD" "$0" /bin/sh -c "$1"'
    )
    with panda.worker("LOCAL_GPU", 2, command):
        example(scripts, "--container", str(image), trials=20, site="LOCAL_GPU")
        task = run(2)
        hpogrid("tasks", "show", task, "--watch")
        assert status(task) == "done", hpogrid("tasks", "logs", task)
        found = rows(tmp_path, "--extra", "offset,writes,connects")
    assert len(set(points(found))) == 40
    assert {(row["offset"], row["writes"], row["connects"]) for row in found} == {("2.5", "0", "0")}


def test_a_server_that_is_not_well(panda: Grid, tmp_path: Path) -> None:
    """The last test: it stops the server."""
    example(SCRIPTS / "simple_objective.py", trials=5)
    issuer = f"http://127.0.0.1:{panda.port + 1}/server/panda"
    with environment(PANDA_URL=issuer, PANDA_URL_SSL=issuer):  # answers in HTML
        sentence(hpogrid("tasks", "show", fails=True))
    with environment(HPOGRID_PANDA_TIMEOUT="3"), panda.paused("server"):
        told = sentence(hpogrid("tasks", "show", fails=True))
        assert "did not answer within 3 s" in told
    os.kill(panda.pid("server"), signal.SIGTERM)
    wait_until(lambda: not listens(panda.port))
    assert "cannot be reached" in sentence(hpogrid("tasks", "show", fails=True))
    for words in (("tasks", "show"), ("run", "simple_objective"), ("check", "simple_objective")):
        told = hpogrid(*words, fails=True)
        assert "Traceback" not in told
    sentence(hpogrid("run", "simple_objective", fails=True))
