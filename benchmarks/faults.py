"""Break jobs in every way at random moments; then count what was lost, doubled or missed.

Each round submits a small search as two local jobs, does something bad to them, retries until all
jobs are done, and reads the ledgers. Every finished trial that stood in a ledger after the fault
has to stand there at the end, unchanged and once, and the trials have to be exactly as many as
were asked for.

    python benchmarks/faults.py [--rounds 200] [--only tree] [--trials 20] [--seed 1]

The last lines are the figures; the exit code is 1 unless all of them are zero.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

SCRIPT = """
import random, time
def train(config):
    time.sleep(random.uniform(0.0, 0.08))
    for step in range(3):
        yield {"loss": config["x"] + step}
"""
SPACE = {"x": {"method": "uniformint", "dimension": {"low": 0, "high": 10**6}}}

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

SECONDS = 120.0
"""After so long a round has failed: a job does not come to its end."""


class Round:
    """One submission and what is done to it.

    Args:
        armed: the folder in which a file arms a fault of `HOOK`.
    """

    def __init__(self, rng: random.Random, armed: Path) -> None:
        self.rng, self.armed = rng, armed
        self.before: dict[str, bytes] = {}

    def submit(self, jobs: int, trials: int) -> None:
        """Store the project anew and submit it."""
        from hpogrid.config.project import Project, draft_project, publish_project
        from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
        from hpogrid.site import control
        from hpogrid.space.dialects import read_space

        self.jobs, self.trials, name = jobs, trials, f"p{self.rng.getrandbits(40):x}"
        project = Project(
            name=name,
            hpo_config=HpoConfig(
                metric="loss", mode="min", trials=trials, scheduler="none", stop={},
                scheduler_param={"max_concurrent": 2 if jobs == 1 else 1},
            ),
            grid_config=GridConfig(site="local"),
            model_config=ModelConfig(script="train.py", model="train"),
            search_space=read_space(SPACE, "space")[0].to_json(),
            scripts={}, scripts_path="", created=time.time(),
        )  # fmt: skip
        script = self.armed / "train.py"
        script.write_text(SCRIPT)
        with draft_project(project, {"train.py": script}) as (stored, folder):
            publish_project(stored, folder)
        self.task = control.submit(name, site=None, n_jobs=jobs)

    # --- looking ---------------------------------------------------------------------------

    def results(self) -> list[tuple[str, bytes]]:
        """Trial and line of every result in the ledgers, read without hpogrid's help."""
        found = []
        for path in sorted(self.task.ledgers.glob("*.jsonl")):
            for line in path.read_bytes().split(b"\n"):
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if event["event"] == "end" and event["state"] != "interrupted":
                    found.append((event["trial"], line))
        return found

    def states(self) -> list[str]:
        """The states of the jobs."""
        from hpogrid.site.local import LocalSite

        return [job.state for job in LocalSite().status([self.task])[self.task.id]]

    def job_pid(self, job: int) -> int | None:
        """The driver of a job."""
        from hpogrid.site.processes import holder

        return holder(self.task.job_folder(job) / "job.lock")

    def tree(self) -> list[int]:
        """Runners, jobs and workers."""
        from hpogrid.site.processes import holder

        runners = map(holder, self.task.folder.glob("runner-*.lock"))
        roots = [pid for pid in (*runners, *map(self.job_pid, range(self.jobs))) if pid]
        return sorted({pid for root in roots for pid in (root, *below(root))})

    @property
    def idle(self) -> bool:
        """Whether no job waits or runs."""
        return not {"queued", "running"} & set(self.states())

    # --- faults ----------------------------------------------------------------------------

    def one(self) -> int | None:
        """The driver of some job, some time later."""
        time.sleep(self.rng.uniform(0.2, 1.5))
        return self.job_pid(self.rng.randrange(self.jobs))

    def kill_tree(self) -> None:
        """kill -9 of runner, jobs and workers."""
        time.sleep(self.rng.uniform(0.0, 1.5))
        pids = self.tree()
        self.rng.shuffle(pids)
        for pid in pids:
            send(pid, signal.SIGKILL)
        until(lambda: not self.tree())

    def kill_driver(self) -> None:
        """kill -9 of one job's driver."""
        send(self.one(), signal.SIGKILL)

    def kill_worker(self) -> None:
        """kill -9 of a worker: its trial has failed, and the job goes on."""
        workers = below(self.one() or 0)
        send(self.rng.choice(workers) if workers else None, signal.SIGKILL)

    def stop_and_go(self) -> None:
        """SIGSTOP of a job for longer than a lease."""
        pid = self.one()
        send(pid, signal.SIGSTOP)
        time.sleep(0.8)
        send(pid, signal.SIGCONT)

    def torn(self) -> None:
        """kill -9 of everything, and half a line at the end of each ledger."""
        self.kill_tree()
        half = b'{"event":"end","time":1.0,"trial":"0-1","state":"complete","metrics":{}}'
        self.append(half[: self.rng.randrange(len(half))])

    def damaged(self) -> None:
        """kill -9 of everything, and blocks of zeros and of two writers' lines mixed."""
        self.kill_tree()
        self.append(b"\0" * 512 + b'\n{"event":"st{"event":"end","time":1.0,"tri\n')

    def append(self, data: bytes) -> None:
        """Add bytes to every ledger."""
        for path in self.task.ledgers.glob("*.jsonl"):
            with path.open("ab") as stream:
                stream.write(data)

    def second(self) -> None:
        """A second driver on a running job, past the site's own lock: it is refused."""
        from hpogrid.engine.run import JobSpec, Run, RunningAlready

        for job in range(self.jobs):
            own = f"{job}-"
            while not self.idle and not any(name.startswith(own) for name, _ in self.results()):
                time.sleep(0.02)
            busy = len(self.results()) < self.jobs * self.trials // 2
            trials = self.task.job_folder(job) / "trials"
            spec = JobSpec(job, self.task.seed, self.task.ledgers, trials, True, self.jobs)
            try:
                run = Run(self.task.read_project(), spec)
            except RunningAlready:
                continue
            run.close()
            if busy and not self.idle:
                raise RuntimeError("two drivers run one job")

    def unwritable(self) -> None:
        """The ledgers cannot be written when the jobs are started again."""
        self.kill_tree()
        aside = self.task.ledgers.with_name("aside")
        self.task.ledgers.rename(aside)
        self.task.ledgers.write_text("no folder")
        self.retry()
        until(lambda: self.idle)
        self.task.ledgers.unlink()
        aside.rename(self.task.ledgers)

    def full(self) -> None:
        """No file can grow beyond a size, until there is room again."""
        until(lambda: self.idle)

    def nothing(self) -> None:
        """What is bad happens in the processes themselves, or is their number."""

    # --- the end ---------------------------------------------------------------------------

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
        """Retry until every job is done."""

        def done() -> bool:
            if self.idle and set(self.states()) != {"done"}:
                self.retry()
            return set(self.states()) == {"done"}

        until(done)


