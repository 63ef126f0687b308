"""What the page of `--to_html` shows, as one JSON document."""

from __future__ import annotations

import random
import shlex
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from hpogrid._version import VERSION
from hpogrid.report.axes import Axis, label, make_axis
from hpogrid.report.curves import curves
from hpogrid.report.importance import FEWEST_TRIALS, ROUNDS, importance
from hpogrid.report.importance import MOST_TRIALS as MOST_LEARNT
from hpogrid.report.results import WITH_RESULT, Column, Objective, Results, number
from hpogrid.study.study import Trial

MOST_TRIALS = 10_000
MOST_CELLS = 250_000
MOST_REASONS = 15
LONGEST_TEXT = 300
STATES = ("complete", "pruned", "failed", "running", "interrupted")


def page_data(results: Results) -> dict[str, Any]:
    """The document. See ``assets/base.js`` for who reads it."""
    order = _order(results)
    rows = choose_rows(results, order)
    shown = [results.trials[row] for row in rows]
    start = min((trial.started for trial in results.trials), default=0.0)
    return {
        "name": results.name,
        "version": VERSION,
        "written": time.strftime("%Y-%m-%d %H:%M %Z"),
        "summary": results.summary,
        "states": results.states,
        "objectives": _objectives(results),
        "columns": _columns(results, rows),
        "trials": _trials(results, rows, order, start),
        "reasons": _reasons(shown),
        "tasks": _tasks(results),
        "failures": failures(results),
        "spent": _spent(results, start),
        "best": _best(results),
        "left_out": len(results) - len(rows),
        "importance": [_importance(results, index) for index in range(len(results.objectives))],
        "curves": [curves(shown, item.name) for item in results.objectives],
    }


# --- which trials are shown ----------------------------------------------------------------


