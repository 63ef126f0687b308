"""Loading what a user wrote, and running it as a trial whichever convention it follows."""

from __future__ import annotations

import copy
import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from hpogrid.trial.errors import UserError, unknown
from hpogrid.trial.hydra_app import HydraObjective, is_application
from hpogrid.trial.lifeline import GRACE
from hpogrid.trial.messages import Model
from hpogrid.trial.optuna_trial import OptunaTrial, may_prune_itself
from hpogrid.trial.session import VERDICT, Session, StopTrial, as_metrics, plain_metrics


class Objective(Protocol):
    """Something that can be evaluated at a configuration."""

    def run(self, config: dict[str, Any], session: Session) -> None:
        """Evaluate, passing every result to ``session.report``."""


def make_objective(
    folder: Path,
    model: Model,
    metrics: Sequence[str],
    grace: float = GRACE,
    resource: str = "",
) -> Objective:
    """What a model config describes: a function, a class, or a command.

    Args:
        folder: where the scripts are.
        model: names what is evaluated.
        metrics: of the objectives.
        grace: seconds that a program has to end once it is told to.
        resource: the metric that counts the steps of a trial.

    Raises:
        UserError: it cannot be loaded.
    """
    if model.model is None:
        from hpogrid.trial.command import CommandObjective

        return CommandObjective(folder, model, metrics, grace, resource)
    if model.template is None:
        return _load(folder, model, model.param, metrics)
    return TreeObjective(_load(folder, model, {}, metrics))


def _load(
    folder: Path, model: Model, param: Mapping[str, Any], metrics: Sequence[str]
) -> Objective:
    script, name = str(model.script), str(model.model)
    return load_objective(folder, script, name, param, metrics, model.checkpoint_every)


def load_objective(
    folder: Path,
    script: str,
    model: str,
    param: Mapping[str, Any],
    metrics: Sequence[str],
    checkpoint_every: int = 1,
) -> Objective:
    """Import ``script`` and take ``model`` from it.

    Args:
        folder: where the scripts are; it is put on the import path.
        script: file name relative to ``folder``.
        model: name of a function or class in it.
        param: settings that are added to every configuration.
        metrics: names for plain numbers that a function returns.
        checkpoint_every: steps of a class between its checkpoints (see `ClassObjective`).

    Raises:
        UserError: the script cannot be imported (with the traceback of the user's own lines),
            or there is no such function or class in it.
    """
    found: Any = getattr(import_script(folder, script), model, None)
    if inspect.isclass(found):
        from hpogrid.trial.trainable import ClassObjective

        return ClassObjective(found, param, checkpoint_every)
    if is_application(found):
        return HydraObjective(found, script, param, metrics)
    if callable(found):
        return FunctionObjective(found, param, metrics)
    raise UserError(f"{script}: {_no_model(folder, script, model, found)}")


def _no_model(folder: Path, script: str, model: str, found: Any) -> str:
    if found is not None:
        return f"'{model}' is {type(found).__name__}, not a function or class"
    module = sys.modules[_module_name(folder, script)]
    own = [
        name
        for name, item in vars(module).items()
        if callable(item) and getattr(item, "__module__", None) == module.__name__
    ]
    return unknown("function or class", model, own)


def import_script(folder: Path, script: str) -> ModuleType:
    """Import a user's script as a module; scripts beside it can be imported by it.

    Raises:
        UserError: it raised; the message ends with the traceback of the user's own lines.
    """
    path = folder / script
    for entry in (str(path.parent), str(folder)):
        if entry not in sys.path:
            sys.path.insert(0, entry)
    name = _module_name(folder, script)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UserError(f"{script}: not a Python file in {folder}")
    module = importlib.util.module_from_spec(spec)
    try:
        if "." in name:
            importlib.import_module(name.rpartition(".")[0])
        sys.modules[name] = module
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise UserError(f"{script} cannot be imported:\n{user_traceback(error, folder)}") from error
    return module


