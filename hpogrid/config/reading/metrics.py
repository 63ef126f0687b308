"""What a script reports or prints: the name of its metric, and which way that is better."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hpogrid.config.direction import direction
from hpogrid.config.reading.base import Found, Reading, Wish, listed
from hpogrid.config.reading.code import calls, keyword, last_name, returns
from hpogrid.config.reading.tuner import stated_metric
from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.trial import declared
from hpogrid.trial.declarations import Source, text_of

_COUNTERS = {"epoch", "step", "steps", "iteration", "iterations", "training_iteration", "time",
             "checkpoint", "batch", "global_step", "elapsed", "time_total_s", "cost", "lr",
             "should_checkpoint", "done"}  # fmt: skip
_NUMBER = r"([-+]?(?:[0-9.]+(?:[eE][-+]?[0-9]+)?|nan|inf))"
_BEFORE = re.compile(r"([A-Za-z_][\w@/.-]*(?: [A-Za-z_][\w@/.-]*){0,2})\s*(?:[:=]|\bis\b)?\s*$")


class Objective(NamedTuple):
    """What is optimised, and how it is read; ``regex`` is None where the script reports it."""

    metric: str
    mode: str
    regex: str | None


def find_objective(reading: Reading, found: Found) -> Objective:
    """The metric and mode of a script.

    Raises:
        UserError: nothing says which it is, or which way it is better.
    """
    wish, regex = reading.wish, reading.wish.metric_regex
    metric, mode = wish.metric, wish.mode
    stated = (found.metric, found.mode)
    if stated == (None, None) and found.model is None:
        stated = stated_metric(reading, reading.source.trees[0])
    if metric is None and regex is not None:
        metric = metric_of_regex(regex)
        reading.notes.append(f"metric {metric}: named in the pattern")
    names = reported(reading, found.model)
    if metric is None and found.model is not None and stated[0] is not None and not names.all:
        metric = stated[0]
    if metric is None and found.mode is not None:
        metric = stated[0]
    if metric is None and stated[1] is not None:
        metric = stated[0]
    if metric is None and (names.all or names.hidden == 0):
        metric = _best(names.all)
        if metric is not None:
            reading.notes.append(f"metric {metric}: {_among('reports', metric, names.all)}")
    if metric is None:
        metric = stated[0]
    printed = _printed(reading) if found.model is None and regex is None and not names.all else {}
    if metric is None and printed:
        metric = _best(list(printed))
        if metric is not None:
            reading.notes.append(f"metric {metric}: {_among('prints', metric, list(printed))}")
    if regex is None and metric in printed:
        regex = printed[metric]
        reading.notes.append(f"metric_regex {regex}: what the script prints")
    metric = metric or _unnamed(reading, found, names)
    _refuse_other(reading, metric, names, regex, found)
    if mode is None and stated[1] is not None and metric == stated[0]:
        mode = stated[1]
    return Objective(metric, mode or _directions(reading, metric), regex)


def _among(does: str, metric: str, names: list[str]) -> str:
    """That a script reports or prints a metric, and what else."""
    others = [name for name in names if name != metric]
    return f"the script {does} it" + (f", and {listed(others)}" if others else "")


def _directions(reading: Reading, metric: str) -> str:
    """The mode for each metric, by its name."""
    modes = []
    for name in metric.split(","):
        mode = direction(name)
        if mode is None:
            raise UserError(
                f"{reading.name}: '{name}' does not say whether it is better when smaller or "
                "larger: give --mode min or --mode max"
            )
        word = "larger" if mode == "max" else "smaller"
        reading.notes.append(f"mode {mode}: {name} is better when {word}")
        modes.append(mode)
    return ",".join(modes)


def _unnamed(reading: Reading, found: Found, names: Reported) -> str:
    if found.model is None and not found.overrides and not names.hidden:
        raise UserError(
            f"{reading.name}: found no report of a metric; report it with "
            "hpogrid.report(loss=...), or say how it is printed with "
            "--metric_regex 'loss=([0-9.]+)'"
        )
    if names.hidden:
        raise UserError(f"{reading.name} reports what cannot be seen here: name it with --metric")
    reading.notes.append(f"metric loss: what {found.model or 'the script'} returns has no name")
    return "loss"


def metrics_of(path: Path, name: str, model: str | None) -> list[str]:
    """All the names that a script of a project reports; none, if some cannot be read.

    Args:
        path: the script.
        name: its name below the project's scripts.
        model: the function or class that is called.
    """
    folder = path.absolute().parents[len(Path(name).parts) - 1]
    script = declared.read_script([name], folder)
    if script is None or not script.trees:
        return []
    source = Source(script.trees)
    reading = Reading(path, script, source, Wish(), [])
    names = reported(reading, model)
    function = source.functions.get(model or "")
    alone = (
        [part for part in returns(function) if not isinstance(part, ast.Dict)] if function else []
    )
    return [] if names.hidden or alone else names.all


class Reported(NamedTuple):
    """The names that are reported, and how many reports cannot be seen."""

    all: list[str]
    hidden: int


def reported(reading: Reading, model: str | None) -> Reported:
    """What a script reports by calls, or as the keys of dicts that it returns."""
    names: list[str] = []
    hidden = 0
    for tree in reading.source.trees:
        for function in ("report", "reporter"):
            for call in calls(tree, function):
                if _is_of_trial(call) or _is_other_report(call):
                    continue
                here = list(_names(reading, call))
                names += [name for name in here if name]
                hidden += None in here
        if model is not None:
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef) and node.name in (model, "step", "_train"):
                    for part in returns(node):
                        if isinstance(part, ast.Dict):
                            names += [key for key in map(text_of, part.keys) if key]
    return Reported(list(dict.fromkeys(names)), hidden)


def _is_of_trial(call: ast.Call) -> bool:
    return ast.unparse(call.func) == "trial.report"


def _is_other_report(call: ast.Call) -> bool:
    """``classification_report``-like calls have other names; this is ``x.report()`` of nothing."""
    return not call.args and not call.keywords


def _names(reading: Reading, call: ast.Call) -> Iterator[str | None]:
    """The names of one report; None: one that cannot be seen."""
    for item in call.keywords:
        if item.arg == "metrics" and isinstance(item.value, ast.Dict):
            yield from _keys(reading, item.value)
        elif item.arg is not None and item.arg not in ("checkpoint", "metrics"):
            yield item.arg
        elif item.arg is None and isinstance(item.value, ast.Dict):
            yield from _keys(reading, item.value)
        elif item.arg is None:
            yield None
    for given in call.args[:1]:
        if isinstance(given, ast.Dict):
            yield from _keys(reading, given)
        else:
            yield None


def _keys(reading: Reading, node: ast.Dict) -> Iterator[str | None]:
    for key in node.keys:
        value = reading.source.value(key) if key is not None else None
        yield value if isinstance(value, str) else None


def _best(names: list[str]) -> str | None:
    """The name that is most likely the objective: one of validation first, no counter."""
    telling = [name for name in names if name.lower() not in _COUNTERS]
    ranked = sorted(telling, key=lambda name: (_rank(name), telling.index(name)))
    return ranked[0] if ranked else None


def _rank(name: str) -> int:
    words = re.split(r"[^a-z0-9]+", name.lower())
    known = direction(name) is not None
    if {"val", "valid", "validation", "dev", "eval"} & set(words):
        return 0 if known else 2
    if {"test"} & set(words):
        return 1 if known else 3
    if {"train", "training"} & set(words):
        return 6
    return 4 if known else 5


def _refuse_other(
    reading: Reading, metric: str, names: Reported, regex: str | None, found: Found
) -> None:
    """Refuse a metric that the script never reports."""
    if regex is not None or not names.all or names.hidden:
        return
    for name in metric.split(","):
        if name not in names.all and found.metric != metric:
            raise UserError(f"{reading.name}: {unknown('metric', name, names.all)}")


def metric_of_regex(text: str) -> str:
    """The name that a pattern gives the metric: the first key, or the word before the group.

    Raises:
        UserError: there is none.
    """
    if text.lstrip().startswith("{"):
        from hpogrid.trial.placeholders import metric_patterns

        return next(iter(metric_patterns(text, "metric")))
    before = re.split(r"(?<!\\)\((?!\?)", text)[0]
    plain = re.sub(r"\\[sdwSDWbB][*+?]?|\[[^\]]*\][*+?]?|[\\^$*+?]|\(\?[^)]*\)", " ", before)
    found = re.findall(r"[A-Za-z_][\w/@.-]*", plain)
    if not found:
        raise UserError(
            f"metric_regex: nothing in '{text}' names the metric; give --metric NAME as well"
        )
    return str(found[-1])


def _printed(reading: Reading) -> dict[str, str]:
    """Patterns for what a script prints as ``name=value``, by the names."""
    found: dict[str, str] = {}
    for tree in reading.source.trees[:1]:
        for function in ("print", "info", "write", "echo"):
            for call in calls(tree, function):
                for before in _texts_before(call):
                    name = _BEFORE.search(before)
                    if name is not None:
                        label = name[1]
                        key = re.sub(r"\W+", "_", label.strip()).lower().strip("_")
                        short = key if direction(key) else label.split()[-1]
                        pattern = re.sub(
                            r"(\\ )+", r"\\s+", re.escape(before[name.start(1) :].rstrip())
                        )
                        found.setdefault(short, rf"\b{pattern}\s*{_NUMBER}")
    return {name: pattern for name, pattern in found.items() if name.lower() not in _COUNTERS}


def _texts_before(call: ast.Call) -> Iterator[str]:
    """The text before each value that a call prints."""
    if keyword(call, "file") is not None:
        return
    for index, item in enumerate(call.args):
        if isinstance(item, ast.JoinedStr):
            before = ""
            for part in item.values:
                if isinstance(part, ast.Constant):
                    before = str(part.value)
                else:
                    yield before.rpartition("\n")[2]
                    before = ""
        elif isinstance(item, ast.Constant) and isinstance(item.value, str):
            behind = call.args[index + 1 :]
            if (
                behind
                and not isinstance(behind[0], ast.Constant | ast.JoinedStr)
                and "%" not in item.value
            ):
                yield item.value
        for text in _formats(call, item):
            for before in re.split(r"%[-+0-9.]*[dfgesr]|\{[^}]*\}", text)[:-1]:
                yield before.rpartition("\n")[2]


def _formats(call: ast.Call, item: ast.expr) -> Iterator[str]:
    """The template of ``"..." % values``, ``"...".format(values)``, ``info("...", values)``."""
    match item:
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            yield text
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            yield text
        case ast.Constant(value=str(text)) if last_name(call) == "info" and item is call.args[0]:
            yield text
