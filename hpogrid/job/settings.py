"""What a job is told, and the names of the files in which it finds it and leaves what it did."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hpogrid.config.home import home
from hpogrid.errors import UserError
from hpogrid.files import load_record

JOB = "HPOGRID_JOB"
"""The environment variable with the number of a job, where a script of hpogrid runs it."""
ONWARD = "HPOGRID_ONWARD"
"""The environment variable with the command that submits jobs which wait for others to end."""
START = "hpogrid_job.sh"
"""The program that a job starts: it finds a Python."""
ENTRY = "hpogrid_job.py"
"""The program that this Python runs."""
SETTINGS = "hpogrid_job.json"
LEDGER = "hpogrid_ledger.jsonl"
"""The output that holds what a job did: its ledgers, one after the other."""
PACKED = "hpogrid_job.tgz"
"""The output that holds the logs and checkpoints of a job's trials."""
METRICS = "hpogrid_metrics.tgz"
"""The output of a job of PanDA's HPO service."""
BUNDLED = "hpogrid_bundle.json"
"""Holds the bundle where only some kinds of files are sent."""
BUNDLE = "bundle"
STATE = "state"
"""The folder that goes with a job to a machine which sees no other of here, and comes back: the
ledgers of that job alone, its result, and what `PACKED` holds."""
PASS = "serve-token"  # noqa: S105 (the name of a file)
"""In `STATE`: the token with which the job may call `hpogrid serve`."""
LIB = "lib"
VENDOR = "vendor"


def waiting_marks() -> list[Path]:
    """The marks of the tasks with jobs that wait to be submitted: files named by their numbers."""
    return list(marks_folder().glob("[0-9]*"))


def marks_folder() -> Path:
    """Where they are."""
    return home() / "sites" / "waiting"


class JobSettings(msgspec.Struct, kw_only=True):
    """What a job needs to know beside the project.

    Attributes:
        name: of the task.
        seed, n_jobs, shared: see `hpogrid.engine.run.JobSpec`.
        seconds: the time limit of a job.
        earlier: where earlier ledgers of the task may be found.
        added: how many trials were added to the budget of each job.
        begun_with: how many jobs there were at first; 0: as many as now.
    """

    name: str
    seed: int
    n_jobs: int
    shared: bool = True
    seconds: int | None = None
    earlier: str | None = None
    added: int = 0
    begun_with: int = 0


def read_settings(path: Path) -> JobSettings:
    """The settings in a file: of a bundle, or the record of a task, which holds them too.

    Raises:
        UserError: it is not there, or damaged.
    """
    try:
        return load_record(path, JobSettings)
    except FileNotFoundError as error:
        raise UserError(f"{path} cannot be read: it is not there") from error


class TaskFolder:
    """The folder of a task, as its jobs see it.

    Attributes:
        path: where it is.
    """

    RECORD = "task.json"

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def bundle(self) -> Path:
        """The project as it was when it was submitted."""
        return self.path / BUNDLE

    @property
    def ledgers(self) -> Path:
        """The ledgers of all jobs."""
        return self.path / "ledger"

    @property
    def prep(self) -> Path:
        """What was prepared for the trials of all jobs."""
        return self.path / "prep"

    @property
    def requests(self) -> Path:
        """What users ask of jobs that run."""
        return self.path / "requests"

    def job(self, number: int) -> Path:
        """What belongs to one job."""
        return self.path / "jobs" / str(number)
