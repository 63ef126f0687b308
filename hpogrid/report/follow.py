"""Tasks that are looked at again and again: their ledgers are read as they grow."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from hpogrid.config.project import FILE
from hpogrid.engine.usage import Usage
from hpogrid.report.watch import Standing, standing
from hpogrid.site.control import Overview
from hpogrid.site.tasks import Task
from hpogrid.study.study import LedgerFolder


class Followed:
    """A task, and what its ledgers tell so far."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._ledgers = LedgerFolder(task.ledgers)
        known = (task.bundle / FILE).is_file()  # not of one that was submitted elsewhere
        self._project = task.read_project() if known else None

    @property
    def over(self) -> bool:
        """Whether all its jobs have written that they have done their part."""
        return self._ledgers.study.is_over(set(range(self.task.n_jobs)))

    def folders(self) -> dict[str, Path]:
        """The folders of the trials that run."""
        running = (trial for trial in self._ledgers.study if trial.state == "running")
        jobs = self.task.job_folder
        return {trial.id: jobs(trial.job) / "trials" / trial.id for trial in running}

    def look(self, item: Overview, usage: Mapping[str, Usage]) -> Standing:
        """How it stands now, with its jobs as they were seen last."""
        self._ledgers.poll()
        config = self._project.hpo_config if self._project else None
        return standing(
            f"task {self.task.id} ({self.task.project})",
            self._ledgers.study,
            time.time(),
            metric=config.metrics[0] if config else "",
            mode=config.modes[0] if config else "min",
            budget=self.task.budget(self._project) if self._project else None,
            jobs=Counter(job.state for job in item.jobs),
            usage=usage,
        )
