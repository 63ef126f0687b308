"""Slurm: ``sbatch --array``, one ``squeue`` for everything, ``sacct`` where there is accounting."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from hpogrid.site.base import JobState
from hpogrid.site.batch import BatchSite
from hpogrid.site.batchsystem import (
    NO_MEMORY,
    BatchSystem,
    Member,
    MemberState,
    Request,
    Target,
    cluster_user,
    named,
)

_STATES: dict[str, JobState] = {
    "PENDING": "queued",
    "CONFIGURING": "queued",
    "REQUEUED": "queued",
    "REQUEUE_FED": "queued",
    "REQUEUE_HOLD": "queued",
    "SPECIAL_EXIT": "queued",
    "RESV_DEL_HOLD": "queued",
    "POWER_UP_NODE": "queued",
    "EXPEDITING": "queued",
    "RUNNING": "running",
    "COMPLETING": "running",
    "SUSPENDED": "running",
    "STOPPED": "running",
    "SIGNALING": "running",
    "STAGE_OUT": "running",
    "RESIZING": "running",
    "COMPLETED": "done",
    "CANCELLED": "killed",
    "PREEMPTED": "killed",
    "REVOKED": "killed",
    "NODE_FAIL": "lost",
    "BOOT_FAIL": "lost",
    "FAILED": "failed",
    "TIMEOUT": "failed",
    "DEADLINE": "failed",
    "OUT_OF_MEMORY": "failed",
    "OUT_OF_ME": "failed",
    "LAUNCH_FAILED": "failed",
    "RECONFIG_FAIL": "failed",
}
"""A word that is not among these ends no job: later releases have others for jobs that go on."""

_REASONS = {
    "OUT_OF_MEMORY": NO_MEMORY,
    "OUT_OF_ME": NO_MEMORY,
    "TIMEOUT": "it reached its time limit",
    "DEADLINE": "it could not end before its deadline",
    "CANCELLED": "cancelled",
    "PREEMPTED": "preempted by a job of higher priority",
    "NODE_FAIL": "its node was lost",
    "BOOT_FAIL": "its node did not start",
    "SUSPENDED": "suspended",
    "Resources": "waiting for free resources",
    "Priority": "waiting for jobs of higher priority",
    "JobArrayTaskLimit": "waiting: as many members run as max_jobs allows",
    "JobHeldUser": "held by its user",
    "JobHeldAdmin": "held by an administrator",
    "PartitionTimeLimit": "its time limit is longer than the partition's",
    "QOSMaxJobsPerUserLimit": "waiting: as many jobs run as the user may have",
    "AssocGrpCPUMinutesLimit": "the account has used up its time",
}

_OPTIONS = """account acctg-freq batch bb begin comment constraint container contiguous
core-spec cores-per-socket cpu-freq cpus-per-gpu cpus-per-task deadline delay-boot dependency
distribution exclude exclusive export get-user-env gpu-bind gpu-freq gpus gpus-per-node
gpus-per-socket gpus-per-task gres gres-flags hint hold licenses mail-type mail-user mcs-label
mem mem-bind mem-per-cpu mem-per-gpu mincpus network nice no-requeue nodefile nodelist nodes
ntasks ntasks-per-core ntasks-per-gpu ntasks-per-node ntasks-per-socket overcommit oversubscribe
partition power priority profile propagate qos reboot requeue reservation signal
sockets-per-node spread-job switches thread-spec threads-per-core time time-min tmp
tres-per-task use-min-nodes wckey"""


class Slurm(BatchSystem):
    """See `BatchSystem`."""

    name = "slurm"
    label = "Slurm"
    member = '"$SLURM_ARRAY_TASK_ID"'
    from_zero = True
    end_time = (
        'echo "${SLURM_JOB_END_TIME:-$(date +%s -d "$(squeue --noheader --format=%e'
        ' --jobs="${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID")" 2>/dev/null)}"'
    )
    # SLURM_JOB_ID of one of the members is the number of the array: all would be queued again.
    again = '"scontrol requeue ${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"'
    job_nodes = '"$(scontrol show hostnames "$SLURM_JOB_NODELIST" | paste -s -d ,)"'
    on_node = "srun --overlap --cpu-bind=none --nodes=1 --ntasks=1 --nodelist"
    options = frozenset(_OPTIONS.split())
    reserved = frozenset(
        ["array", "chdir", "error", "input", "job-name", "open-mode", "output", "parsable", "wrap"]
    )
    same = MappingProxyType({
        "walltime": ["time"],
        "memory": ["mem", "mem-per-cpu", "mem-per-gpu"],
        "cpus": ["cpus-per-task"],
        "gpus": ["gres", "gpus", "gpus-per-node", "gpus-per-task", "tres-per-task"],
        "max_attempts": ["no-requeue"],
        "nodes": ["nodes"],
    })  # fmt: skip
    tested = ("22.05", "24.11")
    too_large = ("Invalid job array specification", "SubmitJob")
    too_many = ("SubmitJob",)

    def directives(self, request: Request) -> list[str]:
        """Options as ``#SBATCH`` lines; native ones come last and win."""
        options = [
            ("job-name", request.name),
            ("chdir", str(request.home)),
            ("output", str(request.folder / "%a.log")),
            ("open-mode", "append"),
            ("requeue", None),
        ]
        extra, nodes = request.grid.extra, request.grid.nodes
        names = [name.lstrip("-") for name in extra]
        tasks = any(name.startswith("ntasks") for name in names)
        if nodes is not None or not (tasks or "nodes" in names):
            options.append(("nodes", str(nodes or 1)))
            options += [] if tasks else [("ntasks-per-node" if nodes else "ntasks", "1")]
        if request.seconds:
            options.append(("time", _duration(request.seconds)))
        if request.cpus:
            options.append(("cpus-per-task", str(request.cpus)))
        if request.gpus:
            options.append(("gres", f"gpu:{request.gpus}"))
        if request.grid.memory:
            options.append(("mem", request.grid.memory))
        options += self.native_options(extra)
        return [f"#SBATCH --{name}" + _value(value) for name, value in options]

    def nodes(self, extra: Mapping[str, Any]) -> int:
        """``nodes``, of a range the least."""
        asked = next((text for name, text in extra.items() if name.lstrip("-") == "nodes"), 1)
        match = re.match(r"\d+", str(asked))
        return int(match.group()) if match else 1

    def submit(self, request: Request) -> list[str]:
        """``sbatch --array=1-N%C``."""
        most = f"%{request.grid.max_jobs}" if request.grid.max_jobs else ""
        last = request.lowest + request.count - 1
        array = f"--array={request.lowest}-{last}{most}"
        return ["sbatch", "--parsable", array, str(request.script)]

    def submitted(self, code: int, text: str) -> str | None:
        """``123``, or ``123;cluster``."""
        match = re.search(r"^(\d+)(;.*)?$", text, re.MULTILINE)
        return match.group(1) if code == 0 and match else None

    def search(self, name: str) -> list[str]:
        """``squeue --name``."""
        return ["squeue", "--noheader", "--states=all", f"--name={name}", "--Format=ArrayJobID"]

    def found(self, code: int, text: str, name: str) -> str | None:
        """One number a line."""
        numbers = [word for word in text.split() if word.isdigit()] if code == 0 else []
        return numbers[0] if numbers else None

    def version(self) -> list[str]:
        """``slurm 22.05.8``."""
        return ["sbatch", "--version"]

    def rehearsal(self, request: Request) -> list[str]:
        """``sbatch --test-only``, which queues nothing."""
        return ["sbatch", "--test-only", str(request.script)]

    def settings(self) -> list[str]:
        """``scontrol show config``."""
        return ["scontrol", "show", "config"]

    def largest_array(self, text: str) -> int | None:
        """``MaxArraySize`` is one more than the largest number of a member."""
        match = re.search(r"^MaxArraySize\s*=\s*(\d+)", text, re.MULTILINE)
        return max(int(match.group(1)), 1) if match else None

    def queue(self, arrays: Sequence[str]) -> list[str]:
        """Running, waiting and (for minutes) ended members of the user, in one call."""
        fields = "ArrayJobID:|,ArrayTaskID:|,State:|,Reason:|,exit_code:"
        user = f"--user={cluster_user()}"
        return ["squeue", "--noheader", "--array", "--states=all", user, f"--Format={fields}"]

    def in_queue(self, code: int, text: str) -> dict[Member, MemberState] | None:
        """Lines ``123|4|FAILED|NonZeroExitCode|768``."""
        if code != 0:
            return None
        return _members(line.split("|") for line in text.splitlines())

    def history(self, arrays: Sequence[str]) -> list[list[str]]:
        """``sacct``, in one call; where there is no record it says so."""
        fields = "--format=JobID,State,ExitCode"
        jobs = f"--jobs={','.join(arrays)}"
        return [["sacct", "--noheader", "--parsable2", "--allocations", jobs, fields]]

    def in_history(self, code: int, text: str) -> dict[Member, MemberState] | None:
        """Lines ``123_4|CANCELLED by 0|0:15``."""
        if code != 0:
            return None
        rows = (line.split("|") for line in text.splitlines() if line.count("|") == 2)
        return _members([*job.partition("_")[::2], state, "", exit_] for job, state, exit_ in rows)

    def kill(self, targets: Sequence[Target]) -> list[str]:
        """``scancel``."""
        return ["scancel", "--full", *named(targets, lambda array, member: f"{array}_{member}")]


