"""Grid Engine: ``qsub -t 1:N -tc C``, one ``qstat`` for all, ``qacct`` for what has ended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

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

_REASONS = {
    "1": "its node could not start it",
    "19": "its node lost it",
    "21": "its node does not know it",
    "25": "it was rescheduled",
    "26": "its output could not be opened; is the folder there on the nodes?",
    "27": "its shell was not found",
    "28": "its folder is not there on the nodes",
    "37": "it reached the limit of its time or memory",
}
"""The ``failed`` field of the accounting record."""

_RESOURCES = {"walltime": r"\b[hs]_rt\b", "memory": r"\bmem_free\b", "gpus": r"\bgpu\b"}
"""The resources that say the same as a setting of the grid config."""

_BYTES = r"[0-9]+(?:\.[0-9]*)?[KMGTkmgt]?"

_OPTIONS = """a ac A binding c ckpt dc dl h hard hold_jid hold_jid_ad jc js jsv l m M masterq
notify now ot P p pe q R sc shell soft v V"""


class GridEngine(BatchSystem):
    """See `BatchSystem`."""

    name = "sge"
    tested = ("8.1.9",)
    too_large = ("tasks are allowed", "jobs are allowed")
    too_many = ("jobs are allowed",)
    cores_by_number = False  # it takes a parallel environment, which every cluster calls its own
    label = "Grid Engine"
    member = '"$SGE_TASK_ID"'
    end_time = (
        'qstat -j "$JOB_ID" 2>/dev/null'
        " | sed -n 's/^hard resource_list:.*h_rt=\\([0-9]*\\).*/\\1/p'"
        " | while read -r limit; do echo $(($(date +%s) + limit)); done"
    )
    again = ""
    options = frozenset(_OPTIONS.split())
    reserved = frozenset(["b", "cwd", "e", "i", "j", "N", "o", "r", "S", "sync", "t", "tc", "wd"])

    def directives(self, request: Request) -> list[str]:
        """Options as ``#$`` lines; native ones come last."""
        lines = [
            f"-N {request.name}",
            f'-wd "{request.home}"',
            f'-o "{request.folder}/$TASK_ID.log"',
            "-j y",
            "-S /bin/sh",
            "-r y",
        ]
        if request.seconds:
            lines.append(f"-l h_rt={request.seconds}")
        if request.grid.memory:
            lines.append(f"-l mem_free={request.grid.memory}")
        if request.gpus:
            lines.append(f"-l gpu={request.gpus}")
        if request.cpus and request.cpus > 1 and "pe" not in request.grid.extra:
            lines.append(f"-pe smp {request.cpus}")
        native = self.native_options(request.grid.extra)
        lines += [f"-{name} {value}" if value is not None else f"-{name}" for name, value in native]
        return [f"#$ {line}" for line in lines]

    def settings_in(self, extra: Mapping[str, Any]) -> dict[str, str]:
        """They are in the resource list."""
        text = str(extra.get("l", extra.get("-l", "")))
        found = {name: re.search(pattern, text) for name, pattern in _RESOURCES.items()}
        return {name: f"l {match.group()}" for name, match in found.items() if match}

    def submit(self, request: Request) -> list[str]:
        """``qsub -t 1:N -tc C``."""
        most = ["-tc", str(request.grid.max_jobs)] if request.grid.max_jobs else []
        return ["qsub", "-terse", "-t", f"1:{request.count}", *most, str(request.script)]

    def submitted(self, code: int, text: str) -> str | None:
        """``5.1-3:1``, perhaps after lines with warnings."""
        match = re.search(r"^(\d+)(\.\S*)?$", text, re.MULTILINE)
        return match.group(1) if code == 0 and match else None

    def search(self, name: str) -> list[str]:
        """All jobs, with their whole names."""
        return ["qstat", "-u", cluster_user(), "-r", "-xml"]

    def found(self, code: int, text: str, name: str) -> str | None:
        """The number in the element that has the name."""
        root = _xml(text) if code == 0 else None
        for job in root.iter("job_list") if root is not None else ():
            if job.findtext("full_job_name") == name:
                return job.findtext("JB_job_number")
        return None

    def version(self) -> list[str]:
        """Its first line is ``SGE 8.1.9``."""
        return ["qstat", "-help"]

    def queue(self, arrays: Sequence[str]) -> list[str]:
        """All members of the user that have not ended, each on its own."""
        return ["qstat", "-u", cluster_user(), "-g", "d", "-xml"]

    def in_queue(self, code: int, text: str) -> dict[Member, MemberState] | None:
        """The XML of ``qstat``."""
        root = _xml(text) if code == 0 else None
        if root is None:
            return None
        found: dict[Member, MemberState] = {}
        for job in root.iter("job_list"):
            state = _state(job.findtext("state") or "", job.findtext("JB_job_number") or "")
            for member in _numbers(job.findtext("tasks") or ""):
                found[job.findtext("JB_job_number") or "", member] = state
        return found

    def history(self, arrays: Sequence[str]) -> list[list[str]]:
        """``qacct`` takes one job at a time."""
        return [["qacct", "-j", array] for array in arrays]

    def in_history(self, code: int, text: str) -> dict[Member, MemberState] | None:
        """Blocks of ``name value`` lines; of several runs of a member the last counts."""
        found: dict[Member, MemberState] = {}
        if code != 0:
            return found if "not found" in text else None
        for block in re.split(r"^=+$", text, flags=re.MULTILINE):
            lines = (line.split(maxsplit=1) for line in block.splitlines())
            record = {words[0]: words[1].strip() for words in lines if len(words) == 2}
            job, member = record.get("jobnumber"), record.get("taskid", "")
            if job and member.isdecimal():
                found[job, int(member)] = _ended(record)
        return found

    def kill(self, targets: Sequence[Target]) -> list[str]:
        """``qdel``."""
        return ["qdel", *named(targets, lambda array, member: f"{array}.{member}")]


