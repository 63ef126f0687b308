"""From the tasks of a project to its replicates: the searches that one seed each decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hpogrid.report.compare.model import Replicate, Step
from hpogrid.report.results import Objective
from hpogrid.report.source import Source
from hpogrid.study.study import Trial
from hpogrid.study.values import best_of, is_better, result_of


def replicates(
    sources: Sequence[Source], objective: Objective
) -> tuple[list[Replicate], list[str]]:
    """The replicates of a study: each task whose jobs were one search, each independent job.

    Returns:
        The replicates that have an ended trial, and a sentence for each one that was left out.
    """
    found: list[Replicate] = []
    notes: list[str] = []
    seen: dict[tuple[str, int, int | None], Replicate] = {}
    for source in sources:
        for job, trials in _searches(source):
            one = _replicate(source, job, trials, objective)
            if not one.trials:
                notes.append(f"{source.name}: task {one.name} has no trial that ended; left out")
                continue
            if one.early and one.steps:
                notes.append(
                    f"{source.name}: no trial of task {one.name} is complete; its values are of "
                    "trials that ended early, after less training"
                )
            key = (source.project.hash if source.project else "", one.seed or 0, job)
            twin = seen.get(key) if one.seed is not None else None
            if twin is None:
                seen[key] = one
                found.append(one)
                continue
            notes.append(
                f"{source.name}: tasks {twin.name} and {one.name} have the same seed {one.seed}: "
                "they are one search twice, and count as one replicate"
            )
            if one.trials > twin.trials:
                found[found.index(twin)] = seen[key] = one
    return found, notes


def _searches(source: Source) -> Iterator[tuple[int | None, list[Trial]]]:
    trials = list(source.study)
    if source.task.shared:
        yield None, trials
        return
    for job in sorted({trial.job for trial in trials}):
        yield job, [trial for trial in trials if trial.job == job]


def _replicate(
    source: Source, job: int | None, trials: list[Trial], objective: Objective
) -> Replicate:
    ended = sorted(
        (trial for trial in trials if trial.finished), key=lambda trial: trial.ended or 0.0
    )
    start = min((trial.started for trial in trials), default=0.0)
    return Replicate(
        task=source.task.id or source.task.folder or source.name,
        job=job,
        seed=source.task.seed,
        trials=len(ended),
        seconds=(ended[-1].ended or start) - start if ended else 0.0,
        running=any(trial.state == "running" for trial in trials),
        over=source.study.is_over({trial.job for trial in trials}),
        steps=_steps(ended, start, objective),
        early=all(trial.state != "complete" for trial in ended),
    )


def _steps(ended: list[Trial], start: float, objective: Objective) -> list[Step]:
    """Each new best value: of complete trials, or of those that ended early where none is."""
    last = best_of(ended, objective.name, objective.mode)
    steps: list[Step] = []
    for count, trial in enumerate(ended, 1):
        if last is None or trial.state != last.trial.state:
            continue
        value = result_of(trial, objective.name)
        if value is not None and (not steps or is_better(value, steps[-1].value, objective.mode)):
            steps.append(Step(count, (trial.ended or start) - start, value))
    return steps