def _module_name(folder: Path, script: str) -> str:
    """The name to import a script by: with its package, if it is written as a part of one."""
    inner = Path(script).with_suffix("").parts
    in_package = len(inner) > 1 and all(part.isidentifier() for part in inner)
    if in_package and _RELATIVE.search(_source(folder / script)):
        return ".".join(inner)
    stem = Path(script).stem
    known = sys.modules.get(stem)
    mine = known is None or str(getattr(known, "__file__", None)).endswith(script)
    return stem if mine else f"_hpogrid_script_{stem}"


_RELATIVE = re.compile(rb"^[ \t]*from[ \t]*\.", re.MULTILINE)


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def user_traceback(error: BaseException, folder: Path) -> str:
    """A traceback from the first line of the user's own code on."""
    summary = traceback.TracebackException.from_exception(error)
    frames = list(summary.stack)
    own = [
        index for index, frame in enumerate(frames) if Path(frame.filename).is_relative_to(folder)
    ]
    summary.stack[:] = frames[own[0] :] if own else []
    summary.__context__ = None if own else summary.__context__
    return "".join(summary.format()).rstrip()


class TreeObjective:
    """A function or class whose config is a file's tree, with the values in their places."""

    def __init__(self, inner: Objective) -> None:
        self._inner = inner

    def run(self, config: dict[str, Any], session: Session) -> None:
        """Evaluate at the filled tree."""
        self._inner.run(session.filled, session)


class Reporter:
    """The second argument of functions ``(config, reporter)``: ``reporter(loss=0.1)``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, metrics: dict[str, Any] | None = None, /, **named: Any) -> None:
        """Report metrics."""
        self._session.report(plain_metrics({**(metrics or {}), **named}))


class FunctionObjective:
    """A function of the configuration.

    It may return a number, a tuple of numbers or a dict, yield dicts, call `hpogrid.report`, or
    take a reporter as its second argument.
    """

    def __init__(
        self, function: Callable[..., Any], param: Mapping[str, Any], metrics: Sequence[str]
    ) -> None:
        self._function = function
        self._param = param
        self._metrics = metrics
        self._names = _required_arguments(function)

    def run(self, config: dict[str, Any], session: Session) -> None:
        """Call the function and report what comes back."""
        values = {**copy.deepcopy(self._param), **config}
        if self._names.required == ["trial"]:
            self._call([OptunaTrial(values, session, self._metrics[0])], {}, session)
            return
        named: dict[str, Any] = {}
        arguments: list[Any] = [values]
        if "reporter" in self._names.every:
            named["reporter"] = Reporter(session)
        elif len(self._names.required) >= 2:
            arguments.append(Reporter(session))
        if "checkpoint_dir" in self._names.every:
            named["checkpoint_dir"] = str(session.restore) if session.restore else None
        self._call(arguments, named, session)

    def _call(self, arguments: list[Any], named: dict[str, Any], session: Session) -> None:
        pid = os.getpid()
        with may_prune_itself(session):
            result = self._function(*arguments, **named)
            if inspect.iscoroutine(result):
                import asyncio

                result = asyncio.run(result)
            if os.getpid() != pid:
                return  # a process that the function has forked: what it returns is nobody's
            if inspect.isgenerator(result):
                self._drain(result, session)
                return
        if result is not None:
            session.report({**as_metrics(result, self._metrics), VERDICT: "ok"})

    def _drain(self, results: Iterator[Any], session: Session) -> None:
        try:
            for result in results:
                session.report(as_metrics(result, self._metrics))
        finally:
            results.close()  # type: ignore[attr-defined]


class _Arguments(NamedTuple):
    """The names of a function's arguments: all, and those that have to be given a value."""

    required: list[str]
    every: list[str]


def _required_arguments(function: Callable[..., Any]) -> _Arguments:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return _Arguments(["config"], ["config"])
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [
        name
        for name, item in parameters.items()
        if item.kind in kinds and item.default is item.empty and name != "checkpoint_dir"
    ]
    return _Arguments(required, list(parameters))


__all__ = ["FunctionObjective", "Objective", "StopTrial", "import_script", "load_objective"]
