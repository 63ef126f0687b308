"""PBS, LSF, Flux and Cobalt by PSI/J: one native job for each job, since it knows no arrays.

PSI/J is a library without time-outs whose threads watch the queue, so it runs in processes of
its own (`hpogrid.site.psijtool`). It pins old versions of what others need; the Python that has
it may be another one (`PYTHON`).
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from hpogrid.errors import UserError
from hpogrid.site.base import JobState
from hpogrid.site.batch import BatchSite
from hpogrid.site.batchsystem import (
    BatchSystem,
    Member,
    MemberState,
    Request,
    Target,
    native_options,
)
from hpogrid.ssh import last_line

PYTHON = "HPOGRID_PSIJ_PYTHON"
"""The environment variable with the Python in which ``hpogrid[psij]`` is installed."""

JOB_FILE = "job.json"
_STATES: dict[str, JobState] = {
    "QUEUED": "queued",
    "ACTIVE": "running",
    "COMPLETED": "done",
    "FAILED": "failed",
    "CANCELED": "killed",
}


class Psij(BatchSystem):
    """A batch system that PSI/J knows (see `BatchSystem`).

    Attributes:
        executor: PSI/J's name of it.
        cores: what PSI/J turns into cores for the job: ``processes`` or ``cores``; "": nothing,
            jobs get whole nodes.
        unable: settings of the grid config that PSI/J cannot pass on.
    """

    member = '"$1"'
    arrays = False
    options = frozenset(["account", "queue_name", "reservation_id"])
    executor: ClassVar[str]
    cores: ClassVar[str] = "processes"
    unable: ClassVar[tuple[str, ...]] = ()

    def directives(self, request: Request) -> list[str]:
        """The options are in the job file; PSI/J writes the script that has them."""
        return [
            f"# submitted by {JOB_FILE} in this folder",
            f"cd {shlex.quote(str(request.home))} || exit",
            f'exec >>{shlex.quote(str(request.folder))}/"$1.log" 2>&1',
        ]

    def files(self, request: Request) -> dict[str, str]:
        """What PSI/J is asked for."""
        self._check(request)
        extra = request.grid.extra
        self.check_options(extra)
        custom = {name: value for name, value in extra.items() if self._custom(name)}
        native = {name: value for name, value in extra.items() if name not in custom}
        known = self.options | {f"{self.name}.*"}
        pairs = native_options(native, known, self.reserved, self.label)
        attributes: dict[str, Any] = dict(pairs) | {"custom_attributes": self._gpus(request)}
        for name, value in native_options(custom, custom, (), self.label):
            if value is None:
                raise UserError(f"extra: '{name}' must have a value: PSI/J knows no flags")
            attributes["custom_attributes"][name] = value
        job = {
            "executable": str(request.script),
            "seconds": request.seconds,
            "resources": self._resources(request),
            "attributes": attributes,
        }
        return {JOB_FILE: json.dumps(job, indent=2) + "\n"}

    def check_options(self, extra: Mapping[str, Any]) -> None:
        """Those of the batch system have its name before them."""
        if extra and not self.options:
            raise UserError(f"extra: PSI/J passes no native option on to {self.label}")
        native = {name: value for name, value in extra.items() if not self._custom(name)}
        native_options(native, self.options | {f"{self.name}.*"}, self.reserved, self.label)

    def _custom(self, name: str) -> bool:
        return name.startswith(f"{self.name}.") and name != f"{self.name}."

    def _check(self, request: Request) -> None:
        if request.seconds is None:
            raise UserError(
                f"walltime: {self.label} has to be told how long a job may take; "
                "give the grid config one, such as --walltime 2h"
            )
        most = request.grid.max_jobs
        if most is not None and most < request.count:
            raise UserError(
                f"max_jobs: PSI/J has no arrays, so {self.label} cannot be told to run {most} of "
                f"{request.count} jobs at once; leave it out, or submit with --n_jobs {most}"
            )
        asked = {"gpus": request.gpus, "memory": request.grid.memory}
        for name in self.unable:
            if asked[name]:
                raise UserError(
                    f"{name}: PSI/J cannot ask {self.label} for that; leave it out, and choose a "
                    "queue whose nodes have it"
                )

    def _gpus(self, request: Request) -> dict[str, Any]:
        """GPUs as a native option, where PSI/J would multiply them by the cores."""
        if request.gpus and self.name == "lsf":
            return {"lsf.gpu": f"num={request.gpus}"}
        return {}

    def _resources(self, request: Request) -> dict[str, int]:
        found = {"node_count": 1}
        cpus = request.cpus or 1
        if self.cores == "processes":
            found["processes_per_node"] = cpus
        elif self.cores:
            found |= {"process_count": 1, "cpu_cores_per_process": cpus}
            if request.gpus:
                found["gpu_cores_per_process"] = request.gpus
        if request.grid.memory_mb and self.cores:
            found["memory"] = request.grid.memory_mb * 2**20
        return found

    def submit(self, request: Request) -> list[str]:
        """Submit one member."""
        path = str(request.folder / JOB_FILE)
        return self._command("submit", path, str(request.only or 1))

    def submitted(self, code: int, text: str) -> str | None:
        """The native id, on a line of its own."""
        lines = text.split()
        return lines[-1] if code == 0 and lines else None

    def queue(self, arrays: Sequence[str]) -> list[str]:
        """The states of jobs."""
        return self._command("status", *arrays)

    def in_queue(self, code: int, text: str) -> dict[Member, MemberState] | None:
        """A JSON object of ``[state, exit code, message]`` by native ids."""
        if code != 0:
            return None
        try:  # on the last line: its Python may print something else before
            found: dict[str, tuple[str, int | None, str | None]] = json.loads(last_line(text))
        except ValueError:
            return None
        states = {(native, 1): _state(*told) for native, told in found.items()}
        return {member: state for member, state in states.items() if state is not None}

    def history(self, arrays: Sequence[str]) -> list[list[str]]:
        """PSI/J keeps no record but the exit code, which `queue` tells."""
        return []

    def in_history(self, code: int, text: str) -> dict[Member, MemberState] | None:
        """Never asked."""
        return {}

    def kill(self, targets: Sequence[Target]) -> list[str]:
        """End jobs."""
        return self._command("cancel", *(native for native, _ in targets))

    def _command(self, verb: str, *words: str) -> list[str]:
        python = os.environ.get(PYTHON) or sys.executable
        return [python, "-P", "-m", "hpogrid.site.psijtool", verb, self.executor, *words]


class PBS(Psij):
    """PBS Pro and OpenPBS."""

    name = executor = "pbs"
    label = "PBS"
    unable = ("gpus",)


class LSF(Psij):
    """IBM Spectrum LSF."""

    name = executor = "lsf"
    label = "LSF"


class Flux(Psij):
    """Flux, from within one of its instances."""

    name = executor = "flux"
    label = "Flux"
    options = frozenset()
    cores = "cores"
    unable = ("memory",)


class Cobalt(Psij):
    """Cobalt; jobs get whole nodes."""

    name = executor = "cobalt"
    label = "Cobalt"
    cores = ""


def _state(state: str, code: int | None, message: str | None) -> MemberState | None:
    """What PSI/J says of a job; None: it only knows that the job is not in the queue."""
    kind = _STATES.get(state, "failed")
    if kind == "done" and code is None:
        return None
    if kind == "failed" and code is not None:
        told = f"killed by signal {code - 128}" if code > 128 else f"exit code {code}"
        return MemberState(kind, told)
    if kind == "killed":
        return MemberState(kind, message or "cancelled")
    return MemberState(kind, message or None)


def pbs() -> BatchSite:
    """The site ``pbs``."""
    return BatchSite(PBS())


def lsf() -> BatchSite:
    """The site ``lsf``."""
    return BatchSite(LSF())


def flux() -> BatchSite:
    """The site ``flux``."""
    return BatchSite(Flux())


def cobalt() -> BatchSite:
    """The site ``cobalt``."""
    return BatchSite(Cobalt())
