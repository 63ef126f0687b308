"""The trials of one or more tasks as one table: best first, failed last."""

from __future__ import annotations

import copy
import gc
import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import Any, Literal, NamedTuple

import msgspec

from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.report import pareto
from hpogrid.report.attached import Saved
from hpogrid.report.repeats import Repeats, best_repeats, gather
from hpogrid.report.replay import Replay
from hpogrid.search.base import Mode
from hpogrid.space.space import Space
from hpogrid.space.value import Value, Values
from hpogrid.study.events import Environment, Metrics
from hpogrid.study.notes import Notes
from hpogrid.study.study import Study, Trial
from hpogrid.study.values import WITH_RESULT, Losses, as_loss, number, result_of
from hpogrid.study.values import objectives as objective_values
from hpogrid.text import counted

Kind = Literal["parameter", "metric", "extra"]


class Origin(msgspec.Struct, gc=False):
    """Where trials come from: a task of the task table, or a file.

    Attributes:
        id: the task's id; empty for a file.
        site: where it ran.
        seconds: from its first to its last event.
        created: seconds since the epoch.
        folder: what is kept of it.
        name: unique among all tasks.
        shared: whether its jobs are one search.
        seed: of the search, where it is known.
        key: what its own jobs know it by.
        version: of the study that it is a part of (see `Project.study_version`).
        environments: in what its trials ran, by job and its attempt.
        notes: what people wrote about its trials, by trial.
        files: what its trials have saved, by trial.
        logs: the folder of its trials' logs in that of their job; empty where it is not known.
    """

    id: int | str = ""
    site: str = ""
    seconds: float = 0.0
    created: float = 0.0
    folder: str = ""
    name: str = ""
    shared: bool = True
    seed: int | None = None
    key: str = ""
    version: str = ""
    environments: dict[tuple[int, int], Environment] = {}
    notes: dict[str, Notes] = {}
    files: dict[str, list[Saved]] = {}
    logs: str = ""

    def environment(self, trial: Trial) -> Environment | None:
        """In what a trial ran, where that is known."""
        return self.environments.get((trial.job, trial.run))

    def said(self, trial: Trial) -> Notes:
        """What people wrote about a trial."""
        return self.notes.get(trial.id) or Notes()


class Column(NamedTuple):
    """One column: the name that people see, what it holds, and its name among its kind."""

    name: str
    kind: Kind
    key: str


class Objective(NamedTuple):
    """One metric that is optimised, and which way is better."""

    name: str
    mode: Mode


EXTRAS: dict[str, Callable[[Trial, Origin], Any]] = {
    "site": lambda trial, task: task.site,
    "task_time_s": lambda trial, task: round(task.seconds, 3),
    "time_s": lambda trial, task: round(trial.duration, 6),
    "taskid": lambda trial, task: task.id,
    "trial": lambda trial, task: trial.id,
    "state": lambda trial, task: trial.state,
    "reason": lambda trial, task: trial.reason,
    "job": lambda trial, task: trial.job,
    "host": lambda trial, task: trial.host,
    "started": lambda trial, task: trial.started,
    "attempt": lambda trial, task: trial.attempt,
    "seed": lambda trial, task: trial.seed,
    "version": lambda trial, task: task.version,
    "last_report": lambda trial, task: (
        trial.reports[-1].metrics if trial.reports else trial.metrics
    ),
    "note": lambda trial, task: task.said(trial).text or None,
    "tags": lambda trial, task: ", ".join(task.said(trial).tags) or None,
    "files": lambda trial, task: (
        ", ".join(item.name for item in task.files.get(trial.id, ())) or None
    ),
    "python": lambda trial, task: (found := task.environment(trial)) and found.python,
    "packages": lambda trial, task: (found := task.environment(trial)) and found.packages,
    "commit": lambda trial, task: (found := task.environment(trial)) and _commit(found),
    "image": lambda trial, task: (found := task.environment(trial)) and found.image,
}
"""What ``--extra`` adds beside further metrics. ``*_s`` are seconds, ``started`` is seconds
since the epoch."""

STATES = ("complete", "pruned", "failed", "running", "interrupted")

ALWAYS = ("trial", "state")
"""The extra columns that every table has: no value is to be read without its state."""

