"""Objectives written as classes: today's method names, and those of earlier releases."""

from __future__ import annotations

import contextlib
import copy
import inspect
import itertools
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hpogrid.trial.checkpoints import checkpoint_step
from hpogrid.trial.errors import UserError
from hpogrid.trial.optuna_trial import may_prune_itself
from hpogrid.trial.session import VERDICT, Session, plain_metrics

_RETURNED = ".returned"
"""The file in a checkpoint that keeps what ``save_checkpoint`` returned."""


class ClassObjective:
    """A class with ``setup``, ``step``, and optionally ``save_checkpoint``, ``load_checkpoint``.

    The older names ``_setup`` or ``initialize``, ``_train``, ``_save`` and ``_restore`` work as
    well, and so do classes that derive from Ray Tune's ``Trainable`` (they run without Ray).
    Every ``step`` is one report; the trial ends by a stop criterion, or by ``"done": True``.

    Args:
        kind: the class.
        param: settings that are added to every configuration.
        checkpoint_every: steps from one checkpoint to the next; 0: none is saved.
    """

    def __init__(self, kind: type, param: Mapping[str, Any], checkpoint_every: int = 1) -> None:
        if _method(kind, "step", "_train", "train") is None:
            raise UserError(f"class {kind.__name__} has no method 'step' (or '_train')")
        self._kind = kind
        self._param = dict(param)
        self._every = checkpoint_every
        self._ray = any(base.__module__.startswith("ray.") for base in kind.__mro__)

    def run(self, config: dict[str, Any], session: Session) -> None:
        """Set up an instance and step it until it is stopped."""
        instance = self._make({**copy.deepcopy(self._param), **config}, session)
        step = _method(instance, "step", "_train", "train")
        assert step is not None
        try:
            if session.restore is not None:
                _load(instance, session.restore)
            for done in itertools.count(checkpoint_step(session.restore) + 1):
                with may_prune_itself(session):
                    metrics = step()
                if self._ray:
                    instance._iteration += 1
                if self._every and done % self._every == 0:
                    _save(instance, session)
                plain = plain_metrics(metrics)
                ended = bool(metrics.get("done"))
                session.report({**plain, VERDICT: "ok"} if ended else plain)
                if ended:
                    return
        finally:
            cleanup = _method(instance, "cleanup", "_stop")
            if cleanup is not None:
                cleanup()

    def _make(self, config: dict[str, Any], session: Session) -> Any:
        setup_names = ("setup", "_setup", "initialize")
        if self._ray:
            instance: Any = object.__new__(self._kind)
            _prepare_ray(instance, session)
        elif _own_init(self._kind) and _takes_argument(_init(self._kind)):
            instance = self._kind(config)
        else:
            instance = self._kind()
        instance.config = config
        setup = _method(instance, *setup_names)
        if setup is not None:
            setup(config) if _takes_argument(setup) else setup()
        return instance


def _method(owner: Any, *names: str) -> Callable[..., Any] | None:
    """The first of the methods that the user wrote (Ray's own base class does not count)."""
    for name in names:
        found = getattr(owner, name, None)
        if callable(found) and not _from_ray(found):
            return found  # type: ignore[no-any-return]
    return None


def _from_ray(method: Any) -> bool:
    return str(getattr(method, "__module__", "")).startswith("ray.")


def _prepare_ray(instance: Any, session: Session) -> None:
    """What Ray's own constructor would set, without its log folder and its network."""
    trial = {"trial_id": session.trial_id, "trial_name": session.trial_id, "trial_resources": None}
    for name, value in {
        "_iteration": checkpoint_step(session.restore),
        "_time_total": 0.0,
        "_timesteps_total": None,
        "_episodes_total": None,
        "_time_since_restore": 0.0,
        "_timesteps_since_restore": 0,
        "_iterations_since_restore": 0,
        "_last_result": None,
        "_restored": session.restore is not None,
        "_storage": None,
        "_trial_info": SimpleNamespace(**trial),
        "_logdir": str(Path.cwd()),
        "_stdout_file": None,
        "_stderr_file": None,
    }.items():
        setattr(instance, name, value)


def _own_init(kind: type) -> bool:
    return _init(kind) is not object.__init__


def _init(kind: Any) -> Callable[..., Any]:
    return kind.__init__  # type: ignore[no-any-return]


def _takes_argument(function: Callable[..., Any]) -> bool:
    parameters = [
        item for name, item in inspect.signature(function).parameters.items() if name != "self"
    ]
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    return any(item.kind in positional for item in parameters)


def _save(instance: Any, session: Session) -> None:
    save = _method(instance, "save_checkpoint", "_save")
    if save is None:
        return
    with session.checkpoint() as folder:
        returned = save(str(folder))
        if isinstance(returned, (str, Path)) and Path(returned).is_relative_to(folder):
            returned = {"path": str(Path(returned).relative_to(folder))}
            (folder / _RETURNED).write_bytes(pickle.dumps(returned))
        elif isinstance(returned, dict):
            (folder / _RETURNED).write_bytes(pickle.dumps({"state": returned}))


def _load(instance: Any, folder: Path) -> None:
    load = _method(instance, "load_checkpoint", "_restore")
    if load is None:
        return
    returned: dict[str, Any] = {}
    with contextlib.suppress(FileNotFoundError):
        # The file was written by `_save` of the same user's script, beside the user's own state.
        returned = pickle.loads((folder / _RETURNED).read_bytes())  # noqa: S301
    if "state" in returned:
        load(returned["state"])
    else:
        load(str(folder / returned["path"]) if "path" in returned else str(folder))
