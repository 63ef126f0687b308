"""``hpogrid confirm``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from hpogrid.cli.output import message, say
from hpogrid.errors import Exit, RunError, UserError
from hpogrid.text import counted

if TYPE_CHECKING:
    from hpogrid.config.project import Project
    from hpogrid.report.results import Results
    from hpogrid.report.trust import Answer
    from hpogrid.study.study import Trial


@click.command()
@click.argument("project")
@click.option(
    "--top", type=click.IntRange(1), default=5, show_default=True, help="So many configurations."
)
@click.option(
    "--seeds", type=click.IntRange(2), default=5, show_default=True, help="So often each, at most."
)
@click.option("-s", "--site", help="Where  [default: here, in the foreground].")
def confirm(project: str, top: int, seeds: int, site: str | None) -> int:
    """Evaluate the best configurations of a PROJECT again, and say which one is the best.

    With fresh seeds, and the first configuration among them. The best of many noisy values is
    too good; fresh ones are not. Who has clearly lost is not evaluated further, and when nobody
    else is left it is decided. Done again, it goes on where it was.
    For example: hpogrid confirm my_project --top 5 --seeds 5
    """
    from hpogrid.config.project import load_project
    from hpogrid.report.trust import FEWEST, answer, entrants, sentences

    bundle = load_project(project)
    results = _results(project)
    if results.project is None:
        raise UserError(
            f"the results of project '{project}' are of an earlier version than it has now, which "
            f"would evaluate something else; 'hpogrid run {project}' searches with the present one"
        )
    chosen = entrants(results, top) if results.objectives else []
    if len(chosen) < 2:
        raise UserError(
            f"project '{project}' has {counted(len(chosen), 'configuration')} with a result; two "
            "are needed to compare"
        )
    while True:
        found = answer(results, chosen)
        more = _next_round(found, seeds)
        if not more:
            break
        done = min(_evaluations(found, place) for place in more)
        repeat = min(FEWEST, seeds) - done if done < min(FEWEST, seeds) else 1
        _evaluate(bundle, [chosen[place] for place in more], repeat, site)
        results = _results(project)
        if sum(map(len, answer(results, chosen).groups)) == sum(map(len, found.groups)):
            raise RunError("no evaluation has come to a result; 'hpogrid tasks show' tells more")
    for sentence in sentences(results):
        say(sentence)
    return Exit.OK


def _results(project: str) -> Results:
    from hpogrid.report.load import load_sources, make_results

    return make_results(load_sources(project))


def _evaluations(found: Answer, place: int) -> int:
    return len(found.groups[place]) + found.failed[place]


def _next_round(found: Answer, seeds: int) -> list[int]:
    """The places of those that are evaluated once more: the ones that have had fewest."""
    places: Sequence[int] = range(len(found.entrants))
    if found.verdict is not None:
        if found.verdict.decided:
            return []
        untried = [place for place in places if _evaluations(found, place) == 0]
        places = [*found.verdict.going, *untried]
    open_ = [place for place in places if _evaluations(found, place) < seeds]
    fewest = min((_evaluations(found, place) for place in open_), default=0)
    return [place for place in open_ if _evaluations(found, place) == fewest]


def _evaluate(bundle: Project, trials: Sequence[Trial], repeat: int, site: str | None) -> None:
    """Run a round, and wait for it."""
    from hpogrid.cli.progress import progress_of_run
    from hpogrid.cli.watch import follow
    from hpogrid.site.confirm import confirm_task
    from hpogrid.site.control import overview
    from hpogrid.site.local import run_here

    task = confirm_task(bundle, [trial.suggested for trial in trials], repeat, site)
    names = ", ".join(trial.id for trial in trials)
    message(f"task {task.id}: {counted(repeat, 'fresh evaluation')} each of trials {names}")
    if site is not None:
        follow(overview([task]))
        return
    with progress_of_run() as progress:
        result = run_here(task, progress)
    if result.state == "interrupted":
        raise KeyboardInterrupt
