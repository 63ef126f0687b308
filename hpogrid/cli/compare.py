"""``hpogrid compare``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from hpogrid.cli.complete import projects_or_files
from hpogrid.cli.options import Amount, objective_options, outname_option, task_filters
from hpogrid.cli.output import Row, format_option, message, print_paths, print_rows
from hpogrid.cli.progress import working

if TYPE_CHECKING:
    from hpogrid.report.compare.model import Comparison, Pair
    from hpogrid.search.base import Mode
    from hpogrid.site.choice import Filters

_COLUMNS = [
    "rank", "study", "replicates", "trials", "median", "low", "high", "best", "p", "verdict",
]  # fmt: skip


@click.command()
@click.argument(
    "targets",
    shell_complete=projects_or_files,
    metavar="PROJECT_OR_FILE...",
    nargs=-1,
    required=True,
)
@task_filters()
@objective_options
@click.option("--at", metavar="BUDGET", help="Compare after so many trials (50) or so long "
              "(300s, 10m, 2h). Default: as many as the shortest replicate has.")  # fmt: skip
@click.option("--paired", is_flag=True,
              help="Replicates with the same seed belong together (Wilcoxon's test).")  # fmt: skip
@click.option("--alpha", type=Amount(0, 1, min_open=True, max_open=True), default=0.05,
              show_default=True, help="Level of significance.")  # fmt: skip
@outname_option("hpo_compare")
@click.option("--to_html", is_flag=True, help="Write a page to look at and hand on.")
@click.option("--to_png", is_flag=True, help="Write a picture of each plot.")
@click.option("--to_svg", is_flag=True, help="Write an SVG drawing of each plot.")
@click.option("--to_pdf", is_flag=True, help="Write a document with all plots.")
@click.option("--to_json", is_flag=True, help="Write all numbers.")
@format_option()
def compare(
    targets: tuple[str, ...],
    filters: Filters,
    metric: str | None,
    mode: Mode | None,
    at: str | None,
    paired: bool,
    alpha: float,
    outname: str,
    form: str,
    **formats: bool,
) -> None:
    """Put several studies side by side, and say whether they differ by more than chance.

    PROJECT_OR_FILE is a project, a ledger, a folder of ledgers, or a job's result file. The
    replicates of a study are its tasks; of a task with independent jobs, its jobs. Each line of
    the table has the median, the quartiles (low, high) and the best of the replicates' best values;
    p compares the study with the first one (Mann-Whitney, corrected by Holm).

    \b
    Examples:
      hpogrid compare with_random with_bayesian --to_html
      hpogrid compare a b c --at 10m --to_png --outname three
    """
    from hpogrid.report.compare.page import FORMATS, save_comparison
    from hpogrid.report.compare.standing import compare_studies
    from hpogrid.report.load import given_objectives

    objectives = given_objectives(metric, mode)
    with working("comparing"):
        found = compare_studies(
            targets,
            filters=filters,
            objective=objectives[0] if objectives else None,
            at=at,
            paired=paired,
            alpha=alpha,
        )
    rows = _rows(found)
    if form == "table":
        print_rows(_short(rows), [*_COLUMNS[:3], *_COLUMNS[4:]], form)
    else:
        print_rows(rows, _COLUMNS, form)
    message(found.summary)
    for note in found.notes:
        message(note)
    for name in FORMATS:
        if formats[f"to_{name}"]:
            with working(f"writing {name}"):
                paths = save_comparison(found, name, outname)
            print_paths(paths, form)


def _rows(found: Comparison) -> list[Row]:
    first = found.standings[0].study
    trials = {item.name: [one.trials for one in item.replicates] for item in found.studies}
    tests = {frozenset((pair.first, pair.second)): pair for pair in found.pairs}
    rows: list[Row] = []
    for item in found.standings:
        fewest, most = min(trials[item.study]), max(trials[item.study])
        pair = tests.get(frozenset((first, item.study)))
        rows.append(
            {
                "rank": item.rank,
                "study": item.study,
                "replicates": item.replicates,
                "trials": fewest if fewest == most else f"{fewest}-{most}",
                "median": item.median,
                "low": item.low,
                "high": item.high,
                "best": item.best,
                "p": pair.adjusted if pair else None,
                "verdict": _verdict(pair) if pair else None,
            }
        )
    return rows


def _short(rows: Sequence[Row]) -> list[Row]:
    """Four digits are enough to look at, unless values lie closer together."""
    from hpogrid.report.base import digits_apart

    names = ("median", "low", "high", "best")
    values = [row[name] for row in rows for name in names]
    digits = digits_apart((value for value in values if isinstance(value, float)), 4)

    def text(name: str, value: object) -> object:
        return f"{value:.{digits if name in names else 4}g}" if isinstance(value, float) else value

    return [{name: text(name, value) for name, value in row.items()} for row in rows]


def _verdict(pair: Pair) -> str:
    """What the pair says about the second one of it, which stands below the first."""
    turned = {"better": "worse", "worse": "better"}
    return turned.get(pair.verdict) or str(pair.verdict)
