"""The process that has PSI/J: ``python -m hpogrid.site.psijtool VERB EXECUTOR ...``.

Three verbs: ``submit FILE MEMBER`` prints the native id of the job, ``status ID...`` the states
of jobs as JSON, ``cancel ID...`` ends jobs. See `hpogrid.site.psij`, which calls it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from hpogrid.config.home import home
from hpogrid.errors import RunError, UserError
from hpogrid.registry import require

_PATIENCE = 40.0
"""Seconds in which PSI/J has to tell the state of all jobs."""

_THREADS = 0.5
"""Seconds for what PSI/J does in a thread after it has said that it is done."""

_TROUBLE = ("Failed to poll for job status", "Failed to update job status", "Error updating job")


class _Tool:
    """PSI/J, for one batch system. It takes a thread's time, so it is used once and left."""

    def __init__(self, executor: str) -> None:
        self._psij: Any = require("psij", extra="psij", what=f"site {executor}")
        folder = home() / "psij"
        if executor in ("flux", "local"):
            config = self._psij.JobExecutorConfig(work_directory=folder)
        else:
            batch: Any = require(
                "psij.executors.batch.batch_scheduler_executor", extra="psij", what=executor
            )
            config = batch.BatchSchedulerExecutorConfig(
                work_directory=folder, queue_polling_interval=1, initial_queue_polling_delay=1,
                queue_polling_error_threshold=0, keep_files=True,
            )  # fmt: skip
        self._executor: Any = self._psij.JobExecutor.get_instance(executor, config=config)

    def submit(self, path: str, member: str) -> str:
        """Submit one member of the job in a file; return its native id."""
        told = json.loads(Path(path).read_text())
        limit = timedelta(seconds=told["seconds"])
        attributes = self._psij.JobAttributes(duration=limit, **told["attributes"])
        spec = self._psij.JobSpec(
            executable=told["executable"],
            arguments=[member],
            resources=self._psij.ResourceSpecV1(**told["resources"]),
            attributes=attributes,
        )
        job = self._psij.Job(spec)
        self._executor.submit(job)
        self._wait([job])
        return str(job.native_id)

    def status(self, *natives: str) -> str:
        """The states of jobs, as JSON."""
        jobs = {native: self._attach(native) for native in natives}
        self._wait([job for job in jobs.values() if job is not None])
        found = {}
        for native, job in jobs.items():
            found[native] = _told(job.status) if job is not None else ("COMPLETED", None, None)
        return json.dumps(found)

    def cancel(self, *natives: str) -> str:
        """End jobs, those that have not ended."""
        jobs = [job for native in natives if (job := self._attach(native)) is not None]
        self._wait(jobs)
        for job in jobs:
            job.cancel()
        time.sleep(_THREADS)
        return ""

    def _attach(self, native: str) -> Any:
        """The job of that number; None: it has gone."""
        job = self._psij.Job(self._psij.JobSpec())
        try:
            self._executor.attach(job, native)
        except Exception as error:
            if type(error).__name__ == "NoSuchProcess":
                return None
            raise
        return job

    def _wait(self, jobs: Sequence[Any]) -> None:
        """Wait until something is known about all jobs."""
        end = time.monotonic() + _PATIENCE
        while any(job.status.state.name == "NEW" for job in jobs):
            if time.monotonic() > end:
                raise RunError(f"PSI/J does not tell the state of jobs within {_PATIENCE:g} s")
            time.sleep(0.05)


def _told(status: Any) -> tuple[str, int | None, str | None]:
    """State, exit code and message of a job.

    Raises:
        RunError: it is PSI/J's own trouble, which it takes for a failure of the job.
    """
    message = status.message and " ".join(status.message.split())
    if message and any(text in message for text in _TROUBLE):
        raise RunError(_last_line(status.message))
    return status.state.name, status.exit_code, message


def _last_line(traceback: str) -> str:
    """The message at the end of a traceback."""
    return traceback.strip().splitlines()[-1]


def main(verb: str, executor: str, *words: str) -> int:
    """Do what `Psij` asks for; what goes wrong is one line on stderr."""
    try:
        tool = _Tool(executor)
        sys.stdout.write(getattr(tool, verb)(*words) + "\n")
    except UserError as error:
        sys.stderr.write(f"{error}\n")
    except FileNotFoundError as error:
        sys.stderr.write(
            f"there is no '{error.filename}' on the PATH; log in to a machine of the cluster, "
            "or load the module that brings it\n"
        )
    except Exception as error:  # PSI/J's own: the batch system refused or does not answer
        sys.stderr.write(f"{' '.join(str(error).split()) or type(error).__name__}\n")
    else:
        return 0
    return 1


if __name__ == "__main__":
    result = main(*sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(result)  # PSI/J's threads would keep the process
