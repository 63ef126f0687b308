"""``python -m tests.study.far_job TASK JOB FOLDER``: a job on a machine of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from hpogrid.job.run import run_job
from hpogrid.site.tasks import load_task

if __name__ == "__main__":
    task, folder = load_task(int(sys.argv[1])), Path(sys.argv[3])
    run_job(
        task.bundle, folder, job=int(sys.argv[2]), seed=task.seed, ledgers=folder / "ledger",
        n_jobs=task.n_jobs,
    )  # fmt: skip
