"""What PSI/J is asked for, and what is made of its answers. `tests/engines` runs it for real."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hpogrid.config.schemas import GridConfig
from hpogrid.errors import UserError
from hpogrid.site import SITES, control
from hpogrid.site.batchsystem import MemberState, Request
from hpogrid.site.psij import LSF, PBS, PYTHON, Cobalt, Flux, Psij
from tests.projects import store_project

ALL = [PBS, LSF, Flux, Cobalt]


def request(count: int = 4, folder: str = "/home/u/tasks/1", **settings: Any) -> Request:
    home = Path(folder)
    grid = GridConfig(**{"site": "pbs", "walltime": "1h", **settings})
    return Request("hpogrid.p", home / "batch" / "001", home, count, grid,
                   grid.cpus, grid.gpus, grid.walltime_seconds)  # fmt: skip


def asked(scheduler: Psij, **settings: Any) -> Any:
    (text,) = scheduler.files(request(**settings)).values()
    return json.loads(text)


@pytest.mark.parametrize("kind", ALL)
def test_sites_are_registered(kind: type[Psij]) -> None:
    assert SITES.load(kind.name)().scheduler.name == kind.name


def test_resources() -> None:
    settings: dict[str, Any] = {"walltime": "2h", "memory": "4G", "cpus": 4}
    assert asked(PBS(), **settings) == {
        "executable": "/home/u/tasks/1/batch/001/job.sh",
        "seconds": 7200,
        "resources": {"node_count": 1, "processes_per_node": 4, "memory": 4 * 2**30},
        "attributes": {"custom_attributes": {}},
    }
    lsf = asked(LSF(), gpus=2, **settings)
    assert lsf["attributes"] == {"custom_attributes": {"lsf.gpu": "num=2"}}
    assert asked(Flux(), cpus=4, gpus=1)["resources"] == {
        "node_count": 1, "process_count": 1, "cpu_cores_per_process": 4, "gpu_cores_per_process": 1,
    }  # fmt: skip
    assert asked(Cobalt(), **settings)["resources"] == {"node_count": 1}


def test_native_options() -> None:
    found = asked(PBS(), extra={"queue_name": "long", "account": "a", "pbs.W": "group_list=x"})
    assert found["attributes"] == {
        "queue_name": "long", "account": "a", "custom_attributes": {"pbs.W": "group_list=x"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scheduler", "settings", "message"),
    [
        (PBS(), {"extra": {"queue": "x"}}, r"mean queue_name\?; valid: account, pbs\.\*, queue_n"),
        (LSF(), {"extra": {"pbs.W": "x"}}, r"unknown LSF option 'pbs\.W'.*valid: account, lsf\."),
        (Flux(), {"extra": {"queue_name": "x"}}, "PSI/J passes no native option on to Flux"),
        (PBS(), {"extra": {"pbs.W": True}}, "'pbs.W' must have a value"),
        (LSF(), {"walltime": None}, "walltime: LSF has to be told how long a job may take"),
        (PBS(), {"gpus": 1}, "gpus: PSI/J cannot ask PBS for that"),
        (Flux(), {"memory": "1G"}, "memory: PSI/J cannot ask Flux for that"),
        (PBS(), {"max_jobs": 2}, r"max_jobs: PSI/J has no arrays.* --n_jobs 2"),
    ],
)
def test_what_cannot_be_asked_for(scheduler: Psij, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        scheduler.files(request(**settings))


def test_answers() -> None:
    told = {
        "1": ["QUEUED", None, None],
        "2": ["ACTIVE", None, None],
        "3": ["COMPLETED", 0, None],
        "4": ["FAILED", 3, None],
        "5": ["FAILED", 137, None],
        "6": ["FAILED", None, "The job exhausted its time limit."],
        "7": ["CANCELED", None, None],
        "8": ["COMPLETED", None, None],
    }
    assert PBS().in_queue(0, json.dumps(told)) == {
        ("1", 1): MemberState("queued"),
        ("2", 1): MemberState("running"),
        ("3", 1): MemberState("done"),
        ("4", 1): MemberState("failed", "exit code 3"),
        ("5", 1): MemberState("failed", "killed by signal 9"),
        ("6", 1): MemberState("failed", "The job exhausted its time limit."),
        ("7", 1): MemberState("killed", "cancelled"),
    }
    assert PBS().in_queue(1, "") is None
    assert PBS().in_queue(0, 'Welcome\n{"1": ["QUEUED", null, null]}\n') == {
        ("1", 1): MemberState("queued")
    }
    assert PBS().in_queue(0, "") is None
    assert PBS().submitted(0, "1234.server\n") == "1234.server"
    assert PBS().submitted(1, "") is None


def test_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON, "/opt/psij/bin/python")
    tool = ["/opt/psij/bin/python", "-P", "-m", "hpogrid.site.psijtool"]
    assert PBS().queue(["7", "8"]) == [*tool, "status", "pbs", "7", "8"]
    assert PBS().kill([("7", None), ("8", None)]) == [*tool, "cancel", "pbs", "7", "8"]


def test_a_dry_run_shows_a_command_for_each_job(home: Path) -> None:
    store_project(grid={"site": "pbs", "walltime": "1h"})
    lines = control.plan("p", site=None, n_jobs=3)
    file = home / "tasks/1/batch/001/job.json"
    ends = [f"submit pbs {file} {number}" for number in (1, 2, 3)]
    assert [line for line in lines if line.endswith(tuple(ends))] == [
        line for line in lines if "psijtool submit" in line
    ]
    assert '  "seconds": 3600,' in "\n".join(lines)


def test_the_script_writes_its_log_whatever_the_folder_is_called(tmp_path: Path) -> None:
    odd = request(folder=str(tmp_path / "it's a $HOME; `x`"))
    odd.folder.mkdir(parents=True)
    script = "\n".join([*PBS().directives(odd), "echo said; pwd; echo wrong >&2"])
    subprocess.run(["/bin/sh", "-c", script, "job.sh", "2"], check=True)
    log = (odd.folder / "2.log").read_text()
    assert log == f"said\n{odd.home}\nwrong\n", shlex.quote(log)
