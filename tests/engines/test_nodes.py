"""Jobs of several nodes, on a real Slurm: Ray on all of them, and trials that use some each."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.boot import running_slurm
from tests.engines.cluster import User, ended, hpogrid, wait_until

pytestmark = pytest.mark.engine

EXAMPLE = Path(__file__).parents[2] / "example" / "several_nodes"
OWN_DISK = json.dumps({"TMPDIR": "/var/tmp"})

MEETS = '''
import os, socket, time
from pathlib import Path

MEETING = Path(os.environ["HPOGRID_HOME"]) / "switches"

def train(config):
    """Waits until trials run on two nodes, and for ever if it is told to."""
    (MEETING / socket.gethostname()).touch()
    while len(list(MEETING.glob("n[0-9]"))) < 2 or (MEETING / "hangs").exists():
        time.sleep(0.1)
    with (MEETING / "trace").open("a") as trace:
        print(socket.gethostname(), file=trace)
    return {"loss": config["lr"]}
'''


@pytest.fixture(scope="module")
def slurm() -> Iterator[Path]:
    """A Slurm of four nodes."""
    with running_slurm(nodes=4) as folder:
        yield folder


@pytest.fixture
def user(slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    return User(tmp_path / "home")


def make(scripts: Path, *model: str, nodes: int, hpo: str) -> None:
    """A project of one job."""
    space = {"lr": {"method": "uniform", "dimension": {"low": 0.0, "high": 1.0}}}
    hpogrid("search_space", "create", "s", json.dumps(space))
    hpogrid("model_config", "create", "m", *model)
    hpogrid("hpo_config", "create", "h", "--metric", "loss", "--mode", "min", *hpo.split())
    hpogrid("grid_config", "create", "g", "--site", "slurm", "--nodes", str(nodes),
            "--environment", OWN_DISK)  # fmt: skip
    hpogrid("project", "create", "p", "--scripts_path", str(scripts), "--model_config", "m",
            "--search_space", "s", "--hpo_config", "h", "--grid_config", "g")  # fmt: skip


def make_meeting(user: User) -> str:
    """Submit trials that meet on two nodes; return the task."""
    script = user.home / "train.py"
    script.write_text(MEETS)
    make(script, "--script", "train.py", "--model", "train",
         nodes=2, hpo="--trials 8 --max_concurrent 4")  # fmt: skip
    return user.submit(1)


def running(slurm: Path, node: str) -> dict[int, str]:
    """The processes on a node, beside those of Slurm itself."""
    own = os.stat(f"/proc/{(slurm / f'{node}.pid').read_text().strip()}/ns/pid").st_ino
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if os.stat(place / "ns/pid").st_ino == own:
                found[int(place.name)] = (place / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return {pid: words for pid, words in found.items() if words and "slurm" not in words}


def left(slurm: Path, node: str) -> list[Path]:
    """The files on the disk of a node."""
    pid = (slurm / f"{node}.pid").read_text().strip()
    return list(Path(f"/proc/{pid}/root/var/tmp").iterdir())


def test_ray_runs_trials_on_all_nodes_of_a_job(slurm: Path, user: User) -> None:
    task = make_meeting(user)
    assert user.wait(task, ended, 240) == ["done"], user.jobs(task)
    assert len(user.report()) == 8
    ran = (user.switches / "trace").read_text().split()
    assert (len(ran), set(ran)) == (8, {"n1", "n2"})
    wait_until(lambda: not running(slurm, "n1") and not running(slurm, "n2"))
    assert left(slurm, "n1") + left(slurm, "n2") == []


def test_nothing_is_left_of_a_ray_whose_head_was_killed(slurm: Path, user: User) -> None:
    user.turn("hangs", True)
    task = make_meeting(user)
    wait_until(lambda: len(list(user.switches.glob("n[0-9]"))) == 2, 240)
    everything = [*running(slurm, "n1").values(), *running(slurm, "n2").values()]
    tokens = [path.read_text() for node in ("n1", "n2") for folder in left(slurm, node)
              for path in folder.glob("token")]  # fmt: skip
    assert len(tokens) == 2
    assert len(set(tokens)) == 1
    assert not any(tokens[0] in words for words in everything)
    (head,) = (pid for pid, words in running(slurm, "n1").items() if "hpogrid_job.py" in words)
    os.kill(head, signal.SIGKILL)
    wait_until(lambda: not running(slurm, "n1") and not running(slurm, "n2"))
    assert left(slurm, "n2") == []
    assert user.wait(task, ended) == ["failed"]


@pytest.mark.parametrize("example", ["srun.sh", "torchrun.sh"])
def test_trials_share_out_the_nodes_of_a_job(user: User, example: str) -> None:
    make(EXAMPLE, "--command", f"sh {example} {{args}}", "--arg_style", "argparse",
         nodes=4, hpo="--trials 4 --nodes_per_trial 2 --max_concurrent 2")  # fmt: skip
    task = user.submit(1)
    assert user.wait(task, ended, 240) == ["done"], user.jobs(task)
    assert len(user.report()) == 4, hpogrid("tasks", "logs", task, "--trial", "0-1")
    pairs = set()
    for trial in range(1, 5):
        said = hpogrid("tasks", "logs", task, "--trial", f"0-{trial}")
        where = dict(re.findall(r"(\d) of 2 on (n\d)", said))
        assert sorted(where) == ["0", "1"], said
        pairs.add(tuple(sorted(where.values())))
    assert pairs == {("n1", "n2"), ("n3", "n4")}


STUBBORN = """
trap '' TERM INT
while :; do sleep 0.5; done
"""


def test_a_trial_that_is_ended_ends_on_all_its_nodes(slurm: Path, user: User) -> None:
    scripts = user.home / "scripts"
    scripts.mkdir()
    (scripts / "task.sh").write_text(STUBBORN)
    start = 'srun --overlap --nodes=2 --ntasks=2 --nodelist="$HPOGRID_NODES" sh task.sh'
    (scripts / "train.sh").write_text(f"{start} $HPOGRID_TRIAL\n")
    limits = "--trials 2 --max_concurrent 1 --trial_timeout 5 --grace_seconds 2"
    make(scripts, "--command", "sh train.sh {lr}", nodes=2, hpo=f"{limits} --nodes_per_trial 2")

    def there(trial: str) -> bool:
        return any(f"task.sh {trial}" in words for words in running(slurm, "n2").values())

    task = user.submit(1)
    wait_until(lambda: there("0-1"))
    wait_until(lambda: there("0-2"))
    wait_until(lambda: not there("0-1"), 10)
    assert user.wait(task, ended) == ["done"], user.jobs(task)
    wait_until(lambda: not running(slurm, "n2"))