def _xml(text: str) -> ElementTree.Element | None:
    try:
        return ElementTree.fromstring(text)  # noqa: S314 (the cluster's own)
    except ElementTree.ParseError:
        return None


def _state(letters: str, job: str) -> MemberState:
    """The letters of ``qstat``, such as ``r``, ``qw``, ``hqw``, ``Eqw``, ``dr``, ``S``."""
    if "E" in letters:
        return MemberState("queued", f"the cluster could not start it: 'qstat -j {job}' tells why")
    if "q" in letters:
        return MemberState("queued", f"held: 'qrls {job}' lets it go" if "h" in letters else None)
    return MemberState("running", "suspended" if set(letters) & set("sST") else None)


def _numbers(text: str) -> Iterator[int]:
    """``7``, or ``3,5-9:2``."""
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"(\d+)(?:-(\d+)(?::(\d+))?)?", part.strip())
        if match:
            first, last, step = match.groups()
            yield from range(int(first), int(last or first) + 1, int(step or 1))


def _ended(record: dict[str, str]) -> MemberState:
    failed = record.get("failed", "0").split()[0]
    code = record.get("exit_status", "0").split()[0]
    if failed == "0" and code == "0":
        return MemberState("done")
    if failed in _REASONS:
        return MemberState("lost" if failed in ("19", "21", "25") else "failed", _REASONS[failed])
    limit = re.search(r"\bh_rt=(\d+)", record.get("category", ""))
    spent = re.match(r"\d+", record.get("ru_wallclock", ""))
    if code == "137" and limit and spent and int(spent.group()) >= int(limit.group(1)):
        return MemberState("failed", "it reached its time limit")
    if code != "0" and _over_memory(record):
        return MemberState("failed", f"{NO_MEMORY}: it reached the limit of its h_vmem")
    if code.isdecimal() and int(code) > 128:
        return MemberState("failed", f"killed by signal {int(code) - 128}")
    if code == "0":  # the cluster's own trouble, before the job or behind it
        said = record["failed"].partition(":")[2].strip()
        return MemberState("failed", f"Grid Engine says: {said or f'failed {failed}'}")
    return MemberState("failed", f"exit code {code}")


def _over_memory(record: dict[str, str]) -> bool:
    """Whether a job had, at last, all the memory that it was allowed."""
    limit = re.search(rf"\bh_vmem=({_BYTES})", record.get("category", ""))
    used = re.match(f"({_BYTES})", record.get("maxvmem", ""))
    if limit is None or used is None:
        return False
    return _bytes(used.group(1)) >= 0.95 * _bytes(limit.group(1))


def _bytes(text: str) -> float:
    """``1.5G`` in bytes."""
    unit = "KMGT".find(text[-1].upper())
    return float(text[:-1]) * 1024 ** (unit + 1) if unit >= 0 else float(text)


def site() -> BatchSite:
    """The site ``sge``."""
    return BatchSite(GridEngine())