def choose_rows(results: Results, order: Sequence[int | None]) -> list[int]:
    """The rows to show, ascending: all, or the best half, every record, and others at random."""
    most = min(MOST_TRIALS, MOST_CELLS // max(len(results.columns), 1))
    if len(results) <= most:
        return list(range(len(results)))
    kept = set(range(most // 2)) | set(_records(results, order)[-most // 4 :])
    others = [row for row in range(len(results)) if row not in kept]
    return sorted(kept | set(random.Random(0).sample(others, most - len(kept))))


def _order(results: Results) -> list[int | None]:
    """For each trial its place in the order in which they ended, from 1."""
    ended = [row for row, trial in enumerate(results.trials) if trial.ended is not None]
    ended.sort(key=lambda row: results.trials[row].ended or 0.0)
    places: list[int | None] = [None] * len(results)
    for place, row in enumerate(ended, 1):
        places[row] = place
    return places


def _records(results: Results, order: Sequence[int | None]) -> list[int]:
    """The trials that were the best when they ended, first to last.

    Rows are sorted best first: a record is a row above all that ended before it.
    """
    if not results.objectives:
        return []
    ended = sorted((place, row) for row, place in enumerate(order) if place is not None)
    records: list[int] = []
    for _, row in ended:
        if results.value(results.trials[row]) is not None and (not records or row < records[-1]):
            records.append(row)
    return records


# --- its parts -----------------------------------------------------------------------------


def _objectives(results: Results) -> list[dict[str, Any]]:
    places = {column.key: i for i, column in enumerate(results.columns) if column.kind == "metric"}
    return [
        {"name": item.name, "mode": item.mode, "column": places[item.name]}
        for item in results.objectives
    ]


def _columns(results: Results, rows: Sequence[int]) -> list[dict[str, Any]]:
    chosen = set(rows)
    cells = [cells for row, cells in enumerate(results.rows()) if row in chosen]
    return [
        _column(results, column, [row[place] for row in cells])
        for place, column in enumerate(results.columns)
    ]


def _column(results: Results, column: Column, values: list[Any]) -> dict[str, Any]:
    axis = make_axis(results, column, values)
    if axis.scale == "category":
        shown: list[Any] = [place if place is None else int(place) for place in axis.positions]
    else:
        shown = [_short(value) for value in values]
    return {
        "name": column.name,
        "kind": column.kind,
        "scale": axis.scale,
        "categories": [_cut(item) for item in axis.categories],
        "values": shown,
    }


def _short(value: Any) -> float | None:
    known = number(value)
    return known if known is None or isinstance(known, int) else float(f"{known:.7g}")


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST_TEXT else words[: LONGEST_TEXT - 1] + "…"


def _trials(
    results: Results, rows: Sequence[int], order: Sequence[int | None], start: float
) -> dict[str, list[Any]]:
    shown = [results.trials[row] for row in rows]
    tasks = {id(task): place for place, task in enumerate(results.parts)}
    reasons = {reason: place for place, reason in enumerate(_reasons(shown))}
    return {
        "id": [trial.id for trial in shown],
        "task": [tasks[id(results.tasks[row])] for row in rows],
        "job": [trial.job for trial in shown],
        "state": [STATES.index(trial.state) for trial in shown],
        "reason": [reasons[_cut(trial.reason or "")] for trial in shown],
        "started": [round(trial.started - start, 3) for trial in shown],
        "ended": [
            None if trial.ended is None else round(trial.ended - start, 3) for trial in shown
        ],
        "seconds": [round(trial.duration, 6) for trial in shown],
        "order": [order[row] for row in rows],
    }


def _reasons(shown: Sequence[Trial]) -> list[str]:
    """The different reasons; the first one is none."""
    return list(dict.fromkeys(["", *(_cut(trial.reason or "") for trial in shown)]))


def failures(results: Results) -> list[tuple[str, int]]:
    """The reasons of failures with their counts, most frequent first."""
    found = Counter(
        trial.reason or "unknown" for trial in results.trials if trial.state == "failed"
    ).most_common()
    top = [(_cut(reason), count) for reason, count in found[:MOST_REASONS]]
    others = sum(count for _, count in found[MOST_REASONS:])
    return [*top, (f"{len(found) - MOST_REASONS} other reasons", others)] if others else top


def _tasks(results: Results) -> list[dict[str, Any]]:
    counts = Counter(map(id, results.tasks))
    return [
        {"id": task.id, "site": task.site, "seconds": task.seconds, "trials": counts[id(task)]}
        for task in results.parts
    ]


def _spent(results: Results, start: float) -> dict[str, Any]:
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


def _best(results: Results) -> dict[str, Any] | None:
    if results.best is None:
        return None
    objective = results.objectives[0]
    config = msgspec.json.format(msgspec.json.encode(results.best.applied), indent=2).decode()
    return {
        "value": results.value(results.best),
        "metric": objective.name,
        "mode": objective.mode,
        "trial": results.best.id,
        "config": config,
        "command": command(results, results.best),
    }


def command(results: Results, trial: Trial) -> str | None:
    """What evaluates a trial's configuration once more; None where no project is known."""
    if results.project is None:
        return None
    point = msgspec.json.encode(trial.applied).decode()
    return shlex.join(["hpogrid", "local_run", results.project, "--point", point])


def _importance(results: Results, index: int) -> dict[str, Any]:
    objective = results.objectives[index]
    found = [
        (trial, value)
        for trial in results.trials
        if trial.state in WITH_RESULT and (value := results.value(trial, index)) is not None
    ]
    if len(found) > MOST_LEARNT:
        found = random.Random(0).sample(found, MOST_LEARNT)
    axes = varied_axes(results, [trial for trial, _ in found])
    measured = importance(
        [axis.name for axis in axes],
        [axis.positions for axis in axes],
        [value for _, value in found],
    )
    if measured is None:
        return {"note": _why_not(len(found), objective, bool(axes))}
    note = (
        f"How much worse a random forest predicts the rank of a trial by {objective.name} when "
        f"one hyperparameter is shuffled, from {measured.trials} trials. Lines: the range over "
        f"{ROUNDS} repetitions on other parts of the trials. On trials that it has not seen the "
        f"forest explains {measured.explained:.0%} of the variance"
        + ("." if measured.explained > 0.3 else ": too little to rely on the order below.")
    )
    return {"note": note, **msgspec.to_builtins(measured)}


def _why_not(trials: int, objective: Objective, varied: bool) -> str:
    if not varied:
        return "Not measured: no hyperparameter differs between the trials."
    if trials < FEWEST_TRIALS:
        return f"Not measured: it needs {FEWEST_TRIALS} trials with a result; there are {trials}."
    return f"Not measured: {objective.name} is the same in all trials."


def varied_axes(results: Results, trials: Sequence[Trial]) -> list[Axis]:
    """The axes of the hyperparameters that are not the same in all of these trials."""
    axes = []
    for column in results.columns:
        if column.kind != "parameter":
            continue
        values = [trial.applied.get(column.key) for trial in trials]
        if len(set(map(label, values))) > 1:
            axes.append(make_axis(results, column, values))
    return axes
