"""One round of `faults`: a submission, what is done to it, and what its ledgers hold."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

STEPS = 3
SCRIPT = f"""
import os, random, time
def train(config):
    slow = os.path.exists(os.environ["FAULT_ARMED"] + "lease")
    time.sleep(random.uniform(0.0, 0.4 if slow else 0.08))
    for step in range({STEPS}):
        yield {{"loss": config["x"] + step}}
"""

HOOK = """
import os, resource, time
armed = os.environ.get("FAULT_ARMED", "")
if os.path.exists(armed + "lease"):
    import hpogrid.engine.run
    hpogrid.engine.run.LEASE_SECONDS = 0.3
if os.path.exists(armed + "clock"):
    import random
    now = time.time
    time.time = lambda: now() + random.choice([0, 0, 86400.0, -86400.0])
if os.path.exists(armed + "full"):
    size = int(open(armed + "full").read())
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
"""
"""Loaded by every Python process of the jobs: faults that come from inside."""

SECONDS = 180.0
"""After so long a round has failed: a job does not come to its end."""


class Result(NamedTuple):
    """A finished trial in a ledger: its name, its line, and whether it fits its values."""

    trial: str
    line: bytes
    right: bool


class Round:
    """One submission and what is done to it.

    Args:
        rng: decides.
        armed: the folder in which a file arms a fault of `HOOK`.

    Attributes:
        script, model: what is evaluated.
        space: what is searched; None: as many integers as `submit` is told.
        settings: further ones of the hpo config.
    """

    script = SCRIPT
    model: str | None = "train"
    space: ClassVar[dict[str, Any] | None] = None
    settings: ClassVar[dict[str, Any]] = {}

    def __init__(self, rng: random.Random, armed: Path) -> None:
        self.rng, self.armed = rng, armed

    def submit(self, jobs: int, trials: int, points: int | None) -> None:
        """Store the project anew and submit it.

        Args:
            jobs: of the task.
            trials: of each job.
            points: how many the space has; None: far more than are tried.
        """
        from hpogrid.config.project import Project, draft_project, publish_project
        from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
        from hpogrid.site import control
        from hpogrid.space.dialects import read_space

        self.jobs, self.trials, self.points = jobs, trials, points
        name = f"p{self.rng.getrandbits(40):x}"
        high = 10**6 if points is None else points - 1
        numbers = {"x": {"method": "uniformint", "dimension": {"low": 0, "high": high}}}
        space = self.space or numbers
        project = Project(
            name=name,
            hpo_config=HpoConfig(
                metric="loss", mode="min", trials=trials, scheduler="none", stop={},
                scheduler_param={"max_concurrent": 2 if jobs == 1 else 1}, **self.settings,
            ),
            grid_config=GridConfig(site="local"),
            model_config=ModelConfig(script="train.py", model=self.model),
            search_space=read_space(space, "space")[0].to_json(),
            scripts={}, scripts_path="", created=time.time(),
        )  # fmt: skip
        script = self.armed / "train.py"
        script.write_text(self.script)
        with draft_project(project, {"train.py": script}) as (stored, folder):
            publish_project(stored, folder)
        self.task = control.submit(name, site=None, n_jobs=jobs)

    # --- looking ---------------------------------------------------------------------------

    def events(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """What the ledgers hold, read without hpogrid's help: events and their lines."""
        for path in sorted(self.task.ledgers.glob("*.jsonl")):
            for line in path.read_bytes().split(b"\n"):
                line = line[max(line.rfind(b'{"event":'), 0) :]
                with contextlib.suppress(ValueError):
                    yield json.loads(line), line

    def results(self) -> list[Result]:
        """Every result in the ledgers."""
        values: dict[str, set[int]] = {}
        found = []
        for event, line in self.events():
            if event["event"] == "start":
                values.setdefault(event["trial"], set()).add(event["suggested"]["x"])
            if event["event"] == "end" and event["state"] != "interrupted":
                known = values.get(event["trial"], set())
                loss = event.get("metrics", {}).get("loss")
                right = event["state"] == "failed" or {loss - STEPS + 1} == known
                found.append(Result(event["trial"], line, right))
        return found

    def taken_over(self) -> int:
        """How often a job took over a configuration that another one had left."""
        folder = self.task.ledgers / "claims"
        return sum(not path.name.endswith(".000.claim") for path in folder.glob("*.claim"))

    def tried(self) -> set[int]:
        """The configurations whose trials have finished."""
        done = {result.trial for result in self.results()}
        starts = (event for event, _ in self.events() if event["event"] == "start")
        return {event["suggested"]["x"] for event in starts if event["trial"] in done}

    def known_to_hpogrid(self) -> set[str]:
        """The finished trials that a report would show."""
        from hpogrid.study.study import read_study

        return {trial.id for trial in read_study(self.task.ledgers)[0].finished}

    def states(self) -> list[str]:
        """The states of the jobs."""
        from hpogrid.site.local import LocalSite

        return [job.state for job in LocalSite().status([self.task])[self.task.id]]

    def job_pid(self, job: int) -> int | None:
        """The driver of a job."""
        return holder_pid(self.task.job_folder(job) / "job.lock")

    def tree(self) -> list[int]:
        """Runners, jobs and workers."""
        runners = map(holder_pid, self.task.folder.glob("runner-*.lock"))
        roots = [pid for pid in (*runners, *map(self.job_pid, range(self.jobs))) if pid]
        return sorted({pid for root in roots for pid in (root, *below(root))})

    @property
    def idle(self) -> bool:
        """Whether no job waits or runs."""
        return not {"queued", "running"} & set(self.states())

    # --- doing -----------------------------------------------------------------------------

    def one(self) -> int | None:
        """The driver of some job that has begun, some time later."""
        job = self.rng.randrange(self.jobs)
        until(lambda: self.idle or any(self.task.ledgers.glob(f"job-{job:04d}.*")))
        time.sleep(self.rng.uniform(0.0, 0.8))
        return self.job_pid(job)

    def append(self, data: bytes) -> None:
        """Add bytes to every ledger."""
        for path in self.task.ledgers.glob("*.jsonl"):
            with path.open("ab") as stream:
                stream.write(data)

    def retry(self) -> None:
        """``hpogrid tasks retry``; that there is nothing to retry is fine."""
        from hpogrid.errors import UserError
        from hpogrid.site import control

        try:
            control.retry(self.task)
        except UserError as error:
            if "no job has failed" not in str(error):
                raise

    def finish(self) -> None:
        """Retry until every job is done; sometimes while others still run."""

        def done() -> bool:
            states = set(self.states())
            if states & {"failed", "lost", "killed"} and (self.idle or self.rng.random() < 0.1):
                self.retry()
            return states == {"done"}

        until(done)

    def figures(self, before: list[Result]) -> Counter[str]:
        """What was lost, doubled or missed, when every job is done."""
        after = self.results()
        kept = {(result.trial, result.line) for result in after}
        times = Counter(result.trial for result in after)
        lost = sum((result.trial, result.line) not in kept for result in before)
        return Counter(
            {
                "trials": len(times),
                "taken over": self.taken_over(),
                "lost": lost + len(set(times) ^ self.known_to_hpogrid()),
                "counted twice": sum(count - 1 for count in times.values()),
                "budget missed": self._missed(times),
                "wrong": sum(not result.right for result in after),
            }
        )

    def _missed(self, times: Counter[str]) -> int:
        """Trials too few or too many: of each job, or of all on a space that they exhaust."""
        if self.points is not None:
            extra = len(times) - self.points  # late results of what was taken over still count
            few = self.points - len(self.tried())
            return few + max(0, extra - self.taken_over()) + max(0, -extra)
        jobs = Counter(int(trial.split("-")[0]) for trial in times)
        return sum(abs(jobs[job] - self.trials) for job in range(self.jobs))


