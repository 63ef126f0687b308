"""Objectives written for Optuna: which function is given to ``optimize``, and what it suggests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from hpogrid.config.reading.base import Found, Reading, listed, ranges_wanted
from hpogrid.config.reading.code import (
    calls,
    keyword,
    last_name,
    required_arguments,
    returned,
    top_names,
)
from hpogrid.errors import UserError
from hpogrid.space.dialects import read_space
from hpogrid.space.parameter import Parameter
from hpogrid.trial.declarations import text_of

_ORDER = {
    "float": ("low", "high"), "int": ("low", "high"), "uniform": ("low", "high"),
    "loguniform": ("low", "high"), "discrete_uniform": ("low", "high", "q"),
    "categorical": ("choices",),
}  # fmt: skip
_MOST_MADE = 64
"""So many names are written out for one that is made in a loop."""


def read_optuna(reading: Reading) -> Found | None:
    """What an objective of a trial suggests; None: there is none."""
    tree = reading.source.trees[0]
    name = _objective(reading, tree)
    if name is None:
        return None
    function = reading.source.functions.get(name) or _called_instance(reading, name)
    assert function is not None
    suggested = _Suggested(reading, function)
    known: dict[str, str | None] = {name: suggested.kind(name) for name in suggested.found}
    axes = reading.axes(known, complete=not suggested.patterns)
    parameters: dict[str, Parameter] = {}
    for each, shape in suggested.found.items():
        parameters[each] = axes.get(each) or suggested.parameter(each, shape)
    parameters |= axes
    suggested.refuse_unknown(parameters)
    if not parameters:
        return None
    if suggested.conditional:
        reading.notes.append(
            f"{listed(suggested.conditional)}: suggested under a condition, and searched always; "
            "see conditions"
        )
    metric, mode = _objectives(reading, tree, function)
    return Found(parameters, model=name, metric=metric, mode=mode)


def _objective(reading: Reading, tree: ast.Module) -> str | None:
    """The name of the function that the study is given."""
    functions = reading.source.functions
    candidates = {
        name
        for name, function in functions.items()
        if function in tree.body and required_arguments(function) == ["trial"]
    }
    if reading.wish.model is not None:
        return reading.wish.model if reading.wish.model in candidates else None
    targets: list[str] = []
    for call in calls(tree, "optimize"):
        target = call.args[0] if call.args else keyword(call, "func")
        if target is not None:
            targets.append(_target(reading, target, call))
    targets = list(dict.fromkeys(name for name in targets if name))
    if len(targets) > 1:
        raise UserError(f"{reading.name} optimises {listed(targets)}: say which with --model")
    if targets:
        return targets[0]
    if calls(tree, "create_study") and calls(tree, "optimize"):
        return None
    suggesting = [name for name in functions if name in candidates and _suggests(functions[name])]
    helpers = {last_name(call) for name in functions for call in _all_calls(functions[name])}
    best = [name for name in suggesting if name not in helpers] or suggesting
    if len(best) > 1 and "objective" in best:
        best = ["objective"]
    if len(best) > 1:
        raise UserError(f"{reading.name}: {listed(best)} could be the objective: say --model NAME")
    return best[0] if best else None


def _target(reading: Reading, target: ast.expr, call: ast.Call) -> str:
    """The function or object that ``optimize`` is given, if it can be called by its name."""
    text = ast.unparse(target)
    if isinstance(target, ast.Name):
        if target.id in top_names(reading.source.trees[0]):
            return target.id
        if target.id in {name for tree in reading.source.trees for name in top_names(tree)}:
            where = "another file"
        else:
            where = "a function"
        reason = f"'{target.id}' is made in {where}"
    elif isinstance(target, ast.Lambda) and isinstance(target.body, ast.Call):
        inner = target.body
        handed = [ast.unparse(item) for item in inner.args]
        alone = handed == [target.args.args[0].arg] and not inner.keywords
        if alone and isinstance(inner.func, ast.Name):
            return _target(reading, inner.func, call)
        reason = f"{text} gives its function more than the trial"
    elif _suggests_somewhere(reading) or "study" in ast.unparse(call.func):
        reason = f"{text} has no name in the script"
    else:
        return ""  # another library's optimize
    raise UserError(
        f"{reading.name}: the study is given what cannot be called by its name: {reason}; write "
        "'def objective(trial): return ...' at the top of the script"
    )


def _suggests_somewhere(reading: Reading) -> bool:
    return any(_suggests(tree) for tree in reading.source.trees)


def _suggests(tree: ast.AST) -> bool:
    return any(last_name(call).startswith("suggest_") for call in _all_calls(tree))


def _all_calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _called_instance(reading: Reading, name: str) -> ast.FunctionDef | None:
    """``__call__`` of the class of which a name is an object."""
    for node in reading.source.trees[0].body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        if ast.unparse(node.targets[0]) == name:
            found = reading.source.classes.get(ast.unparse(node.value.func))
            for item in found.body if found is not None else []:
                if isinstance(item, ast.FunctionDef) and item.name == "__call__":
                    return item
    raise UserError(
        f"{reading.name}: '{name}' is no function of a trial that can be read; write "
        "'def objective(trial): return ...' at the top of the script"
    )


class _Suggested:
    """What a function suggests, and those that it hands its trial to."""

    def __init__(self, reading: Reading, function: ast.AST) -> None:
        self._reading = reading
        self.found: dict[str, dict[str, Any]] = {}
        self.patterns: list[str] = []
        self.conditional: list[str] = []
        self._seen: set[int] = set()
        self._read(function)

    def _read(self, function: ast.AST) -> None:
        if id(function) in self._seen:
            return
        self._seen.add(id(function))
        self._walk(function, [], False)

    def _walk(self, node: ast.AST, loops: list[ast.For], conditional: bool) -> None:
        inside = conditional or isinstance(node, ast.If | ast.IfExp)
        around = [*loops, node] if isinstance(node, ast.For) else loops
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            around = loops + [
                ast.For(target=part.target, iter=part.iter, body=[], orelse=[])
                for part in node.generators
            ]
        if isinstance(node, ast.Call):
            self._call(node, around, conditional)
        for part in ast.iter_child_nodes(node):
            self._walk(part, around, inside)

    def _call(self, node: ast.Call, loops: list[ast.For], conditional: bool) -> None:
        last = last_name(node)
        kind = last.removeprefix("suggest_")
        if last.startswith("suggest_") and kind in _ORDER:
            self._suggest(node, kind, loops, conditional)
            return
        handed = {ast.unparse(item) for item in [*node.args, *(k.value for k in node.keywords)]}
        inner = self._reading.source.functions.get(ast.unparse(node.func))
        if inner is None and isinstance(node.func, ast.Attribute):
            inner = next((item for each in self._reading.source.classes.values()
                          for item in each.body if isinstance(item, ast.FunctionDef)
                          and item.name == last), None)  # fmt: skip
        if inner is not None and {"trial", "self.trial"} & handed:
            self._read(inner)

    def _suggest(self, node: ast.Call, kind: str, loops: list[ast.For], conditional: bool) -> None:
        words = ("name", *_ORDER[kind])
        given: dict[str, ast.expr] = dict(zip(words, node.args, strict=False))
        given |= {str(item.arg): item.value for item in node.keywords}
        named = given.pop("name", None)
        params = {key: self._reading.source.value(value) for key, value in given.items()}
        hidden = [key for key, value in params.items() if value is None]
        shape = {"suggest": kind, "params": params, "hidden": hidden}
        for name in self._names(named, loops):
            if name in self.found and self.found[name] != shape:
                shape = {"suggest": kind, "params": params, "hidden": ["all of it, twice"]}
            self.found[name] = shape
            if conditional:
                self.conditional.append(name)

    def _names(self, named: ast.expr | None, loops: list[ast.For]) -> list[str]:
        """The names that a suggestion can have."""
        value = self._reading.source.value(named)
        if isinstance(value, str):
            return [value]
        made = _made_names(named, loops, self._bounds)
        if made is None:
            self.patterns.append(ast.unparse(named) if named is not None else "a name")
        return made or []

    def _bounds(self, node: ast.expr) -> int | None:
        """The largest that the end of a loop can be."""
        value = self._reading.source.value(node)
        if type(value) is int:
            return value
        for tree in self._reading.source.trees:
            for item in ast.walk(tree):
                if isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == ast.unparse(
                    node
                ):
                    call = item.value
                    if isinstance(call, ast.Call) and last_name(call) == "suggest_int":
                        high = call.args[2] if len(call.args) > 2 else keyword(call, "high")
                        found = self._reading.source.value(high)
                        return found if type(found) is int else None
        return None

    def kind(self, name: str) -> str | None:
        """What its values are for."""
        kind = self.found[name]["suggest"]
        return "int" if kind == "int" else None if kind == "categorical" else "float"

    def parameter(self, name: str, shape: dict[str, Any]) -> Parameter:
        """The parameter of a suggestion."""
        if shape["hidden"]:
            raise UserError(
                f"{self._reading.name}: {', '.join(shape['hidden'])} of '{name}' cannot be read "
                f"where it is suggested; give {ranges_wanted([name])}"
            )
        data = {name: {"hyper_opt": {"suggest": shape["suggest"], "params": shape["params"]}}}
        space, notes = read_space(data, self._reading.name, "hyper_opt")
        self._reading.notes.extend(notes)
        return space.parameters[name]

    def refuse_unknown(self, parameters: dict[str, Parameter]) -> None:
        """Refuse names that are made while the script runs, unless the user gives them."""
        for text in self.patterns:
            pattern = re.sub(r"\\\{.*?\\\}", ".*", re.escape(text.strip("f'\"")))
            if not any(re.fullmatch(pattern, name) for name in self._reading.wish.axes):
                raise UserError(
                    f"{self._reading.name} suggests names that are made while it runs, {text}; "
                    "give each with --set NAME=LOW:HIGH"
                )


def _made_names(named: ast.expr | None, loops: list[ast.For], bounds: Any) -> list[str] | None:
    """The names of an f-string whose only gap counts a loop."""
    if not isinstance(named, ast.JoinedStr):
        return None
    gaps = [part for part in named.values if isinstance(part, ast.FormattedValue)]
    if len(gaps) != 1 or gaps[0].format_spec is not None:
        return None
    for loop in loops:
        if ast.unparse(loop.target) != ast.unparse(gaps[0].value):
            continue
        if not isinstance(loop.iter, ast.Call) or ast.unparse(loop.iter.func) != "range":
            continue
        ends = [bounds(item) for item in loop.iter.args]
        if not 1 <= len(ends) <= 2 or None in ends:
            continue
        numbers = range(*ends)
        if len(numbers) <= _MOST_MADE:
            return [_filled(named, number) for number in numbers]
    return None


def _filled(named: ast.JoinedStr, number: int) -> str:
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else str(number) for part in named.values
    )


def _objectives(reading: Reading, tree: ast.Module, function: Any) -> tuple[str, str | None]:
    """The names of what the objective returns, and which way each is better."""
    modes: list[str] = []
    studies = calls(tree, "create_study")
    for call in studies:
        one, several = keyword(call, "direction"), keyword(call, "directions")
        parts = several.elts if isinstance(several, ast.List | ast.Tuple) else [one]
        modes = [mode for part in parts if (mode := _mode(part)) is not None]
        if len(modes) < len(parts) or (
            several is not None and not isinstance(several, ast.List | ast.Tuple)
        ):
            modes = []
            if one is None and several is None:
                modes = ["min"]
                reading.notes.append("mode min: the study has no direction, which means minimize")
    if not studies and reading.wish.mode is None:
        modes = ["min"]
        reading.notes.append("mode min: no study is made here, and Optuna's minimise unless told")
    names = returned(function)
    if len(modes) <= 1 and len(names) <= 1:
        return "value", modes[0] if modes else None
    count = max(len(modes), len(names))
    distinct = len(set(names)) == len(names) == count and all(names)
    metric = ",".join(names) if distinct else ",".join(f"value{i}" for i in range(count))
    return metric, ",".join(modes) if len(modes) == count else None


def _mode(node: ast.expr | None) -> str | None:
    text = text_of(node) or (ast.unparse(node).rpartition(".")[2] if node is not None else "")
    return {"minimize": "min", "maximize": "max"}.get(text.lower())
