"""One job: from a bundle to finished trials in a ledger. What every site starts."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Literal

import msgspec

from hpogrid.config.project import SCRIPTS, Project, read_project
from hpogrid.engine import ENGINES, choose_engine
from hpogrid.engine.assignment import JobSpec
from hpogrid.engine.prep import make_workplace
from hpogrid.engine.records import RunningAlready
from hpogrid.engine.run import Run
from hpogrid.engine.track import live_tracking
from hpogrid.engine.verbose import telling
from hpogrid.errors import UserError, first_line
from hpogrid.files import copy_files, files_below, read_record, write_atomic
from hpogrid.job.start import read_start
from hpogrid.signals import handled
from hpogrid.text import counted, tell

RESULT = "result.json"
PREP = "prep"
"""The folder of preparations, in the folder of the task or of the job."""

WORK_VARIABLE = "HPOGRID_WORK_DIR"
"""The environment variable with the name of the working directory inside a container."""


JobState = Literal["done", "unfinished", "failed", "interrupted"]


class JobResult(msgspec.Struct, kw_only=True):
    """What a job writes when it ends: the first thing to believe about it.

    Attributes:
        state: ``done``: it did its part; ``unfinished``: its time was up before;
            ``interrupted``: it was told to stop before.
        finished, failed: trials of this job, all attempts together.
        added: how many trials had been added to its budget when it started.
    """

    state: JobState
    reason: str
    attempt: int = 0
    finished: int = 0
    failed: int = 0
    added: int = 0
    started: float = 0.0
    ended: float = 0.0

    def __repr__(self) -> str:
        failed = f", {self.failed} of them failed" if self.failed else ""
        return f"<{self.state}: {counted(self.finished, 'trial')} finished{failed}: {self.reason}>"


def run_job(
    bundle: Path,
    folder: Path,
    *,
    job: int,
    seed: int,
    ledgers: Path,
    shared: bool = True,
    n_jobs: int = 1,
    after: int = 0,
    prep: Path | None = None,
    added: int = 0,
    begun_with: int = 0,
    requests: Path | None = None,
    progress: Callable[[Run], None] = lambda run: None,
) -> JobResult:
    """Run one job to its end.

    Args:
        bundle: the project as it was submitted.
        folder: the job's own; gets ``work/`` (a copy of the scripts, and the working directory
            of trials), ``trials/``, the logs and the result.
        job, seed, ledgers, shared, n_jobs, after, begun_with, requests: see `JobSpec`.
        prep: the folder of preparations; the job's own, if not given.
        added: trials that the budget has beyond that of the project.
        progress: called a few times a second.

    Raises:
        UserError: it cannot run at all; the result says so too.
    """
    started = time.time()
    try:
        project = _with_more(read_project(bundle), added)
        work = _prepare(project, bundle, folder)
        prep = prep or folder / PREP
        if project.model_config.prep:
            make_workplace(prep, files_below(bundle / SCRIPTS), folder / "work")
        start = read_start(bundle)
        spec = JobSpec(
            job,
            seed,
            ledgers,
            folder / "trials",
            shared,
            n_jobs,
            begun_with,
            requests,
            after,
            prep,
            added,
            start.seed,
        )
        first = [project.space.apply(values) for values in start.first]
        run = Run(project, spec, first, start.past)
    except RunningAlready:
        raise  # the result is for the other driver to write
    except UserError as error:
        write_result(folder, JobResult(state="failed", reason=str(error), started=started))
        raise
    (folder / RESULT).unlink(missing_ok=True)
    if run.remark:
        tell(run.remark)
    logs = folder / project.hpo_config.log_dir
    progress = telling(run, progress)
    with live_tracking(project, start.task, job, ledgers, logs, lambda: run.interrupted):
        return _execute(run, project, work, folder, logs, started, progress)


def _with_more(project: Project, added: int) -> Project:
    """The project with a larger budget; its hash stays: it is the same search."""
    config = project.hpo_config
    more = msgspec.structs.replace(config, trials=config.trials + added)
    return msgspec.structs.replace(project, hpo_config=more)


def _execute(
    run: Run,
    project: Project,
    work: Path,
    folder: Path,
    logs: Path,
    started: float,
    progress: Callable[[Run], None],
) -> JobResult:
    try:
        with _stop_on_signals(run):
            engine = ENGINES.load(choose_engine(project, work).name)
            engine(run, work, logs, lambda: progress(run)).execute()
            if not (run.interrupted or run.out_of_time):
                run.end_paused()
            progress(run)
            reason = run.close()
    except RunningAlready:
        run.leave()  # the result is for the other driver to write
        raise
    except Exception as error:
        reason = str(error) if isinstance(error, UserError) else first_line(error)
        run.stop(reason)
        with contextlib.suppress(UserError):  # a full disk, perhaps: the first error tells
            run.close()
        if folder.is_dir():  # else it was removed under us, and does not come back
            with contextlib.suppress(UserError):
                _conclude(run, folder, "failed", reason, started)
        raise
    return _conclude(run, folder, _state(run), reason, started)


def _state(run: Run) -> JobState:
    if run.out_of_time:
        return "unfinished"
    return "interrupted" if run.interrupted and not run.expired else "done"


def _conclude(run: Run, folder: Path, state: JobState, reason: str, started: float) -> JobResult:
    finished = [trial for trial in run.own if trial.finished]
    failed = [trial for trial in finished if trial.state == "failed"]
    if failed and len(failed) == len(finished):
        reason += f"; every trial failed: {failed[-1].reason}"
    if state == "unfinished":
        reason += f"; {len(finished)} of {run.config.trials} trials are done"
    result = JobResult(
        state=state,
        reason=reason,
        added=run.spec.added,
        attempt=run.attempt,
        finished=len(finished),
        failed=len(failed),
        started=started,
    )
    write_result(folder, result)
    run.hand_over()
    return result


def read_result(folder: Path) -> JobResult | None:
    """The result that a job wrote, or None."""
    return read_record(folder / RESULT, JobResult)


def write_result(folder: Path, result: JobResult) -> None:
    """Write how a job ended, at this moment."""
    result.ended = time.time()
    write_atomic(folder / RESULT, msgspec.json.encode(result) + b"\n")


def _prepare(project: Project, bundle: Path, folder: Path) -> Path:
    """The working directory: the scripts, and beside them the input data.

    In a container it goes by another name, with the same folder behind it.
    """
    work, whole = folder / "work", folder / ".work-is-whole"
    scripts = files_below(bundle / SCRIPTS)
    if not whole.exists():
        copy_files(scripts, work)
        whole.touch()
    for place in {(work / name).parent for name in scripts}:
        # What a full disk has cut short there, Python would believe at every start.
        shutil.rmtree(place / "__pycache__", ignore_errors=True)
    data = project.grid_config.inDS
    if data and Path(data).is_dir():
        for item in Path(data).iterdir():
            if not os.path.lexists(work / item.name):
                (work / item.name).symlink_to(item.absolute())
    inside = Path(os.environ.get(WORK_VARIABLE) or work)
    return inside if inside.is_dir() and inside.samefile(work) else work


_WARNINGS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
"""What batch systems send, if asked to, before a job's time is up."""


def _stop_on_signals(run: Run) -> contextlib.AbstractContextManager[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal end the run in good order, if Python can."""

    def stop(number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if number in _WARNINGS:
            run.expire(f"the time of the job is up: {name}")
        else:
            run.stop(f"interrupted by {name}", interrupt=True)

    numbers = [signal.SIGINT, signal.SIGTERM, *_WARNINGS]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        numbers.append(signal.SIGHUP)  # the terminal was closed
    return handled(stop, *numbers)
