"""A job of a task whose folder this machine sees.

``python -m hpogrid.site.job TASK INDEX`` is what sites with a shared file system start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from hpogrid.engine.job import JobResult, run_job
from hpogrid.engine.run import Run
from hpogrid.errors import Exit, UserError
from hpogrid.site.tasks import Task, load_task


def run_task_job(
    task: Task, job: int, progress: Callable[[Run], None] = lambda run: None
) -> JobResult:
    """Run one job of a task in its folder (see `run_job`)."""
    return run_job(
        task.bundle,
        task.job_folder(job),
        job=job,
        seed=task.seed,
        ledgers=task.ledgers,
        shared=task.shared,
        n_jobs=task.n_jobs,
        prep=task.prep,
        added=task.added,
        progress=progress,
    )


def main(task: int, job: int) -> int:
    """Run the job; what it is worth saying goes to its stdout and stderr."""
    try:
        result = run_task_job(load_task(task), job)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{result.finished} trials finished: {result.reason}\n")
    return Exit.INTERRUPTED if result.state == "interrupted" else Exit.OK


if __name__ == "__main__":
    code = main(int(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.flush()
    # A user's script may have left threads behind that would keep the process alive.
    os._exit(code)
