"""The debug engine: one trial at a time in this very process, and the debugger where one fails."""

from __future__ import annotations

import contextlib
import pdb
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from hpogrid.engine.messages import Tasks
from hpogrid.engine.run import Run
from hpogrid.trial.command import CommandObjective
from hpogrid.trial.errors import UserError, first_line
from hpogrid.trial.messages import Evaluate, Message, Model, ReportMade, Verdict
from hpogrid.trial.objective import Objective, make_objective
from hpogrid.trial.seeding import seed_everything
from hpogrid.trial.session import StopTrial, set_current
from hpogrid.trial.surroundings import look
from hpogrid.trial.worker import WorkerSession

_PAUSE = 0.2


class DebugEngine:
    """Evaluates the trials of a `Run` here (see `ProcessEngine` for the arguments)."""

    def __init__(
        self, run: Run, scripts: Path, logs: Path, progress: Callable[[], None] = lambda: None
    ) -> None:
        self._run = run
        self._scripts = scripts
        self._tasks = Tasks(run.project, scripts, logs, run.spec.trials)

    def execute(self) -> None:
        """Run trials until the budget is spent.

        Raises:
            UserError: the objective cannot be loaded, or is no Python.
        """
        setup = self._tasks.setup(0)
        objective = make_objective(self._scripts, Model(**setup.model), setup.metrics)
        self._run.found(look(self._scripts)._asdict())
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with contextlib.chdir(self._scripts):
                while (assignment := self._run.next()) is not None or self._run.waiting:
                    if assignment is None:
                        time.sleep(_PAUSE)
                        continue
                    try:
                        task = self._tasks.evaluate(assignment)
                    except UserError as error:  # a value that its template cannot say
                        self._run.finish(assignment.trial, str(error))
                        continue
                    self._run.finish(task.trial, self._failure(objective, task))
        finally:
            signal.signal(signal.SIGINT, before)

    def _failure(self, objective: Objective, task: Evaluate) -> str | None:
        """Evaluate a trial; return why it failed, after the user has looked at it."""
        session = WorkerSession(_Direct(self._run, task.trial), task)
        set_current(session)
        seed_everything(task.seed)
        try:
            if isinstance(objective, CommandObjective):
                objective.run_here(dict(task.config), session)
            else:
                objective.run(dict(task.config), session)
        except StopTrial:
            return None
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            pdb.post_mortem(error.__traceback__)
            return first_line(error)
        finally:
            if session.last:
                self._run.report(task.trial, session.last)
            set_current(None)
            sys.stdout.flush()
        return None


class _Direct:
    """What a trial speaks to its driver through, where both are one process."""

    def __init__(self, run: Run, trial: str) -> None:
        self._run = run
        self._trial = trial
        self._decision = "continue"

    def send(self, message: Message) -> None:
        """Take in a report."""
        if isinstance(message, ReportMade):
            self._decision = self._run.report(self._trial, message.metrics)

    def receive(self) -> Message:
        """Whether the trial goes on."""
        return Verdict(self._decision)
