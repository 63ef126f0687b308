"""Grid Engine's commands and answers, as 8.1.9 wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hpogrid.config.schemas import GridConfig
from hpogrid.errors import UserError
from hpogrid.site.batchsystem import MemberState, Request
from hpogrid.site.sge import GridEngine

QSTAT = """<?xml version='1.0'?>
<job_info  xmlns:xsd="http://arc.liv.ac.uk/repos/darcs/sge/source/dist/util/resources/schemas/qstat/qstat.xsd">
  <queue_info>
    <job_list state="running">
      <JB_job_number>1</JB_job_number>
      <state>r</state>
      <tasks>1</tasks>
    </job_list>
    <job_list state="running">
      <JB_job_number>1</JB_job_number>
      <state>S</state>
      <tasks>2</tasks>
    </job_list>
  </queue_info>
  <job_info>
    <job_list state="pending">
      <JB_job_number>1</JB_job_number>
      <state>qw</state>
      <tasks>3,5-9:2</tasks>
    </job_list>
    <job_list state="pending">
      <JB_job_number>2</JB_job_number>
      <state>Eqw</state>
      <tasks>1</tasks>
    </job_list>
    <job_list state="pending">
      <JB_job_number>3</JB_job_number>
      <state>hqw</state>
      <tasks>1</tasks>
    </job_list>
  </job_info>
