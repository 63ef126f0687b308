"""A job on a machine that sees no folder of its user's, at a batch system that carries files.

What the batch system carries both ways is the folder `STATE` in the job's directory, where the
job's own ledgers are as they grow: so whatever ends the job, they come home. The job itself runs as
ever, in a process of its own, in a folder that holds the task as it was sent.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from hpogrid.archives import Refused, unpack
from hpogrid.config.project import Project, read_project
from hpogrid.errors import UserError
from hpogrid.files import make_folder
from hpogrid.job.chirp import Chirp
from hpogrid.job.parcel import make_home, pack
from hpogrid.job.run import RESULT
from hpogrid.job.settings import ENTRY, PACKED, PASS, STATE, TaskFolder
from hpogrid.signals import handled
from hpogrid.study.ledger import ledger_pattern
from hpogrid.study.serve.client import TOKEN_FILE

_SECONDS = 1.0
"""How often is looked for what is new in the ledgers."""

_FORWARDED = (
    signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU,
)  # fmt: skip


class State:
    """What comes with a job and goes home.

    Args:
        folder: it, in the directory of the job.
        task: the task as it was sent.
        job: which one, from 0.
    """

    def __init__(self, folder: Path, task: TaskFolder, job: int) -> None:
        self._folder = folder
        self._task = task
        self._job = job
        self._chirp = Chirp.of_this_job()

    def unpack(self) -> None:
        """Have the job go on where its earlier attempts were, with the token that it was given."""
        if (self._folder / PASS).exists():
            os.environ.setdefault(TOKEN_FILE, str(self._folder / PASS))
        for folder in (self._folder, self._task.ledgers, self._task.job(self._job)):
            make_folder(folder)
        (self._folder / RESULT).unlink(missing_ok=True)
        for path in self._folder.glob(ledger_pattern(self._job)):
            os.utime(path, (0, 0))  # a copy: nobody writes it any more
            os.link(path, self._task.ledgers / path.name)
        packed = self._folder / PACKED
        if packed.exists():
            try:
                unpack(packed, self._task.job(self._job))
            except (OSError, Refused) as error:
                _say(f"the checkpoints of earlier attempts are damaged: {error}")
        (self._task.job(self._job) / RESULT).unlink(missing_ok=True)

    def follow(self) -> None:
        """Have the job's ledgers be there as well, and what is new in them at home."""
        for path in sorted(self._task.ledgers.glob(ledger_pattern(self._job))):
            own = self._folder / path.name
            if not own.exists():
                os.link(path, own)
            if self._chirp is not None and not self._chirp.extend(own, f"{STATE}/{path.name}"):
                _say(f"{self._chirp.problem}: what is found out comes home when the job has ended")
                self._chirp = None

    def pack(self) -> None:
        """Add how the job ended, and what its trials left."""
        job = self._task.job(self._job)
        if (job / RESULT).exists():
            shutil.copyfile(job / RESULT, self._folder / RESULT)
        project: Project | None = None
        with contextlib.suppress(UserError):  # the job has told of that
            project = read_project(self._task.bundle)
        try:
            if note := pack(job, self._folder / PACKED, project):
                _say(note)
        except OSError as error:
            _say(f"logs and checkpoints are not brought home: {error}")


def main(folder: Path, job: int) -> int:
    """Run a job of the task in a folder; return its exit code, or end as it did.

    Args:
        folder: the task as it was sent, in the directory of the job.
        job: which one, from 0.
    """
    task, directory = TaskFolder(folder.resolve()), Path.cwd()
    make_home(directory)
    state = State(directory / STATE, task, job)
    state.unpack()
    command = [sys.executable, str(task.path / ENTRY), "--task", str(task.path), str(job)]
    with subprocess.Popen(command) as child:

        def forward(number: int, frame: FrameType | None) -> None:
            child.send_signal(number)

        with handled(forward, *_FORWARDED):
            while child.poll() is None:
                state.follow()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(_SECONDS)
            state.follow()
            state.pack()
    if child.returncode < 0:  # the batch system is to see that too
        with contextlib.suppress(OSError):  # SIGKILL always ends us
            signal.signal(-child.returncode, signal.SIG_DFL)
        os.kill(os.getpid(), -child.returncode)
    return child.returncode


def _say(text: str) -> None:
    sys.stdout.write(f"hpogrid: {text}\n")
    sys.stdout.flush()