# --- faults --------------------------------------------------------------------------------


def kill_tree(this: Round) -> None:
    """kill -9 of runner, jobs and workers."""
    if this.rng.random() < 0.8:
        this.one()
    pids = this.tree()
    this.rng.shuffle(pids)
    for pid in pids:
        send(pid, signal.SIGKILL)
    until(lambda: not this.tree())


def kill_driver(this: Round) -> None:
    """kill -9 of one job's driver."""
    send(this.one(), signal.SIGKILL)


def kill_worker(this: Round) -> None:
    """kill -9 of a worker: its trial has failed, and the job goes on."""
    workers = below(this.one() or 0)
    send(this.rng.choice(workers) if workers else None, signal.SIGKILL)


def ask_to_end(this: Round) -> None:
    """``hpogrid tasks kill``."""
    from hpogrid.errors import UserError
    from hpogrid.site import control

    this.one()
    with contextlib.suppress(UserError):  # all jobs have ended meanwhile
        control.kill(this.task)


def stop_and_go(this: Round) -> None:
    """SIGSTOP of a job for longer than a lease; on a small space the other one takes over."""
    until(lambda: this.idle or len(list(this.task.ledgers.glob("*.jsonl"))) == this.jobs)
    pid = this.one()
    send(pid, signal.SIGSTOP)
    end = time.monotonic() + this.rng.uniform(1.0, 10.0)
    while time.monotonic() < end and not (this.taken_over() and this.rng.random() < 0.05):
        time.sleep(0.02)
    send(pid, this.rng.choice([signal.SIGCONT, signal.SIGCONT, signal.SIGKILL]))


