"""What the page of `--to_html` shows, as one JSON document."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from hpogrid._version import VERSION
from hpogrid.report.asides import asides
from hpogrid.report.axes import Scale, make_axis
from hpogrid.report.base import digits_apart
from hpogrid.report.charts import CHARTS
from hpogrid.report.charts.as_page import page_chart
from hpogrid.report.charts.effects import IMPORTANCE, importances
from hpogrid.report.charts.model import Chart
from hpogrid.report.charts.sketch import Sketch
from hpogrid.report.charts.times import FEWEST_CURVES, MOST_CURVES, curve_charts
from hpogrid.report.charts.trials import pareto, slices
from hpogrid.report.results import ALWAYS, EXTRAS, STATES, Column, Results
from hpogrid.report.sample import choose_rows, early_note, end_order
from hpogrid.report.table import MOST_WHOLE
from hpogrid.report.trust import sentences
from hpogrid.space.value import Value, Values
from hpogrid.study.values import number

MOST_TRIALS = 10_000
MOST_CELLS = 250_000
MOST_REASONS = 15
MOST_METRICS = 20
"""So many metrics are on the page beside what is optimised."""
LONGEST_TEXT = 300
_ONE_OF_ALL = ("parallel", "hypervolume", "timeline")
"""Charts that are the same whatever objective is looked at."""


def page_data(results: Results) -> dict[str, Any]:
    """The document. See ``assets/base.js`` for who reads it."""
    results, missing = _with_metrics(results)
    order = end_order(results)
    most = min(MOST_TRIALS, MOST_CELLS // max(len(results.columns), 1))
    rows = choose_rows(results, most, order)
    shown = [results.trials[row] for row in rows]
    sketches = [Sketch(results, index, rows) for index in range(len(results.objectives))]
    sketch = sketches[0] if sketches else Sketch(results, rows=rows)
    columns = _columns(results, rows)
    reasons = list(dict.fromkeys(["", *(_cut(trial.reason or "") for trial in shown)]))
    hosts = list(dict.fromkeys(_cut(trial.host) for trial in shown))
    reported = _reported(results, columns)
    start = min((trial.started for trial in results.trials), default=0.0)
    return {
        "name": results.name,
        "version": VERSION,
        "written": time.strftime("%Y-%m-%d %H:%M %Z"),
        "summary": results.summary,
        "notes": results.notes + missing,
        "early": early_note(results),
        "counting": STATES.index(results.counting),
        "states": results.states,
        "objectives": _objectives(results),
        "reported": reported,
        "columns": columns,
        "trials": _trials(results, rows, start, reasons, hosts),
        "reasons": reasons,  # the first one is none
        "hosts": hosts,
        "tasks": _tasks(results),
        "failures": failures(results),
        "spent": _spent(results, start),
        "best": _best(results),
        "trust": [sentence[:1].upper() + sentence[1:] + "." for sentence in sentences(results)],
        "left_out": len(results) - len(rows),
        "sections": ["summary", *CHARTS, "trials"],
        "charts": _charts(sketches, sketch, reported),
        **asides(results, rows),
    }


def _with_metrics(results: Results) -> tuple[Results, list[str]]:
    """The same with every metric that was reported, as far as there is room; what is left out."""
    if not results.objectives:
        return results, []
    known = {column.key for column in results.columns if column.kind == "metric"}
    others = [name for name in results.reported if name not in known and name not in EXTRAS]
    shown, rest = others[:MOST_METRICS], others[MOST_METRICS:]
    asked = [column.key for column in results.columns if column.kind == "extra"]
    extra = [*known, *shown, *(key for key in asked if key in EXTRAS)]
    note = f"Of the other metrics {len(rest)} are left out here: {', '.join(rest)}."
    return results.with_extra(extra), [_cut(note)] if rest else []


def _reported(results: Results, columns: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The numbers that were reported beside what is optimised: nobody said which way is better.

    One that is infinite or no number in all trials is not to be looked at.
    """
    named = {item.name for item in results.objectives}
    return [
        {"name": shown["name"], "mode": "max", "column": place, "key": column.key}
        for place, ((_, column), shown) in enumerate(zip(_shown(results), columns, strict=True))
        if named and column.kind == "metric" and column.key not in named
        if shown["scale"] != "category" and any(value is not None for value in shown["values"])
    ]