def _members(rows: object) -> dict[Member, MemberState]:
    found: dict[Member, MemberState] = {}
    for row in rows:  # type: ignore[attr-defined]
        if len(row) < 5:
            continue
        array, member, state, reason, exit_code = (item.strip() for item in row[:5])
        if member.isdecimal() and state:
            found[array, int(member)] = _seen(state.split()[0].rstrip("+"), reason, exit_code)
    return found


def _seen(state: str, reason: str, exit_code: str) -> MemberState:
    kind = _STATES.get(state)
    if kind is None:
        return MemberState("running", f"Slurm says {state}")
    if state in _REASONS:
        return MemberState(kind, _REASONS[state])
    if state == "FAILED":
        return MemberState(kind, _exit(exit_code))
    if kind in ("running", "done"):
        return MemberState(kind)
    if kind == "queued" and reason in ("", "None"):
        return MemberState(kind)
    native = reason if kind == "queued" else state
    return MemberState(kind, _REASONS.get(native, native))


def _exit(text: str) -> str:
    """``3:0`` (code and signal) of sacct, or the wait status of squeue."""
    code, _, number = text.partition(":")
    if not number and code.isdecimal():
        with contextlib.suppress(ValueError, OverflowError):  # no status of a process that ended
            status = os.waitstatus_to_exitcode(int(code))
            code, number = str(max(status, 0)), str(max(-status, 0))
    return f"killed by signal {number}" if number not in ("", "0") else f"exit code {code}"


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest:02d}"


def _value(value: str | None) -> str:
    """How an option's value stands in an ``#SBATCH`` line."""
    if value is None:
        return ""
    return f"={value}" if re.fullmatch(r"[\w./:,%=+@*\[\]-]+", value) else f'="{value}"'


def site() -> BatchSite:
    """The site ``slurm``."""
    return BatchSite(Slurm())
