"""Sites of another machine, by a real sshd on this one."""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hpogrid.errors import Exit, UserError
from hpogrid.files import Damaged
from hpogrid.site import control, elastic, make_site, processes, there
from hpogrid.site import far as far_site
from hpogrid.site.far import Place
from hpogrid.site.tasks import Task, find_tasks, load_task, sketch
from hpogrid.ssh import CONFIG, Cut, Host, remote, split_place, ssh_command
from tests.commands import ok, refused
from tests.engines.boot import environment
from tests.projects import finished_in, open_gate, store_project, trials_of, wait_for
from tests.site.contract import SiteContract
from tests.study.services import ssh_server

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The config file with which ssh gets to the host ``far``."""
    folder = tmp_path_factory.mktemp("sshd")
    with ssh_server(folder, SLURM_CPUS_PER_TASK="2"), environment(**{CONFIG: f"{folder}/config"}):
        yield folder / "config"
        end_connection("far")


def end_connection(host: str) -> None:
    """End the connection that is kept."""
    subprocess.run([*ssh_command(*Host(host).kept()), "-O", "exit", host], check=True)


@pytest.fixture
def far(sshd: Path, tmp_path: Path) -> Path:
    """The folder of tasks on the other machine."""
    return tmp_path / "far away"


def far_task(task: Task, far: Path) -> Path:
    """The folder of a task there."""
    number = load_task(task.id).native["number"]
    return far / "tasks" / str(number)


def states_of(task: Task) -> list[str]:
    """The states of its trials, as far as is known here."""
    return [trial.state for trial in trials_of(task)]


class TestLocal(SiteContract):
    """Processes of the other machine."""

    @pytest.fixture(autouse=True)
    def _there(self, far: Path) -> None:
        self.far = far
        self.site = f"far:{far}:local"

    def wait_for_trials(self, task: Task, count: int) -> None:
        deadline = time.monotonic() + self.patience
        while finished_in(task) < count:
            assert time.monotonic() < deadline, f"{self.jobs(task)}: no {count} trials"
            self.jobs(task)

    def vanish(self, task: Task, job: int) -> None:
        lock = far_task(task, self.far) / "jobs" / str(job) / "job.lock"
        os.kill(wait_for(lambda: processes.holder(lock)).pid, signal.SIGKILL)

    def test_a_search_grows_and_ends_as_asked(self) -> None:
        task = self.submit_gated(1, trials=3, free=1)
        elastic.stop(load_task(task.id))
        time.sleep(6)  # jobs look at what is asked of them every five seconds
        open_gate()
        self.wait(task, "done", "unfinished")
        assert len(self.finished(task)) == 2
        assert elastic.extend(load_task(task.id), 2) == ([0], [])
        assert elastic.add_jobs(load_task(task.id), 1) == [1]
        self.wait(task, "done")
        assert self.finished(task) == [f"{job}-{n}" for job in (0, 1) for n in range(1, 6)]

    def test_a_trial_is_ended_alone(self) -> None:
        task = self.submit_gated(1, trials=3, free=1)
        elastic.kill_trial(load_task(task.id), "0-2")
        wait_for(lambda: self.jobs(task) and "failed" in states_of(task))
        open_gate()
        self.wait(task, "done")
        assert states_of(task) == ["complete", "failed", "complete"]

    def test_a_search_does_not_move_between_machines(self) -> None:
        task = self.submit(1, trials=1)
        self.wait(task, "done")
        with pytest.raises(UserError, match=r"share no disk.*--site local --warm_start 1"):
            elastic.move(load_task(task.id), "local")

    def test_an_answer_that_was_lost_loses_no_task(self) -> None:
        task = self.submit(1, trials=1)
        task = load_task(task.id)
        task.keep(Place())
        self.wait(task, "done")
        assert load_task(task.id).native == {"number": 1}
        assert len(list((self.far / "tasks").iterdir())) == 1

    def test_a_task_that_is_gone_there_is_lost_and_brought_again(self) -> None:
        task = self.submit_gated(1, trials=3, free=1)
        control.kill(load_task(task.id))
        self.wait(task, "killed")
        shutil.rmtree(far_task(task, self.far))
        open_gate()
        late = msgspec.structs.replace(load_task(task.id), created=0.0)
        (job,) = make_site(self.site).status([late])[task.id]
        assert (job.state, job.reason) == ("lost", "far does not have the task")
        make_site(self.site).retry(load_task(task.id), [0])
        self.wait(task, "done")
        assert self.finished(task) == ["0-1", "0-2", "0-3"]

    def test_the_other_machine_says_what_it_finds(self) -> None:
        store_project(trials=1, grid={"site": "local", "host": f"far:{self.far}"})
        said = ok("check", "p")
        assert f"far answers; tasks are in {self.far} there" in said
        assert "train.py can be imported" in said
        assert "this machine, 2 cores" in said
        assert f"site: far:{self.far}:local" in ok("plan", "p")
        assert not list(self.far.glob("tasks")) + list(self.far.glob(".new-*"))


# --- what may go wrong -----------------------------------------------------------------------


HOSTILE = [
    "", " ", "a b", "$HOME", "$(id)", "`id`", "a;b", "a|b", "a&b", "'", "\"", "\\", "it's \"so\"",
    "*", "~", "-n", "--", "#", "!", "a\nb", "a\tb", "{a,b}", "<in", "é", "%s", "a\\\nb",
]  # fmt: skip
"""Words that a shell would make something else of."""


def test_the_other_shell_takes_words_for_what_they_are(far: Path) -> None:
    program = "import sys; sys.stdout.write(ascii(sys.argv[1:]))"
    reply = Host("far").run(["python3", "-c", program, *HOSTILE])
    assert reply.data.decode() == ascii(HOSTILE)


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish"])
def test_the_program_starts_from_any_shell_of_the_user(shell: str, tmp_path: Path) -> None:
    place = tmp_path / "a $HOME; (é) `id` * {b,c} & d"
    program = place / "carried" / "key"
    program.mkdir(parents=True)
    (program / "hpogrid_job.sh").write_text('echo "$HPOGRID_HOME" "$@"')
    assert split_place(f"far:{place}") == ("far", str(place))
    words = [shell, "-c", remote(far_site.start_words(str(place), "key"))]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"{place} python3 ./hpogrid_job.py -m hpogrid.site.there\n"
    words[2] = remote(far_site.start_words(str(place), "other"))
    assert subprocess.run(words).returncode == there.MISSING_CODE


def test_one_connection_serves_all_commands(far: Path) -> None:
    parents = {Host("far").run(["sh", "-c", "echo $PPID"]).data for _ in range(3)}
    assert len(parents) == 1


def test_a_connection_that_breaks_is_no_state_of_a_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ssh_server(tmp_path):
        monkeypatch.setenv(CONFIG, f"{tmp_path}/config")
        store_project(trials=1, grid={"site": "local", "host": f"far:{tmp_path}/away"})
        number = ok("run", "p").strip()
        with concurrent.futures.ThreadPoolExecutor() as threads:
            call = threads.submit(
                Host("far").run, ["sh", "-c", f"touch {tmp_path}/begun; sleep 60"]
            )
            wait_for(lambda: (tmp_path / "begun").exists())
            end_connection("far")
            with pytest.raises(Cut, match="ssh to far: "):
                call.result()
    shown = ok("tasks", "show", number)
    assert "unknown" in shown
    assert "ssh to far: " in shown
    assert "Connection refused" in refused("tasks", "kill", number, code=Exit.FAILURE)
    assert "Connection refused" in refused("run", "p", code=Exit.FAILURE)
    assert [task.id for task in find_tasks()] == [1]


def test_a_call_that_was_cut_off_does_nothing(home: Path) -> None:
    project = store_project(trials=1)
    sent = there.Sent(sketch(project, "local", 1), files={"bundle/project.json": b"{}"})
    data = msgspec.msgpack.encode(there.Call("submit", "local", [sent], [0]))
    for end in (0, 1, len(data) // 2, len(data) - 1):
        done = subprocess.run(
            [sys.executable, "-m", there.PROGRAM], input=data[:end], capture_output=True
        )
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"the call was cut off" in done.stderr
    assert not (home / "tasks").exists()


def test_a_machine_without_a_python_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "mkdir", "tar", "gzip", "mv", "rm", "uname", "readlink"):
        (programs / name).symlink_to(str(shutil.which(name)))
    with ssh_server(tmp_path, PATH=str(programs)):
        monkeypatch.setenv(CONFIG, f"{tmp_path}/config")
        grid = {"site": "local", "host": f"far:{tmp_path}/away", "driver_python": "/no/python3"}
        store_project(trials=1, grid=grid)
        said = refused("run", "p", code=Exit.FAILURE)
        end_connection("far")
    assert "needs 3.11 or later" in said
    assert "--driver_python" in said
    assert find_tasks() == []


@pytest.mark.parametrize(
    "host",
    [
        "",
        "-oProxyCommand=x",
        "a b",
        "a;b",
        "host:",
        "host:-x",
        "host:a\nb",
        'host:a"b',
        "a:b:c",
        "host:it's",
        "host:a\\b",
        "host:!x",
    ],
)
def test_what_is_no_host_is_refused(host: str) -> None:
    said = refused("grid_config", "create", "g", "--site", "slurm", "--host", host)
    assert "must be [USER@]HOST" in said


def test_what_cannot_be_at_a_host_is_refused() -> None:
    said = refused("grid_config", "create", "g", "--host", "me@far", "--site", "panda")
    assert "through ssh jobs run at one of local, slurm" in said


@pytest.mark.parametrize("name", ["../x", "/x", "ledger/../../x", "", "ledger//x", "a/./b", "a\0"])
def test_the_other_machine_names_no_file_outside_of_a_task(name: str) -> None:
    with pytest.raises(Damaged, match="which is none of a task"):
        there.checked(name)