def _charts(
    sketches: Sequence[Sketch], sketch: Sketch, reported: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The charts by kind: of most one for each objective, None where there is nothing to draw."""
    own: dict[str, Any] = {
        "importance": [_importance(item) for item in sketches],
        "slices": [list(map(page_chart, slices(item))) for item in sketches],
        "pareto": _fronts(sketch),
        "curves": _curves(sketch, reported),
    }
    once = {name: _first(CHARTS.load(name)(sketch)) for name in _ONE_OF_ALL}
    each = [name for name in CHARTS if name not in own and name not in once]
    found = {name: [_first(CHARTS.load(name)(item)) for item in sketches] for name in each}
    return {**own, **once, **found}


def _curves(sketch: Sketch, reported: Sequence[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """The curves of each metric: of the others as many together as of what is optimised."""
    few = max(MOST_CURVES // max(len(reported), 1), FEWEST_CURVES)
    metrics = [(item.name, MOST_CURVES) for item in sketch.results.objectives]
    metrics += [(str(item["key"]), few) for item in reported]
    return [_first(curve_charts(sketch, metric, most)) for metric, most in metrics]


def _shown(results: Results) -> list[tuple[int, Column]]:
    """The columns of the page, with their places: it shows each trial's name and state anyway."""
    return [
        (place, column)
        for place, column in enumerate(results.columns)
        if column.kind != "extra" or column.key not in (*ALWAYS, "files")
    ]


def _objectives(results: Results) -> list[Values]:
    shown = [column for _, column in _shown(results)]
    places = {column.key: i for i, column in enumerate(shown) if column.kind == "metric"}
    return [
        {"name": item.name, "mode": item.mode, "column": places[item.name]}
        for item in results.objectives
    ]


def _columns(results: Results, rows: Sequence[int]) -> list[Values]:
    chosen = set(rows)
    cells = [cells for row, cells in enumerate(results.rows()) if row in chosen]
    return [
        _column(results, column, [row[place] for row in cells]) for place, column in _shown(results)
    ]


def _column(results: Results, column: Column, values: list[Value]) -> Values:
    axis = make_axis(results, column, values)
    if axis.scale == "category":
        shown: list[Value] = [place if place is None else int(place) for place in axis.positions]
    else:
        shown = _short(values, axis.scale)
    return {
        "name": column.name,
        "kind": column.kind,
        "scale": axis.scale,
        "categories": [_cut(item) for item in axis.categories],
        "values": shown,
    }


def _short(values: Sequence[Value], scale: Scale) -> list[Value]:
    """Seven digits of each number, or as many as it takes to tell nearly all of them apart.

    At least its whole part, where that is what a table shows of it.
    """
    known = list(map(number, values))
    different = [value for value in known if value is not None]
    sizes = (abs(value) for value in different if abs(value) < MOST_WHOLE)
    whole = len(str(int(max(sizes, default=0))))
    close_to_one = scale == "reverse log"
    digits = 17 if close_to_one else max(whole, digits_apart(different, 7, 5, 0.99))
    return [
        value
        if type(value) is int and abs(value) < 2**53
        else (None if near is None else float(f"{near:.{digits}g}"))
        for value, near in zip(values, known, strict=True)
    ]


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST_TEXT else words[: LONGEST_TEXT - 1] + "…"


def _trials(
    results: Results, rows: Sequence[int], start: float, reasons: list[str], hosts: list[str]
) -> dict[str, list[Value]]:
    shown = [results.trials[row] for row in rows]
    tasks = {id(task): place for place, task in enumerate(results.parts)}
    reason_of = {reason: place for place, reason in enumerate(reasons)}
    host_of = {host: place for place, host in enumerate(hosts)}
    return {
        "id": [trial.id for trial in shown],
        "task": [tasks[id(results.tasks[row])] for row in rows],
        "job": [trial.job for trial in shown],
        "state": [STATES.index(trial.state) for trial in shown],
        "reason": [reason_of[_cut(trial.reason or "")] for trial in shown],
        "host": [host_of[_cut(trial.host)] for trial in shown],
        "attempt": [trial.attempt for trial in shown],
        "seed": [trial.seed for trial in shown],
        "started": [round(trial.started - start, 3) for trial in shown],
        "ended": [
            None if trial.ended is None else round(trial.ended - start, 3) for trial in shown
        ],
        "seconds": [round(trial.duration, 6) for trial in shown],
    }


def failures(results: Results) -> list[tuple[str, int]]:
    """The reasons of failures with their counts, most frequent first."""
    found = results.reasons
    top = [(_cut(reason), count) for reason, count in found[:MOST_REASONS]]
    others = sum(count for _, count in found[MOST_REASONS:])
    return [*top, (f"{len(found) - MOST_REASONS} other reasons", others)] if others else top


def _tasks(results: Results) -> list[Values]:
    counts = Counter(map(id, results.tasks))
    return [
        {"id": task.id, "site": task.site, "seconds": task.seconds, "trials": counts[id(task)]}
        for task in results.parts
    ]


def _spent(results: Results, start: float) -> Values:
    trials = results.trials
    end = max((trial.ended or trial.started for trial in trials), default=start)
    tasks = map(id, results.tasks)
    return {
        "wall": end - start,
        "work": sum(trial.duration for trial in trials),
        "jobs": len({(task, trial.job) for task, trial in zip(tasks, trials, strict=True)}),
        "hosts": len({trial.host for trial in trials}),
        "finished": sum(trial.finished for trial in trials),
        "budget": results.budget,
        "first": time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(start)),
    }


def _best(results: Results) -> Values | None:
    if results.best is None:
        return None
    objective = results.objectives[0]
    point = msgspec.json.encode(results.best.applied)
    command = None
    if results.again is not None:
        command = ["hpogrid", "local_run", results.again, "--point", point.decode()]
    elif results.tasks[0].id:  # in its own version of the scripts
        command = ["hpogrid", "replay", str(results.tasks[0].id), results.best.id]
    return {
        "value": results.value(results.best),
        "metric": objective.name,
        "mode": objective.mode,
        "trial": results.best.id,
        "config": msgspec.json.format(point, indent=2).decode(),
        "command": shlex.join(command) if command else None,
    }


def _first(charts: Sequence[Chart]) -> dict[str, Any] | None:
    return page_chart(charts[0]) if charts else None


def _fronts(sketch: Sketch) -> list[list[dict[str, Any] | None]]:
    """The Pareto front over any two objectives: first the one across."""
    numbers = range(len(sketch.results.objectives))
    return [[_first(pareto(sketch, across, up)) for up in numbers] for across in numbers]


def _importance(sketch: Sketch) -> Values:
    """The chart of it; without a layer where there is none, for the reason in its note."""
    none: Values = {"title": IMPORTANCE, "note": sketch.ranking[1], "layers": []}
    return _first(importances(sketch)) or none
