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

from hpogrid.job.settings import TaskFolder
from hpogrid.site.panda.client import list_jobs
from tests.engines.boot import HERE, environment
from tests.engines.cluster import hpogrid, wait_until
from tests.engines.panda import ACCOUNT, Grid, grid

pytestmark = pytest.mark.engine

SCRIPTS = HERE.parents[1] / "example" / "scripts"
SPACE = {
    "height": {"method": "uniform", "dimension": {"low": -100, "high": 100}},
    "width": {"method": "uniform", "dimension": {"low": 0, "high": 20}},
}
TROUBLED = '''
"""The example's objective, with a trace; and trouble where there is SWITCHES/WHAT-JOB.ATTEMPT."""

import os
import time
from pathlib import Path

import original

SWITCHES = Path({switches!r})


def simple_objective(config, reporter):
    job, attempt = os.environ["HPOGRID_JOB"], os.environ["PanDA_AttemptNr"]
    trace = SWITCHES / f"trace-{{job}}.{{attempt}}"
    done = len(trace.read_text().splitlines()) if trace.exists() else 0
    if (SWITCHES / f"hangs-{{job}}.{{attempt}}").exists() and done >= 60:
        time.sleep(600)
    if (SWITCHES / f"dies-{{job}}.{{attempt}}").exists() and done >= 20:
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
TRAINABLE_SPACE = {
    "alpha": {"method": "uniform", "dimension": {"low": -10, "high": 10}},
    "beta": {"method": "categorical", "dimension": {"categories": [-1, 0, 1, 2, 3, 4, 5]}},
}
MNIST_SPACE = {
    "hidden": {"method": "categorical", "dimension": {"categories": [32, 64]}},
    "batchsize": {"method": "categorical", "dimension": {"categories": [32, 64]}},
    "lr": {"method": "loguniform", "dimension": {"low": 4.5e-05, "high": 1.83e-2}},
    "beta": {"method": "uniform", "dimension": {"low": 0.5, "high": 1.0}},
}
DIGITS = """
import mnist


class Digits(mnist.MNISTTrainable):
    def step(self):
        (_, labels), (_, tests) = mnist.data()
        return {**super().step(), "images": len(labels), "tests": len(tests)}
"""
IN_PLACE_OF_AN_IMAGE = f'PATH="{Path(sys.executable).parent}:$PATH" exec /bin/sh -c "$1"'
"""Instead of a container: jobs have the libraries of these tests."""
IN_THE_IMAGE = (
    'exec apptainer exec --contain --no-home --bind "$PWD" --pwd "$PWD" "$0" /bin/sh -c "$1"'
)


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


def age(panda: Grid, home: Path, task: str, seconds: int) -> None:
    """Have a task as it will be after some time, at PanDA and here."""
    panda.sql(
        "UPDATE doma_panda.jedi_tasks SET " + ", ".join(
            f"{column} = {column} - interval '{seconds} s'" for column in
            ("creationdate", "modificationtime", "statechangetime", "starttime", "endtime")
        ) + f" WHERE jeditaskid = {task}"
    )  # fmt: skip
    record = home / "tasks" / task / TaskFolder.RECORD
    content = json.loads(record.read_text())
    record.write_text(json.dumps(content | {"created": content["created"] - seconds}))


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
    (switches / "dies-1.1").touch()
    (switches / "hangs-2.1").touch()
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
    (switches / "hangs-0.1").touch()
    task = run(1)
    wait_until(lambda: len(lines(switches / "trace-0.1")) >= 60, 120)
    time.sleep(1)
    hpogrid("tasks", "kill", task)
    hpogrid("tasks", "show", task, "--watch")
    assert status(task) == "aborted"
    assert points(rows(tmp_path)) == trace(switches)  # they are in the job's log
    assert "has no job that waits or runs" in hpogrid("tasks", "kill", task, fails=True)


@pytest.mark.parametrize("who", ["hpogrid", "another client", "PanDA"])
def test_what_is_repeated_minutes_later_comes_too(
    panda: Grid, who: str, switches: Path, tmp_path: Path, home: Path
) -> None:
    """A report is made before, so that it is not taken for the last word."""
    example(troubled(tmp_path / "scripts", switches), *(["--retry"] if who == "PanDA" else []))
    (switches / "dies-1.1").touch()
    task = run(2)
    if who == "PanDA":
        wait_until(lambda: any(job.status == "failed" for job in list_jobs(int(task))), 120)
    else:
        hpogrid("tasks", "show", task, "--watch")
        assert status(task) == "finished"
        age(panda, home, task, 600)
        assert points(rows(tmp_path)) == trace(switches)  # all that there is has come
    if who == "hpogrid":
        hpogrid("tasks", "retry", task)
    elif who == "another client":
        command = "from pandaclient.panda_api import get_api as api; print(api().retry_task({}))"
        subprocess.run([sys.executable, "-c", command.format(task)], check=True, timeout=60)
    wait_until(lambda: status(task) == "done", 180)
    found = rows(tmp_path)
    assert points(found) == trace(switches)
    assert Counter(row["job"] for row in found)["0"] == 200
    done = len(trace(switches)) - 200
    assert done == 200 if who == "hpogrid" else done > 200  # others know nothing of earlier trials


def test_through_idds(panda: Grid, switches: Path, tmp_path: Path) -> None:
    example(troubled(tmp_path / "scripts", switches), trials=3)
    task = run(2, "--mode", "idds")
    hpogrid("tasks", "show", task, "--watch")
    assert status(task) == "finished"  # never done, however good all is
    assert len(set(points(rows(tmp_path)))) == 6
    scripts = [event for event in panda.idds() if "script" in event]
    assert all("\ndocker run --rm " in event["script"] for event in scripts)
    assert {event["code"] for event in scripts} == {0}
    assert points(rows(tmp_path)) == trace(switches)


def test_example_3_with_its_input(panda: Grid, tmp_path: Path) -> None:
    """As example/mnist.sh has it; with other digits, so that it is seen that jobs get those.

    One job gets its input by another option of prun than several do.
    """
    data, scripts, dataset = tmp_path / "data", tmp_path / "scripts", f"user.{ACCOUNT}.mnist"
    data.mkdir()
    for name, count in (("train", 48), ("t10k", 16)):
        labels = [number % 10 for number in range(count)]
        pixels = bytes(25 * label for label in labels for _ in range(64))
        idx(data / f"{name}-images-idx3-ubyte.gz", (count, 8, 8), pixels)
        idx(data / f"{name}-labels-idx1-ubyte.gz", (count,), bytes(labels))
    hpogrid("data", "upload", str(data), "--dataset", dataset)
    scripts.mkdir()
    shutil.copy(SCRIPTS / "mnist.py", scripts)
    (scripts / "digits.py").write_text(DIGITS)
    hpogrid("model_config", "create", "m", "--script", "digits.py", "--model", "Digits")
    hpogrid("search_space", "create", "s", json.dumps(MNIST_SPACE))
    hpogrid("hpo_config", "create", "h", "--algorithm", "hyperopt", "--metric", "loss",
            "--mode", "min", "--trials", "3", "--stop", '{"training_iteration": 2}',
            "--scheduler", "asynchyperband", "--scheduler_param",
            '{"max_concurrent": 2, "max_t": 2, "grace_period": 1}')  # fmt: skip
    hpogrid("grid_config", "create", "g", "--site", "LOCAL_GPU", "--inDS", dataset)
    hpogrid("project", "create", "simple_objective", "--scripts_path", str(scripts),
            "--model_config", "m", "--search_space", "s", "--hpo_config", "h",
            "--grid_config", "g")  # fmt: skip
    with panda.worker("LOCAL_GPU", 2, IN_PLACE_OF_AN_IMAGE):
        tasks = [run(1), run(2)]
        for task in tasks:
            hpogrid("tasks", "show", task, "--watch")
            assert status(task) == "done", hpogrid("tasks", "logs", task)
    found = rows(tmp_path, "--extra", "images,tests")
    assert Counter((row["taskid"], row["job"]) for row in found) == {
        (tasks[0], "0"): 3, (tasks[1], "0"): 3, (tasks[1], "1"): 3,
    }  # fmt: skip
    assert {(row["images"], row["tests"]) for row in found} == {("48", "16")}


def idx(path: Path, shape: tuple[int, ...], content: bytes) -> None:
    """Write bytes as the files of MNIST have them."""
    head = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    path.write_bytes(gzip.compress(head + content))


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


def test_example_2_in_an_image_without_its_library(
    panda: Grid, image: Path, tmp_path: Path
) -> None:
    """What the algorithm needs is told before, and of jobs that failed of it why they did."""
    hpogrid("model_config", "create", "m", "--script", "simple_trainable.py",
            "--model", "MyTrainableClass")  # fmt: skip
    hpogrid("search_space", "create", "s", json.dumps(TRAINABLE_SPACE))
    hpogrid("hpo_config", "create", "h", "--algorithm", "bayesian", "--metric", "loss",
            "--mode", "min", "--trials", "5")  # fmt: skip
    hpogrid("grid_config", "create", "g", "--site", "LOCAL_GPU", "--container", str(image))
    hpogrid("project", "create", "simple_objective", "--scripts_path",
            str(SCRIPTS / "simple_trainable.py"), "--model_config", "m", "--search_space", "s",
            "--hpo_config", "h", "--grid_config", "g")  # fmt: skip
    wanted = "algorithm bayesian needs bayes_opt in the image"
    assert wanted in hpogrid("run", "simple_objective", "--n_jobs", "2", "--dry_run")
    with panda.worker("LOCAL_GPU", 2, IN_THE_IMAGE):
        task = run(2)
        hpogrid("tasks", "show", task, "--watch")
    assert status(task) == "failed"
    command = [sys.executable, "-m", "hpogrid", "report", "simple_objective"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120).stderr
    assert "2 of 2 jobs failed" in told
    assert "algorithm bayesian needs bayes_opt" in told
    assert f"hpogrid tasks logs {task} --job 0" in told


def test_more_tasks_than_a_page_has_are_listed(panda: Grid) -> None:
    """The server's database has no index here, so that it takes long for each task."""
    example(SCRIPTS / "simple_objective.py", trials=5)
    task = run(1)
    hpogrid("tasks", "show", task, "--watch")
    first, count = 10**8, 600
    other = f"{first} + n, 'reqid', {first} + n, 'taskname', 'user.{ACCOUNT}.many.' || n || '/'"
    panda.sql(
        "INSERT INTO doma_panda.jedi_tasks SELECT copy.* FROM doma_panda.jedi_tasks task, "
        f"generate_series(0, {count - 1}) n, LATERAL jsonb_populate_record(task, "
        f"jsonb_build_object('jeditaskid', {other})) copy WHERE task.jeditaskid = {task}"
    )
    try:
        shown = json.loads(hpogrid("tasks", "show", "--limit", "2000", "--format", "json"))
    finally:
        panda.sql(f"DELETE FROM doma_panda.jedi_tasks WHERE jeditaskid >= {first}")
    listed = [row["jeditaskid"] for row in shown]
    assert set(listed) > {int(task), *range(first, first + count)}
    assert len(listed) == len(set(listed))


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
