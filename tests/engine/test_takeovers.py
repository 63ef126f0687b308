"""Jobs that take each other for dead, rightly or not: no configuration and no result is lost."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from hpogrid.engine.assignment import Assignment
from hpogrid.engine.run import Run
from hpogrid.study.study import read_study
from tests.engine.test_sharing import FINITE, project, spec

JOBS, POINTS = 3, 6


class Task:
    """The jobs of a task, each with at most two trials at once."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder, self.rng = folder, rng
        self.runs: list[Run | None] = [None] * JOBS
        self.running: list[list[Assignment]] = [[] for _ in range(JOBS)]

    def start(self, job: int) -> Run:
        config = project(FINITE, algorithm=self.rng.choice(["grid", "random"]))
        run = self.runs[job] = Run(config, spec(self.folder, job, JOBS))
        return run

    def act(self, job: int, *, kills: bool) -> bool:
        """Do something with a job; False: it has nothing left to do."""
        run = self.runs[job] or self.start(job)
        mine = self.running[job]
        if kills and self.rng.random() < 0.15:
            run._writer.close()
            self.runs[job] = None
            mine.clear()
            return True
        run._exchange._polled = -10.0
        if len(mine) < 2 and self.rng.random() < 0.6 and (new := run.next()) is not None:
            mine.append(new)
        elif mine:
            done = mine.pop(self.rng.randrange(len(mine)))
            run.report(done.trial, {"loss": done.config["a"]})
            run.finish(done.trial)
        else:
            return run.next() is not None if run.over else True
        return True


@given(seed=st.integers(0, 2**32))
def test_whoever_takes_over_what(seed: int) -> None:
    rng = random.Random(seed)
    lease = mock.patch("hpogrid.engine.run.LEASE_SECONDS", 0.0)
    with tempfile.TemporaryDirectory() as folder, lease:
        task = Task(Path(folder), rng)
        for _ in range(rng.randrange(60)):
            task.act(rng.randrange(JOBS), kills=True)
        for job in range(JOBS):
            while task.act(job, kills=False):
                pass
            run = task.runs[job]
            assert run is not None
            run.close()
        study, warnings = read_study(Path(folder) / "ledger")
        claims = list((Path(folder) / "ledger" / "claims").glob("*.claim"))
        times = Counter(repr(trial.applied) for trial in study.finished)
        assert len(times) == POINTS
        assert len(study.finished) <= len(claims), "only what was taken over is done again"
        complete = [trial for trial in study if trial.state == "complete"]
        assert all(trial.metrics == {"loss": trial.applied["a"]} for trial in complete)
        reasons = {trial.reason for trial in study.finished if trial.state == "failed"}
        assert all("its job was killed twice" in str(reason) for reason in reasons)
        assert warnings == []
