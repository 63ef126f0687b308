"""What results are made from: the trials of tasks and files, and the projects behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from hpogrid.config.project import Project
from hpogrid.report.replay import Replay
from hpogrid.report.results import Objective, Origin, Results
from hpogrid.study.study import Study, Trial


class Source(msgspec.Struct):
    """One task, file or folder.

    Attributes:
        name: of the project, or of the file.
        task: where the trials come from.
        study: the trials.
        project: the project as it was when they ran; None where it is not known.
        objectives: what was optimised, where a file says so and there is no project.
        budget: how many trials were asked for; None where it is not known.
        warnings: a sentence for each thing that was skipped.
        left_out: a sentence for each kind of task that is not part of the study.
        confirmed: fresh evaluations of its configurations, which are no part of it.
        replays: trials that were run again, which are no part of it either.
    """

    name: str
    task: Origin
    study: Study
    project: Project | None = None
    objectives: tuple[Objective, ...] = ()
    budget: int | None = None
    warnings: list[str] = []
    left_out: list[str] = []
    confirmed: list[Trial] = []
    replays: list[Replay] = []


def remarks(sources: Iterable[Source]) -> list[str]:
    """What a person should know of sources: what was damaged, and what is left out."""
    return [text for source in sources for text in (*source.warnings, *source.left_out)]


def objectives_of(sources: Sequence[Source]) -> tuple[Objective, ...]:
    """What was optimised: as the last project says, or a file; empty where it is not known."""
    projects = [source.project for source in sources if source.project is not None]
    if projects:
        config = projects[-1].hpo_config
        return tuple(map(Objective, config.metrics, config.modes))
    return next((item.objectives for item in sources if item.objectives), ())


def make_results(
    sources: Sequence[Source],
    *,
    extra: Sequence[str] = (),
    objectives: Sequence[Objective] = (),
) -> Results:
    """Merge sources into one table.

    Where projects differ (one was recreated between two tasks), the last one says what is
    optimised; give ``objectives`` to say otherwise.

    Raises:
        UserError: an extra column that is not there.
    """
    projects = [source.project for source in sources if source.project is not None]
    project = projects[-1] if projects else None
    budgets = [source.budget for source in sources]
    return Results(
        sources[-1].name if sources else "",
        [(source.task, source.study) for source in sources],
        objectives=objectives or objectives_of(sources),
        space=project.space if project else None,
        extra=extra,
        project=project.name if project else None,
        mlflow=project.hpo_config.mlflow if project else None,
        experiment=project.hpo_config.mlflow_experiment if project else None,
        budget=sum(budgets) if None not in budgets else None,  # type: ignore[arg-type]
        notes=[note for source in sources for note in source.left_out],
        confirmed=[trial for source in sources for trial in source.confirmed],
        replays=[item for source in sources for item in source.replays],
    )