ATTACHED = ("note", "tags", "files")
"""The extra columns of tables in which a trial has something of the kind."""

PARETO = "pareto"
"""The extra column that several objectives have: whether no other trial beats this one."""

MEAN, SPREAD = "mean", "spread"
"""The extra columns that repetitions have: of the first objective, over all repetitions of the
trial's configuration."""


class Results:
    """The trials of one project.

    Columns are the hyperparameters by their own names, then the metrics by theirs (the objectives
    first; they are empty where a trial has no result), then the extra ones: those of `ALWAYS`,
    ``version`` where there are several, with several objectives `PARETO`, with repetitions `MEAN`
    and `SPREAD`, and what was asked for. A metric with the name of a hyperparameter is called
    ``metric.<name>``, an extra column with the name of either ``trial.<name>``.

    Args:
        name: of the project, or of the file.
        parts: each task with its study. Trial ids are unique within one task only.
        objectives: what was optimised; the first one sorts. Empty where it is not known: then
            the metrics that were reported are shown, and trials stay in the order of their start.
        space: what was searched, where it is known.
        extra: names of `EXTRAS`, or of further reported metrics.
        project: the stored project that ran these trials, if it is still of that version.
        budget: how many trials were asked for, where it is known.
        mlflow, experiment: where the project logs to MLflow, if it does.
        notes: a sentence for each thing that is left out.
        confirmed: fresh evaluations of some of the configurations (``hpogrid confirm``).
        replays: trials that were run again (``hpogrid replay``).

    Attributes:
        trials: complete ones, best first; then those that were ended early, best first; then
            those that still run or were interrupted; failed last.
        tasks: for each trial its task.
        states: how many trials are in each state, in the order of `STATES`.
        repeated: whether there are repetitions.

    Raises:
        UserError: an extra column that is neither.
    """

    def __init__(
        self,
        name: str,
        parts: Sequence[tuple[Origin, Study]],
        *,
        objectives: Sequence[Objective] = (),
        space: Space | None = None,
        extra: Sequence[str] = (),
        project: str | None = None,
        budget: int | None = None,
        mlflow: str | None = None,
        experiment: str | None = None,
        notes: Sequence[str] = (),
        confirmed: Sequence[Trial] = (),
        replays: Sequence[Replay] = (),
    ) -> None:
        self.name = name
        self.project = project
        self.budget = budget
        self.mlflow = mlflow
        self.experiment = experiment
        self.notes = list(notes)
        self.confirmed = list(confirmed)
        self.replays = list(replays)
        self.objectives = tuple(objectives)
        self.space = space
        self.parts = [task for task, _ in parts]
        with no_garbage_collection():
            self.trials = [trial for _, study in parts for trial in study]
            self.tasks = [task for task, study in parts for _ in range(len(study))]
            self._sort(self._look())
            self.columns = self._columns(extra)

    def __len__(self) -> int:
        return len(self.trials)

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    @property
    def best(self) -> Trial | None:
        """The best trial by the first objective (see `best_of`); None where none has a result."""
        known = self.trials and self.value(self.trials[0]) is not None
        return self.trials[0] if known else None

    @property
    def again(self) -> str | None:
        """The stored project that runs the best trial again; None where it would run another one
        (its scripts have changed), or is not here."""
        known = self.tasks and self.tasks[0].version == self.parts[-1].version
        return self.project if known else None

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why trials failed, and how many for each reason, most frequent first."""
        if "failed" not in self.states:
            return []
        failed = (trial for trial in self.trials if trial.state == "failed")
        return Counter(trial.reason or "unknown" for trial in failed).most_common()

    @property
    def summary(self) -> str:
        """One sentence: how many trials, in which states, the best value, and why most failed."""
        states = ", ".join(f"{count} {state}" for state, count in self.states.items())
        sentence = counted(len(self), "trial") + (f": {states}" if states else "")
        if self.best is not None:
            name, mode = self.objectives[0]
            early = ", of a trial that ended early" if self.best.state == "pruned" else ""
            sentence += f"; best {name} {self.value(self.best):.6g} ({mode}{early})"
            if len(self.objectives) > 1:
                sentence += f"; {len(self.front)} on the Pareto front, hypervolume "
                sentence += f"{self.hypervolume:.3g}"
        elif not self.objectives and self.trials:
            sentence += "; in the order of their start (--metric and --mode sort them)"
        if self.repeats:
            best = best_repeats(self.repeats.values(), self.objectives[0].mode)
            sentence += f"; best mean {best.words}"
        if reasons := self.reasons:
            reason, count = reasons[0]
            sentence += f"; {'all' if count == len(self) else count} failed because: {reason}"
        return sentence

    def value(self, trial: Trial, objective: int = 0) -> float | None:
        """The finite value of an objective; None: no result (yet), or none that counts."""
        return result_of(trial, self.objectives[objective].name) if self.objectives else None

    @property
    def counting(self) -> str:
        """The state of the trials whose results count: ended early only if none is complete."""
        return "pruned" if self.best is None or self.best.state == "pruned" else "complete"

    @cached_property
    def repeats(self) -> dict[Hashable, Repeats]:
        """What repetitions came to, by task and group."""
        if not self.repeated:
            return {}
        pairs = zip(self.trials, self.tasks, strict=True)
        return gather(
            ((id(task), trial.group), self.value(trial))
            for trial, task in pairs
            if trial.group is not None and trial.finished
        )

    def counts(self, row: int) -> bool:
        """Whether the result of the trial in a row counts."""
        return self.trials[row].state == self.counting

    def counting_values(self, objective: int = 0) -> dict[int, float]:
        """The values that count, by row."""
        counting = self.counting
        found = {
            row: self.value(trial, objective)
            for row, trial in enumerate(self.trials)
            if trial.state == counting
        }
        return {row: value for row, value in found.items() if value is not None}

    @cached_property
    def front(self) -> frozenset[int]:
        """The rows that count and that no other one beats in all objectives together."""
        return frozenset(pareto.front(self._losses()))

    @property
    def hypervolume(self) -> float:
        """How much of the objectives the front dominates (see `pareto.hypervolume`)."""
        return pareto.hypervolume(self._losses())

    def growth(self, order: Sequence[int | None]) -> list[tuple[int, float]]:
        """After how many trials had ended the front came to dominate how much.

        Args:
            order: for each row how many trials had ended with it; None: it has not.
        """
        losses = self._losses()
        ended = sorted((number, row) for row, number in enumerate(order) if number is not None)
        steps = pareto.growth([losses[row] for _, row in ended])
        return [(ended[place][0], volume) for place, volume in steps]

    def _losses(self) -> list[Losses | None]:
        counting = self.counting
        return [self._loss(trial) if trial.state == counting else None for trial in self.trials]

    def _loss(self, trial: Trial) -> Losses | None:
        values = objective_values([item.name for item in self.objectives], trial.metrics)
        modes = [item.mode for item in self.objectives]
        return None if values is None else tuple(map(as_loss, values, modes))

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[list[Value]]:
        """The rows in order, each a list of JSON values as `columns` says."""
        applied = _picker(column.key for column in self.columns if column.kind == "parameter")
        metrics = _picker(column.key for column in self.columns if column.kind == "metric")
        no_result: Metrics = {}
        keys = [column.key for column in self.columns if column.kind == "extra"]
        extras = [self._extra(key) for key in keys]
        shown = zip(self.trials[start:stop], self.tasks[start:stop], strict=True)
        for place, (trial, task) in enumerate(shown, start):
            result = trial.metrics if trial.state in WITH_RESULT else no_result
            row = [*applied(trial.applied), *metrics(result)]
            if extras:
                row += [get(place, trial, task) for get in extras]
            yield row

    def _extra(self, key: str) -> Callable[[int, Trial, Origin], Any]:
        """What makes the cells of an extra column, from the place of a row, its trial and task."""
        if key == PARETO:
            return lambda place, trial, task: place in self.front
        if key in (MEAN, SPREAD):
            repeats = self.repeats
            return lambda _, trial, task: getattr(repeats.get((id(task), trial.group)), key, None)
        get = EXTRAS[key]
        return lambda place, trial, task: get(trial, task)

    def with_extra(self, extra: Sequence[str]) -> Results:
        """The same trials with other extra columns."""
        other = copy.copy(self)
        other.columns = other._columns(extra)
        return other

    # --- how it is made ------------------------------------------------------------------

    def _look(self) -> list[float | None]:
        """Find out what parameters and metrics are called, count states, and look for repetitions.

        Returns the value of each trial.

        A single pass: a million trials are too many for the caches of a processor.
        """
        name = self.objectives[0].name if self.objectives else None
        parameters: dict[tuple[str, ...], None] = {}
        metrics: dict[tuple[str, ...], None] = {}
        values: list[float | None] = []
        states: Counter[str] = Counter()
        self.repeated = False
        for trial in self.trials:
            states[trial.state] += 1
            reported = trial.metrics
            parameters[tuple(trial.applied)] = None  # most trials have the same ones
            metrics[tuple(reported)] = None
            if trial.group is not None:
                self.repeated = True
            known = name is not None and trial.state in WITH_RESULT
            values.append(number(reported.get(name)) if known else None)  # type: ignore[arg-type]
        self.states = {state: states[state] for state in STATES if state in states}
        first = self.space.parameters if self.space else ()
        self.parameters = list(dict.fromkeys([*first, *chain.from_iterable(parameters)]))
        named = (item.name for item in self.objectives)
        self.reported = list(dict.fromkeys([*named, *chain.from_iterable(metrics)]))
        return values

    def _sort(self, values: list[float | None]) -> None:
        places = range(len(values))
        rest = [place for place in places if values[place] is None]
        rest.sort(key=lambda place: self.trials[place].state == "failed")
        order = []
        for state in WITH_RESULT:
            good = [p for p in places if values[p] is not None and self.trials[p].state == state]
            if self.objectives:
                good.sort(key=values.__getitem__, reverse=self.objectives[0].mode == "max")  # type: ignore[arg-type]
            order += good
        order += rest
        self.trials = [self.trials[index] for index in order]
        self.tasks = [self.tasks[index] for index in order]

    def _has(self, name: str) -> bool:
        """Whether a trial has something of what hangs on trials."""
        if name == "files":
            return any(task.files for task in self.parts)
        said = (item for task in self.parts for item in task.notes.values())
        return any(item.notes if name == "note" else item.tags for item in said)

    def _columns(self, extra: Sequence[str]) -> list[Column]:
        for name in extra:
            if name not in EXTRAS and name not in self.reported:
                raise UserError(unknown("extra column", name, [*EXTRAS, *self.reported]))
        shown = [item.name for item in self.objectives] or self.reported
        metrics = dict.fromkeys([*shown, *(name for name in extra if name not in EXTRAS)])
        extras = [*ALWAYS]
        if len({task.version for task in self.parts}) > 1:
            extras.append("version")
        if self.objectives and self.repeated:
            extras += [MEAN, SPREAD]
        if len(self.objectives) > 1:
            extras.append(PARETO)
        extras += [name for name in ATTACHED if self._has(name)]
        extras += [name for name in extra if name in EXTRAS]
        columns = [Column(name, "parameter", name) for name in self.parameters]
        taken = set(self.parameters)
        for prefix, kind, keys in (
            ("metric.", "metric", list(metrics)),
            ("trial.", "extra", list(dict.fromkeys(extras))),
        ):
            for key in keys:
                name = key
                while name in taken:
                    name = prefix + name
                taken.add(name)
                columns.append(Column(name, kind, key))  # type: ignore[arg-type]
        return columns


def _commit(found: Environment) -> str | None:
    """Where the scripts stood, as one word; a ``+`` says that they had been changed."""
    if found.git is None:
        return None
    return found.git.commit + ("+" if found.git.changed else "")


def _picker(keys: Iterable[str]) -> Callable[[Values], Iterable[Value]]:
    """Takes the values of some keys out of a mapping; None for one that is not there."""
    names = list(keys)
    if not names:
        return lambda values: ()
    if len(names) == 1:
        only = names[0]
        return lambda values: (values.get(only),)
    quick = itemgetter(*names)

    def pick(values: Values) -> Iterable[Value]:
        try:
            return quick(values)  # type: ignore[no-any-return]
        except KeyError:
            return map(values.get, names)

    return pick


def span(study: Study) -> float:
    """The seconds from the first start to the last known moment of a study."""
    first, last = math.inf, -math.inf
    for trial in study:
        first = min(first, trial.started)
        last = max(last, trial.ended or trial.started)
    return max(0.0, last - first)


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """A million records are no garbage: looking through them again and again costs seconds."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