def torn(this: Round) -> None:
    """kill -9 of everything, and half a line at the end of each ledger."""
    kill_tree(this)
    half = b'{"event":"end","time":1.0,"trial":"0-1","state":"complete","metrics":{}}'
    this.append(half[: this.rng.randrange(len(half))])


def interleaved(this: Round) -> None:
    """Others write into the ledgers of running jobs: halves of lines, and blocks of zeros."""
    this.one()
    for _ in range(20):
        junk = (b'{"event":"st', b"\0" * 512, b'{"event":"end","time":1.0,"tri\n', b"\xff{\n")
        this.append(this.rng.choice(junk))
        time.sleep(0.02)
    if this.rng.random() < 0.5:
        kill_tree(this)


def second(this: Round) -> None:
    """Further drivers are started on running jobs, past the site's own lock: they refuse."""
    job = this.rng.randrange(this.jobs)
    until(lambda: this.idle or any(result.trial.startswith(f"{job}-") for result in this.results()))
    pid = this.job_pid(job)
    send(pid, signal.SIGSTOP)  # so that it cannot end before the others have looked
    command = [sys.executable, "-m", "hpogrid.job.here", str(this.task.folder), str(job)]
    pipe = subprocess.PIPE
    others = [subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    said = [other.communicate(timeout=SECONDS)[1] for other in others]
    stopped = pid is not None and pid == this.job_pid(job)
    send(pid, signal.SIGCONT)
    if stopped and not all("is running already" in text for text in said):
        raise RuntimeError(f"two drivers run one job: {said}")


def unwritable(this: Round) -> None:
    """The task's folders become read-only: for running jobs, or before they are started again."""
    if this.rng.random() < 0.5:
        kill_tree(this)
    else:
        this.one()
    folders = [path for path in (this.task.folder, *this.task.folder.rglob("*")) if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    try:
        with contextlib.suppress(OSError, ValueError):
            this.retry()
        time.sleep(this.rng.uniform(0.5, 1.5))
    finally:
        for folder in folders:
            with contextlib.suppress(FileNotFoundError):  # a link to what a worker has left
                folder.chmod(0o755)


def until_idle(this: Round) -> None:
    """What is bad happens in the processes themselves, until all have ended."""
    until(lambda: this.idle)


def jumping_clock(this: Round) -> None:
    """The clock jumps by a day and back, over a kill or not."""
    if this.rng.random() < 0.5:
        kill_tree(this)
        this.retry()
    until(lambda: this.idle)


def crowd(this: Round) -> None:
    """Many jobs on one folder, of which some are killed."""
    time.sleep(this.rng.uniform(0.5, 4.0))
    if this.rng.random() < 0.7:
        for pid in this.rng.sample(pids, len(pids) // 2) if (pids := this.tree()) else []:
            send(pid, signal.SIGKILL)


def again_and_again(this: Round) -> None:
    """Several faults, one after another, and a retry of everything after each."""
    for fault in this.rng.choices([kill_tree, kill_driver, kill_worker, ask_to_end, torn], k=3):
        fault(this)
        until(lambda: this.idle or this.rng.random() < 0.1)
        with contextlib.suppress(ValueError):
            this.retry()


FAULTS: dict[str, Callable[[Round], None]] = {
    "tree": kill_tree,
    "driver": kill_driver,
    "worker": kill_worker,
    "asked": ask_to_end,
    "lease": stop_and_go,
    "torn": torn,
    "interleaved": interleaved,
    "second": second,
    "unwritable": unwritable,
    "clock": jumping_clock,
    "full": until_idle,
    "several": again_and_again,
    "crowd": crowd,
}


def holder_pid(lock: Path) -> int | None:
    """The number of the process that holds a lock."""
    from hpogrid.site.processes import holder

    found = holder(lock)
    return found.pid if found else None


def send(pid: int | None, number: signal.Signals) -> None:
    """Send a signal to one process, if it is there."""
    if pid is not None and pid > 1:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def below(pid: int) -> list[int]:
    """The processes that a process started, and those that they did."""
    found: list[int] = []
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return found
    for child in map(int, text.split()):
        found += [child, *below(child)]
    return found


def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("a job does not come to its end")
        time.sleep(0.02)