</job_info>
"""

QACCT = """\
==============================================================
jobnumber    5
taskid       1
failed       100 : assumedly after job
exit_status  137                  (Killed)
ru_wallclock 61s
category     -l h_rt=60
==============================================================
jobnumber    5
taskid       2
failed       0
exit_status  3
==============================================================
jobnumber    5
taskid       3
failed       0
exit_status  0
==============================================================
jobnumber    5
taskid       4
failed       100 : assumedly after job
exit_status  137                  (Killed)
ru_wallclock 3s
category     -l h_rt=60
==============================================================
jobnumber    5
taskid       5
failed       26  : opening input/output file
exit_status  0
==============================================================
jobnumber    5
taskid       6
failed       100 : assumedly after job
exit_status  137                  (Killed)
maxvmem      1.989GB
category     -l h_vmem=2G
==============================================================
jobnumber    5
taskid       undefined
failed       0
exit_status  0
"""


def request(count: int = 4, **settings: Any) -> Request:
    folder = Path("/home/u/tasks/1/batch/001")
    grid = GridConfig(site="sge", **settings)
    return Request("hpogrid.p", folder, Path("/home/u/tasks/1"), count, grid,
                   grid.cpus, grid.gpus, grid.walltime_seconds)  # fmt: skip


def test_queue() -> None:
    waiting = MemberState("queued")
    assert GridEngine().in_queue(0, QSTAT) == {
        ("1", 1): MemberState("running"),
        ("1", 2): MemberState("running", "suspended"),
        ("1", 3): waiting,
        ("1", 5): waiting,
        ("1", 7): waiting,
        ("1", 9): waiting,
        ("2", 1): MemberState("queued", "the cluster could not start it: 'qstat -j 2' tells why"),
        ("3", 1): MemberState("queued", "held: 'qrls 3' lets it go"),
    }
    assert GridEngine().in_queue(1, "error: commlib error: got select error") is None
    assert GridEngine().in_queue(0, "not XML at all") is None


def test_history() -> None:
    assert GridEngine().in_history(0, QACCT) == {
        ("5", 1): MemberState("failed", "it reached its time limit"),
        ("5", 2): MemberState("failed", "exit code 3"),
        ("5", 3): MemberState("done"),
        ("5", 4): MemberState("failed", "killed by signal 9"),
        ("5", 5): MemberState(
            "failed", "its output could not be opened; is the folder there on the nodes?"
        ),
        ("5", 6): MemberState("failed", "out of memory: it reached the limit of its h_vmem"),
    }
    assert GridEngine().in_history(1, "error: job id 999 not found") == {}


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ("failed 8 : in prolog\nexit_status 0", "Grid Engine says: in prolog"),
        ("failed 12\nexit_status 0", "Grid Engine says: failed 12"),
        ("failed 100 : assumedly after job\nexit_status 137\nmaxvmem 1.01T\n"
         "category -l h_vmem=1T", "out of memory: it reached the limit of its h_vmem"),
        ("failed 100 : assumedly after job\nexit_status 137\nmaxvmem 1.000.000\n"
         "category -l h_vmem=..", "killed by signal 9"),
    ],
)  # fmt: skip
def test_why_a_job_ended(lines: str, wanted: str) -> None:
    found = GridEngine().in_history(0, f"=====\njobnumber 5\ntaskid 1\n{lines}\n=====\ntaskid 2")
    assert found == {("5", 1): MemberState("failed", wanted)}


@pytest.mark.parametrize(
    ("code", "state"), [("19", "lost"), ("21", "lost"), ("25", "lost"), ("26", "failed")]
)
def test_a_job_that_its_node_lost_did_not_fail(code: str, state: str) -> None:
    """It is submitted again; one that failed has had its turn."""
    found = GridEngine().in_history(0, QACCT.replace("failed       26 ", f"failed       {code} "))
    assert found is not None
    assert found["5", 5].state == state
    assert found["5", 5].reason


def test_submission_as_the_recipe_prints_it() -> None:
    command = GridEngine().submit(request(16, max_jobs=5))
    assert command[:-1] == ["qsub", "-terse", "-t", "1:16", "-tc", "5"]
    lines = GridEngine().directives(
        request(extra={"q": "gpu.q@@2080", "l": {"gpu": 1, "h_rt": "12:00:00", "num_proc": 1},
                       "V": True})
    )  # fmt: skip
    assert lines[-3:] == [
        "#$ -q gpu.q@@2080",
        "#$ -l gpu=1,h_rt=12:00:00,num_proc=1",
        "#$ -V",
    ]


def test_resources() -> None:
    lines = GridEngine().directives(request(walltime="2h", memory="4G", cpus=4, gpus=1))
    assert lines == [
        "#$ -N hpogrid.p",
        '#$ -wd "/home/u/tasks/1"',
        '#$ -o "/home/u/tasks/1/batch/001/$TASK_ID.log"',
        "#$ -j y",
        "#$ -S /bin/sh",
        "#$ -r y",
        "#$ -l h_rt=7200",
        "#$ -l mem_free=4G",
        "#$ -l gpu=1",
        "#$ -pe smp 4",
    ]
    assert "#$ -pe mpi 4" in GridEngine().directives(request(cpus=4, extra={"pe": "mpi 4"}))


def test_submitted() -> None:
    assert GridEngine().submitted(0, "5.1-3:1\n") == "5"
    assert GridEngine().submitted(0, "warning: no suitable queues\n17\n") == "17"
    assert GridEngine().submitted(1, "") is None


def test_bad_option() -> None:
    with pytest.raises(UserError, match=r"unknown Grid Engine option 'partition'.*valid: A, "):
        GridEngine().directives(request(extra={"partition": "gpu"}))


def test_kill() -> None:
    assert GridEngine().kill([("5", None)]) == ["qdel", "5"]
    assert GridEngine().kill([("5", [1, 3])]) == ["qdel", "5.1", "5.3"]


def test_an_array_is_found_by_its_whole_name() -> None:
    text = (
        "<job_info><queue_info><job_list><JB_job_number>7</JB_job_number>"
        "<full_job_name>hpogrid.p.1</full_job_name></job_list></queue_info></job_info>"
    )
    assert GridEngine().found(0, text, "hpogrid.p.1") == "7"
    assert GridEngine().found(0, text, "hpogrid.p") is None
    assert GridEngine().found(1, "", "hpogrid.p") is None


def test_a_record_that_cannot_be_read_is_not_an_empty_one() -> None:
    assert GridEngine().in_history(1, "error: job id 7 not found") == {}
    assert GridEngine().in_history(1, "/var/acct: no such file or directory") is None


def test_the_option_that_limits_time() -> None:
    assert GridEngine().settings_in({"l": {"h_rt": 60}}) == {"walltime": "l h_rt"}
    found = GridEngine().settings_in({"l": "gpu=1,s_rt=60"})
    assert found == {"walltime": "l s_rt", "gpus": "l gpu"}
    assert GridEngine().settings_in({"l": "arch=x86"}) == {}