FAULTS: dict[str, Callable[[Round], None]] = {
    "tree": Round.kill_tree,
    "driver": Round.kill_driver,
    "worker": Round.kill_worker,
    "lease": Round.stop_and_go,
    "torn": Round.torn,
    "damaged": Round.damaged,
    "second": Round.second,
    "unwritable": Round.unwritable,
    "clock": Round.nothing,
    "full": Round.full,
    "crowd": Round.nothing,
}
CROWD = 64


def send(pid: int | None, number: signal.Signals) -> None:
    """Send a signal to one process, if it is there."""
    if pid is not None and pid > 1:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return


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


def play(name: str, trials: int, rng: random.Random, armed: Path) -> Counter[str]:
    """One round; return its figures."""
    jobs, trials = (CROWD, 2) if name == "crowd" else (2, trials)
    switch = armed / name
    switch.write_text(str(rng.randrange(300, 400 * trials)))
    current = Round(rng, armed)
    current.submit(jobs, trials)
    FAULTS[name](current)
    before = dict(current.results())
    switch.unlink()
    current.finish()
    after = current.results()
    kept = set(after)
    times = Counter(trial for trial, _ in after)
    return Counter(
        {
            "trials": len(times),
            "begun": len(before),
            "lost": sum((trial, line) not in kept for trial, line in before.items()),
            "counted twice": sum(count - 1 for count in times.values()),
            "budget missed": abs(len(times) - jobs * trials),
        }
    )


def main() -> int:
    """Play the rounds, print the figures, and return 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--only", choices=list(FAULTS), help="one kind of fault")
    parser.add_argument("--trials", type=int, default=20, help="of each job")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    names = [options.only] if options.only else [name for name in FAULTS if name != "crowd"]
    total: Counter[str] = Counter()
    middle = 0
    with tempfile.TemporaryDirectory(prefix="hg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "hook").mkdir()
        (folder / "hook" / "sitecustomize.py").write_text(HOOK)
        paths = [str(folder / "hook"), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ |= {
            "HPOGRID_HOME": str(folder / "home"), "PYTHONPATH": os.pathsep.join(paths),
            "FAULT_ARMED": f"{folder / 'hook'}/", "SLURM_CPUS_PER_TASK": str(CROWD),
        }  # fmt: skip
        for number in range(options.rounds):
            last = number == options.rounds - 1 and number >= 20 and not options.only
            fault = "crowd" if last else names[number % len(names)]
            figures = play(fault, options.trials, rng, folder / "hook")
            middle += 0 < figures.pop("begun") < figures["trials"]
            total.update(figures)
            print(f"round {number + 1}: {fault:10}  {dict(figures)}", flush=True)
    print(f"{options.rounds} rounds, seed {options.seed}: {total['trials']} trials finished; "
          f"in {middle} rounds the fault came when some had and some had not")  # fmt: skip
    for figure in ("lost", "counted twice", "budget missed"):
        print(f"{figure}: {total[figure]}")
    return 1 if total["lost"] + total["counted twice"] + total["budget missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
