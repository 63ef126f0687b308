"""HTCondor's commands and answers, as 23.9 wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hpogrid.config.schemas import GridConfig
from hpogrid.errors import UserError
from hpogrid.site.batchsystem import MemberState, Request
from hpogrid.site.htcondor import HTCondor


def request(count: int = 4, **settings: Any) -> Request:
    folder = Path("/home/u/tasks/1/batch/001")
    grid = GridConfig(site="htcondor", **settings)
    return Request("hpogrid.p", folder, Path("/home/u/tasks/1"), count, grid,
                   grid.cpus, grid.gpus, grid.walltime_seconds)  # fmt: skip


def ad(process: int, status: int, **more: Any) -> dict[str, Any]:
    return {"ClusterId": 1, "ProcId": process, "JobStatus": status, **more}


def test_queue_knows_members_that_are_not_made_yet() -> None:
    factory = {"JobMaterializeNextProcId": 2, "TotalSubmitProcs": 4}
    text = json.dumps([ad(0, 2, **factory), ad(1, 5, HoldReason="no disk", **factory)])
    later = MemberState("queued", "waiting: as many run as max_jobs allows")
    assert HTCondor().in_queue(0, text) == {
        ("1", 1): MemberState("running"),
        ("1", 2): MemberState("queued", "held: no disk"),
        ("1", 3): later,
        ("1", 4): later,
    }
    assert HTCondor().in_queue(0, "") == {}
    assert HTCondor().in_queue(1, "") is None
    assert HTCondor().in_queue(0, "Extra Info: You probably saw this error because") is None


def test_history() -> None:
    text = json.dumps(
        [
            ad(0, 4, ExitBySignal=False, ExitCode=3),
            ad(1, 4, ExitBySignal=True, ExitSignal=9),
            ad(2, 4, ExitBySignal=False, ExitCode=0),
            ad(3, 3, ExitBySignal=True, ExitSignal=15, LastHoldReasonCode=46,
               RemoveReason="The job attribute PeriodicRemove expression evaluated to TRUE"),
            ad(4, 3, RemoveReason="via condor_rm (by user u)"),
            ad(5, 3, LastHoldReasonCode=34),
        ]
    )  # fmt: skip
    assert HTCondor().in_history(0, text) == {
        ("1", 1): MemberState("failed", "exit code 3"),
        ("1", 2): MemberState("failed", "killed by signal 9"),
        ("1", 3): MemberState("done"),
        ("1", 4): MemberState("failed", "it reached its time limit"),
        ("1", 5): MemberState("killed", "via condor_rm (by user u)"),
        ("1", 6): MemberState("failed", "out of memory"),
    }
    assert HTCondor().in_history(1, "unknown option") is None


def test_submit_file() -> None:
    settings = request(
        16, max_jobs=5, walltime="1h", memory="2G", cpus=2, gpus=1,
        extra={"requirements": "(Arch == 1)", "nice_user": True, "+JobFlavour": "longlunch"},
    )  # fmt: skip
    lines = HTCondor().files(settings)["job.sub"].splitlines()
    assert lines[-9:] == [
        "max_materialize = 5",
        "allowed_job_duration = 3600",
        "request_memory = 2048",
        "request_cpus = 2",
        "request_gpus = 1",
        "requirements = (Arch == 1)",
        "nice_user = true",
        '+JobFlavour = "longlunch"',
        "queue 16",
    ]
    command = HTCondor().submit(settings)
    assert command == ["condor_submit", "-terse", "/home/u/tasks/1/batch/001/job.sub"]


def test_submitted() -> None:
    assert HTCondor().submitted(0, "17.0 - 17.3\n") == "17"
    assert HTCondor().submitted(1, "") is None


def test_an_expression_may_have_text_in_it() -> None:
    wanted = '(OpSysAndVer == "AlmaLinux9") && (Machine != "a.b")'
    condor = HTCondor()
    condor.check_options({"requirements": wanted})
    assert (
        f"requirements = {wanted}\n"
        in condor.files(request(extra={"requirements": wanted}))["job.sub"]
    )
    with pytest.raises(UserError, match="must not end in a backslash"):
        condor.files(request(extra={"requirements": "TRUE \\"}))


@pytest.mark.parametrize("name", ["partition", "queue", "output", "+a\nqueue 9\n+b"])
def test_bad_options(name: str) -> None:
    with pytest.raises(UserError, match=r"valid: accounting_group|set by hpogrid"):
        HTCondor().files(request(extra={name: "x"}))


def test_kill() -> None:
    assert HTCondor().kill([("1", None)]) == ["condor_rm", "1"]
    assert HTCondor().kill([("1", [1, 3])]) == ["condor_rm", "1.0", "1.2"]


@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        ("login.cluster\n", "n1.cluster\nn2.cluster\n", True),
        ("cluster\n", "n1\ncluster\n", False),
        ("cluster\n", "", False),
    ],
)
def test_a_pool_that_does_not_see_this_disk(here: str, there: str, told: bool) -> None:
    assert ("no machine of the pool" in (HTCondor().unfit([here, there]) or "")) == told
