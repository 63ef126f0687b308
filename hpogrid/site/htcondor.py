"""HTCondor: ``queue N`` with ``max_materialize``; the nodes must see the task's folder.

Where they do not, see `hpogrid.site.transfer`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hpogrid.errors import Exit
from hpogrid.site.base import JobState
from hpogrid.site.batch import BatchSite
from hpogrid.site.batchsystem import (
    NO_MEMORY,
    BatchSystem,
    Member,
    MemberState,
    Request,
    Target,
    named,
)

SUBMIT_FILE = "job.sub"

_STATES: dict[int, JobState] = {1: "queued", 2: "running", 5: "queued", 6: "running", 7: "running"}
_REASONS = {34: NO_MEMORY, 46: "it reached its time limit", 47: "it reached its time limit"}
"""Why the cluster held a job that is then removed, by ``HoldReasonCode``."""

_OPTIONS = """accounting_group accounting_group_user allowed_execute_duration
allowed_job_duration coresize cron_day cron_hour cron_minute cron_month concurrency_limits
cuda_version deferral_prep_time deferral_time deferral_window description email_attributes
environment getenv gpus_minimum_capability gpus_minimum_memory gpus_minimum_runtime hold
job_lease_duration job_machine_attrs job_max_vacate_time keep_claim_idle kill_sig leave_in_queue
load_profile max_idle max_retries next_job_start_delay nice_user notification notify_user
on_exit_hold on_exit_remove periodic_hold periodic_release periodic_remove priority rank
request_cpus request_disk request_gpus request_memory require_gpus requirements retry_until
run_as_owner stack_size stream_error stream_output success_exit_code use_oauth_services
x509userproxy"""

_OWN = re.compile(r"\+\w+", re.ASCII)
"""The name of an attribute that is the user's own, such as ``+JobFlavour``."""

_ATTRIBUTES = (
    "ClusterId,ProcId,JobStatus,HoldReason,HoldReasonCode,LastHoldReasonCode,ExitCode,"
    "ExitBySignal,ExitSignal,RemoveReason,JobMaterializeNextProcId,TotalSubmitProcs"
)


