"""``hpogrid analyze``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hpogrid.cli.complete import projects_or_files
from hpogrid.cli.options import objective_options, outname_option, task_filters
from hpogrid.cli.output import format_option, message, print_paths, print_rows
from hpogrid.cli.progress import working
from hpogrid.space.value import Values
from hpogrid.text import counted

if TYPE_CHECKING:
    from hpogrid.report.analysis.model import Analysis, Share
    from hpogrid.search.base import Mode
    from hpogrid.site.choice import Filters


@click.command()
@click.argument("target", shell_complete=projects_or_files, metavar="PROJECT_OR_FILE")
@task_filters()
@objective_options
@click.option("--interactions", type=click.IntRange(0), default=5, show_default=True,
              help="Most pairs of hyperparameters.")  # fmt: skip
@click.option("--top", type=click.IntRange(0), default=4, show_default=True,
              help="Best trials to explain one by one.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything random.")
@outname_option("hpo_analysis")
@format_option()
def analyze(
    target: str,
    filters: Filters,
    metric: str | None,
    mode: Mode | None,
    interactions: int,
    top: int,
    seed: int,
    outname: str,
    form: str,
) -> None:
    """Explain what each hyperparameter did, with Explainable Boosting Machines.

    PROJECT_OR_FILE is a project, a ledger, a result file, or a folder of models that each have
    the files metrics and hyperparams.txt. Numbers are written as JSON, pictures as PNG.

    For example: hpogrid analyze my_project --outname my_analysis
    """
    from hpogrid.report.analysis.draw import write_analysis
    from hpogrid.report.analysis.fit import analyse
    from hpogrid.report.load import given_objectives, load_sources, make_results, remarks

    objectives = given_objectives(metric, mode)
    with working("reading trials"):
        sources = load_sources(target, filters, objectives)
        results = make_results(sources, objectives=objectives)
    for sentence in remarks(sources):
        message(sentence)
    with working(f"fitting models to {counted(len(results), 'trial')}"):
        analysis = analyse(results, interactions=interactions, top=top, seed=seed)
    columns = ["hyperparameter", "effect", "best", "fanova", "permutation"]
    print_rows(_rows(analysis), columns, form)
    message(
        f"{analysis.trials} trials; target {analysis.target}; R² on unseen trials "
        f"{analysis.r2.mean:.2f} ± {analysis.r2.std:.2f} ({analysis.folds} folds)"
    )
    if analysis.note:
        message(analysis.note)
    if not analysis.reliable:
        message("the model explains too little of the results to rely on this table")
    with working("drawing"):
        paths = write_analysis(analysis, outname)
    print_paths(paths, form)


def _rows(analysis: Analysis) -> list[Values]:
    rows: list[Values] = []
    for effect in analysis.effects:
        name = effect.name
        rows.append(
            {
                "hyperparameter": name,
                "effect": _text(effect.share),
                "best": effect.best,
                "fanova": _text(analysis.fanova.get(name)),
                "permutation": _text(analysis.permutation.get(name)),
            }
        )
    for pair in analysis.pairs:
        names = " & ".join(pair.names)
        rows.append({"hyperparameter": names, "effect": _text(pair.share)})
    return rows


def _text(share: Share | None) -> str | None:
    return None if share is None else f"{100 * share.mean:.1f} ± {100 * share.std:.1f} %"
