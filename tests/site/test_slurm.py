"""Slurm's commands and answers, as Slurm 22.05 and its accounting wrote them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from hpogrid.config.schemas import GridConfig
from hpogrid.errors import UserError
from hpogrid.site.batchsystem import MemberState, Request
from hpogrid.site.slurm import Slurm

SQUEUE = """\
7|4|PENDING|JobArrayTaskLimit|0
7|3|RUNNING|None|0
7|2|COMPLETED|None|0
7|1|FAILED|NonZeroExitCode|768
8|1|OUT_OF_MEMORY|OutOfMemory|9
8|2|TIMEOUT|TimeLimit|0
8|3|NODE_FAIL|None|1
8|4|CANCELLED|None|15
8|5|PENDING|(ReqNodeNotAvail, UnavailableNodes:n1)|0
9|N/A|RUNNING|None|0
"""

SACCT = """\
7_1|FAILED|3:0
7_2|COMPLETED|0:0
7_3|CANCELLED by 1000|0:15
7_4|OUT_OF_ME+|0:125
7_5|FAILED|0:9
"""


def request(count: int = 4, **settings: Any) -> Request:
    folder = Path("/home/u/tasks/1/batch/001")
    grid = GridConfig(site="slurm", **settings)
    return Request("hpogrid.p", folder, Path("/home/u/tasks/1"), count, grid,
                   grid.cpus, grid.gpus, grid.walltime_seconds)  # fmt: skip


def test_queue() -> None:
    assert Slurm().in_queue(0, SQUEUE) == {
        ("7", 4): MemberState("queued", "waiting: as many members run as max_jobs allows"),
        ("7", 3): MemberState("running"),
        ("7", 2): MemberState("done"),
        ("7", 1): MemberState("failed", "exit code 3"),
        ("8", 1): MemberState("failed", "out of memory"),
        ("8", 2): MemberState("failed", "it reached its time limit"),
        ("8", 3): MemberState("lost", "its node was lost"),
        ("8", 4): MemberState("killed", "cancelled"),
        ("8", 5): MemberState("queued", "(ReqNodeNotAvail, UnavailableNodes:n1)"),
    }
    assert Slurm().in_queue(1, "slurm_load_jobs error: Unable to contact slurm controller") is None


def test_history() -> None:
    assert Slurm().in_history(0, SACCT) == {
        ("7", 1): MemberState("failed", "exit code 3"),
        ("7", 2): MemberState("done"),
        ("7", 3): MemberState("killed", "cancelled"),
        ("7", 4): MemberState("failed", "out of memory"),
        ("7", 5): MemberState("failed", "killed by signal 9"),
    }
    assert Slurm().in_history(1, "Slurm accounting storage is disabled\n") is None


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("7|1|POWER_UP_NODE|None|0", MemberState("queued")),
        ("7|1|A_WORD_OF_TOMORROW|None|0", MemberState("running", "Slurm says A_WORD_OF_TOMORROW")),
        ("7|1|LAUNCH_FAILED|None|0", MemberState("failed", "LAUNCH_FAILED")),
        ("7|1|FAILED|NonZeroExitCode|127", MemberState("failed", "exit code 127")),
        ("7|1||None|0", None),
    ],
)
def test_a_state_that_is_not_known_ends_no_job(line: str, wanted: MemberState | None) -> None:
    found = {("7", 1): wanted} if wanted else {}
    assert Slurm().in_queue(0, f"{line}\n") == found


def test_submission() -> None:
    slurm = Slurm()
    script = "/home/u/tasks/1/batch/001/job.sh"
    assert slurm.submit(request()) == ["sbatch", "--parsable", "--array=1-4", script]
    assert slurm.submit(request(16, max_jobs=5))[2] == "--array=1-16%5"
    largest = dataclasses.replace(request(), lowest=0)
    assert slurm.submit(largest)[2] == "--array=0-3"
    assert slurm.submitted(0, "123\n") == "123"
    assert slurm.submitted(0, "123;cluster\n") == "123"
    assert slurm.submitted(1, "") is None


def test_resources_and_native_options() -> None:
    lines = Slurm().directives(
        request(
            walltime="1-02:03:04", memory="4G", cpus=2, gpus=1,
            extra={"partition": "gpu", "--exclusive": True, "hold": False, "comment": "a b",
                   "licenses": ["x", "y"]},
        )
    )  # fmt: skip
    assert lines == [
        "#SBATCH --job-name=hpogrid.p",
        "#SBATCH --chdir=/home/u/tasks/1",
        "#SBATCH --output=/home/u/tasks/1/batch/001/%a.log",
        "#SBATCH --open-mode=append",
        "#SBATCH --requeue",
        "#SBATCH --nodes=1",
        "#SBATCH --ntasks=1",
        "#SBATCH --time=26:03:04",
        "#SBATCH --cpus-per-task=2",
        "#SBATCH --gres=gpu:1",
        "#SBATCH --mem=4G",
        "#SBATCH --partition=gpu",
        "#SBATCH --exclusive",
        '#SBATCH --comment="a b"',
        "#SBATCH --licenses=x",
        "#SBATCH --licenses=y",
    ]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"partitoin": "gpu"}, "did you mean partition.*valid: account, "),
        ({"array": "1-9"}, "set by hpogrid itself"),
        ({"comment": "a\nrm -rf ~"}, "one line of text"),
        ({"comment": None, "time": [["x"]]}, "must be text"),
        ({"comment": 'x" --wrap="y'}, "double quote"),
    ],
)
def test_bad_options(extra: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Slurm().directives(request(extra=extra))


def test_kill() -> None:
    assert Slurm().kill([("7", None)]) == ["scancel", "--full", "7"]
    assert Slurm().kill([("6", None), ("7", [1, 3])]) == ["scancel", "--full", "6", "7_1", "7_3"]


def test_what_the_user_says_about_nodes_is_all_that_is_said() -> None:
    lines = Slurm().directives(request(extra={"--nodes": 2, "ntasks-per-node": 4}))
    assert [line for line in lines if "node" in line or "ntasks" in line] == [
        "#SBATCH --nodes=2", "#SBATCH --ntasks-per-node=4",
    ]  # fmt: skip
    assert [Slurm().nodes(extra) for extra in ({}, {"nodes": "2-4"}, {"--nodes": 3})] == [1, 2, 3]


def test_several_nodes() -> None:
    lines = Slurm().directives(request(nodes=3))
    assert {"#SBATCH --nodes=3", "#SBATCH --ntasks-per-node=1"} <= set(lines)
    lines = Slurm().directives(request(nodes=3, extra={"ntasks-per-node": 4}))
    assert [line for line in lines if "node" in line] == [
        "#SBATCH --nodes=3", "#SBATCH --ntasks-per-node=4",
    ]  # fmt: skip


def test_an_array_is_found_by_its_name() -> None:
    assert "--name=hpogrid.p-2" in Slurm().search("hpogrid.p-2")
    assert Slurm().found(0, "17\n17\n", "x") == "17"
    assert Slurm().found(0, "\n", "x") is None


def test_the_largest_array() -> None:
    assert Slurm().largest_array("MaxArraySize            = 1001\nMaxDBDMsgs = 20008") == 1001
    assert Slurm().largest_array("") is None


def test_a_record_that_cannot_be_read_is_not_an_empty_one() -> None:
    assert Slurm().in_history(1, "sacct: unrecognized option '--array'") is None
    assert "--array" not in Slurm().history(["7"])[0]