class HTCondor(BatchSystem):
    """See `BatchSystem`."""

    name = "htcondor"
    label = "HTCondor"
    too_large = ("MAX_JOBS_PER",)
    too_many = ("MAX_JOBS_PER_OWNER", "MAX_JOBS_SUBMITTED")
    cut_off = (*BatchSystem.cut_off, "Failed to receive", "Failed to send")
    member = "$1"
    end_time = (
        "sed -n 's/^Allowed[JE][a-z]*Duration = \\([0-9][0-9]*\\)$/\\1/p' \"$_CONDOR_JOB_AD\""
        " 2>/dev/null | sort -n | head -n 1"
        " | while read -r limit; do echo $(($(date +%s) + limit)); done"
    )
    again = ""
    quotes = True
    options = frozenset(_OPTIONS.split())
    same = MappingProxyType({
        "walltime": ["allowed_job_duration", "allowed_execute_duration"],
        "memory": ["request_memory"],
        "cpus": ["request_cpus"],
        "gpus": ["request_gpus"],
        "max_attempts": ["on_exit_remove"],
    })  # fmt: skip
    reserved = frozenset(
        ["arguments", "batch_name", "error", "executable", "initialdir", "log", "max_materialize",
         "output", "queue", "should_transfer_files", "transfer_input_files",
         "transfer_output_files", "universe", "when_to_transfer_output"]
    )  # fmt: skip

    def directives(self, request: Request) -> list[str]:
        """None: they are in the submit file."""
        return [f"# submitted by {request.folder / SUBMIT_FILE}"]

    def files(self, request: Request) -> dict[str, str]:
        """The submit file; native options come last and win."""
        grid = request.grid
        lines = [
            "universe = vanilla",
            f"batch_name = {request.name}",
            "member = $(Process) + 1",
            f"executable = {escaped(request.script)}",
            "arguments = $INT(member)",
            f"output = {escaped(request.folder)}/$INT(member).log",
            f"error = {escaped(request.folder)}/$INT(member).err",
            *self.where(request),
            "# A job that the cluster holds because it used too much has ended.",
            "periodic_remove = (JobStatus == 5) && member(HoldReasonCode, {34, 46, 47})",
        ]
        if grid.max_attempts:
            lines.append(f"on_exit_remove = ExitBySignal || ExitCode != {Exit.AGAIN:d}")
        if grid.max_jobs:
            lines.append(f"max_materialize = {grid.max_jobs}")
        if request.seconds:
            lines.append(f"allowed_job_duration = {request.seconds}")
        if grid.memory_mb:
            lines.append(f"request_memory = {grid.memory_mb}")
        if request.cpus:
            lines.append(f"request_cpus = {request.cpus}")
        if request.gpus:
            lines.append(f"request_gpus = {request.gpus}")
        own = {name: value for name, value in grid.extra.items() if _OWN.fullmatch(name)}
        native = {name: value for name, value in grid.extra.items() if name not in own}
        pairs = self.native_options(native)
        lines += [f"{name} = {'true' if value is None else value}" for name, value in pairs]
        lines += [f"{name} = {json.dumps(value)}" for name, value in own.items()]
        return {SUBMIT_FILE: "\n".join([*lines, self.queue_line(request)]) + "\n"}

    def where(self, request: Request) -> list[str]:
        """Where a job is, and how its files come there: they are there."""
        return [
            f"initialdir = {escaped(request.home)}",
            "# The nodes see the same folders as this machine.",
            "should_transfer_files = NO",
        ]

    def queue_line(self, request: Request) -> str:
        """How many members there are."""
        return f"queue {request.count}"

    def pool(self) -> list[list[str]]:
        """The domain of this machine's disks, and those of the pool's machines."""
        return [
            ["condor_config_val", "FILESYSTEM_DOMAIN"],
            ["condor_status", "-autoformat", "FileSystemDomain"],
        ]

    def unfit(self, answers: Sequence[str]) -> str | None:
        """Jobs match machines of the same domain only."""
        here, there = answers[0].strip(), set(answers[1].split())
        if not here or not there or here in there:
            return None
        return (
            f"no machine of the pool shares a disk with this one (FILESYSTEM_DOMAIN is {here} here "
            f"and {', '.join(sorted(there)[:3])} there): the jobs would wait for ever; have "
            "HTCondor carry their files with --site htcondor-transfer"
        )

    def check_options(self, extra: Mapping[str, Any]) -> None:
        """Attributes of one's own begin with a plus."""
        super().check_options({name: extra[name] for name in extra if not _OWN.fullmatch(name)})

    def submit(self, request: Request) -> list[str]:
        """``condor_submit``."""
        return ["condor_submit", "-terse", str(request.folder / SUBMIT_FILE)]

    def submitted(self, code: int, text: str) -> str | None:
        """``1.0 - 1.3``."""
        match = re.search(r"^(\d+)\.\d+ - \d+\.\d+$", text, re.MULTILINE)
        return match.group(1) if code == 0 and match else None

    def search(self, name: str) -> list[str]:
        """The cluster of that batch name."""
        words = ["-json", "-attributes", "ClusterId,ProcId"]
        return ["condor_q", "-constraint", f'JobBatchName == "{name}"', *words]

    def found(self, code: int, text: str, name: str) -> str | None:
        """The number in any of its records."""
        ads = (_ads(text) if code == 0 else None) or []
        return str(ads[0]["ClusterId"]) if ads else None

    def version(self) -> list[str]:
        """``$CondorVersion: 23.4.0 ...``."""
        return ["condor_version"]

    def queue(self, arrays: Sequence[str]) -> list[str]:
        """These clusters' jobs, as JSON: who submitted them is the pool's business."""
        return ["condor_q", *arrays, "-json", "-attributes", _ATTRIBUTES]

    def in_queue(self, code: int, text: str) -> dict[Member, MemberState] | None:
        """Also members that are not made yet: their siblings tell how many follow."""
        ads = _ads(text) if code == 0 else None
        if ads is None:
            return None
        found: dict[Member, MemberState] = {}
        for ad in ads:
            array = str(ad["ClusterId"])
            for process in range(
                ad.get("JobMaterializeNextProcId", 0), ad.get("TotalSubmitProcs", 0)
            ):
                later = MemberState("queued", "waiting: as many run as max_jobs allows")
                found.setdefault((array, process + 1), later)
            found[array, ad["ProcId"] + 1] = _state(ad)
        return {member: state for member, state in found.items() if state.state != "done"}

    def history(self, arrays: Sequence[str]) -> list[list[str]]:
        """``condor_history``, in one call."""
        return [["condor_history", *arrays, "-json", "-attributes", _ATTRIBUTES]]

    def in_history(self, code: int, text: str) -> dict[Member, MemberState] | None:
        """How jobs left the queue."""
        ads = _ads(text) if code == 0 else None
        if ads is None:
            return None
        return {(str(ad["ClusterId"]), ad["ProcId"] + 1): _state(ad) for ad in ads}

    def kill(self, targets: Sequence[Target]) -> list[str]:
        """``condor_rm``."""
        return ["condor_rm", *named(targets, lambda array, member: f"{array}.{member - 1}")]

    def logs(self, folder: Path, member: int) -> list[Path]:
        """Output and errors are two files."""
        return [folder / f"{member}.log", folder / f"{member}.err"]


def _ads(text: str) -> list[dict[str, Any]] | None:
    """The records of an answer in JSON; an empty answer has none."""
    try:
        found = json.loads(text) if text.strip() else []
    except json.JSONDecodeError:
        return None
    return [ad for ad in found if "ClusterId" in ad and "ProcId" in ad]


def _state(ad: dict[str, Any]) -> MemberState:
    status = ad.get("JobStatus", 0)
    if status == 5:
        return MemberState("queued", f"held: {ad.get('HoldReason', 'no reason given')}")
    if status in _STATES:
        return MemberState(_STATES[status], "suspended" if status == 7 else None)
    limit = _REASONS.get(ad.get("LastHoldReasonCode", ad.get("HoldReasonCode", 0)))
    if status == 3:
        if limit is not None:
            return MemberState("failed", limit)
        return MemberState("killed", str(ad.get("RemoveReason", "removed")))
    if ad.get("ExitBySignal"):
        return MemberState("failed", f"killed by signal {ad.get('ExitSignal')}")
    if ad.get("ExitCode") == 0:
        return MemberState("done")
    return MemberState("failed", f"exit code {ad.get('ExitCode')}")


def escaped(path: Path | str) -> str:
    """A path as a submit file has it."""
    return str(path).replace("$", "$(DOLLAR)")


def site() -> BatchSite:
    """The site ``htcondor``."""
    return BatchSite(HTCondor())
