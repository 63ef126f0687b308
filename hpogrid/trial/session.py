"""What a training script talks to while it runs as a trial."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from numbers import Rational
from pathlib import Path
from typing import Any, Protocol

from hpogrid.trial.checkpoints import checkpoint_step, saving
from hpogrid.trial.errors import printable
from hpogrid.trial.saved import checked, keep

REPORTS = "HPOGRID_REPORTS"
"""The environment variable with the file to which a script's reports go."""

CELL = "HPOGRID_CELL"
"""The environment variable that marks all processes of a trial's worker."""

BY_HAND = "by-hand"
"""The name of a trial that is none."""

PREP = "HPOGRID_PREP"
"""The environment variable with the folder in which everything is prepared."""
VERDICT = "hpogrid:verdict"
"""The name under which a report says what the objective itself makes of the trial, if it does:
``ok`` (it has returned), ``pruned`` or ``fail``. It is no metric, and its report is the last."""


class StopTrial(BaseException):
    """Raised inside `report` when the trial shall end now.

    It is no `Exception`, so that a script's own ``except Exception`` does not swallow it.

    Attributes:
        complete: it has done all that was asked of it: a stop criterion is reached.
    """

    def __init__(self, *, complete: bool = False) -> None:
        self.complete = complete


class Session(Protocol):
    """The trial that runs in this process."""

    config: dict[str, Any]
    trial_id: str
    seed: int
    filled: Any
    absent: tuple[str, ...]
    """The parameters of ``config`` that are null because their condition does not hold."""

    def report(self, metrics: dict[str, Any]) -> None:
        """Pass metrics on. Raises `StopTrial` when the trial shall end."""

    def checkpoint(self) -> contextlib.AbstractContextManager[Path]:
        """A folder to save into; it becomes the trial's newest checkpoint when left."""

    @property
    def folder(self) -> Path:
        """The trial's own."""

    @property
    def restore(self) -> Path | None:
        """The checkpoint to go on from, if there is one."""


_ELSEWHERE = (
    "hpogrid: a process that a trial has started does not report for it; "
    "give the values to the trial's own process, and report there\n"
)


class ScriptSession:
    """The session of a script that is a process of its own.

    Started as a trial it finds in the environment where to report; run by hand it prints.
    """

    def __init__(self) -> None:
        self._reports = os.environ.get(REPORTS)
        restore = os.environ.get("HPOGRID_RESTORE")
        self.config: dict[str, Any] = {}
        self.absent: tuple[str, ...] = ()
        self.trial_id = os.environ.get("HPOGRID_TRIAL", BY_HAND)
        self.seed = int(os.environ.get("HPOGRID_SEED", "0"))
        self.folder = Path(os.environ.get("HPOGRID_FOLDER", "."))
        self.restore = Path(restore) if restore else None
        self.filled = None
        self._step = checkpoint_step(self.restore) if self.restore else 0

    def report(self, metrics: dict[str, Any]) -> None:
        """Write a line for the worker that started the script, or print."""
        self._step += 1
        if self._reports is None:
            row = "  ".join(f"{name}={value}" for name, value in metrics.items())
            sys.stdout.write(f"[hpogrid] {row}\n")
            sys.stdout.flush()
            if self._step == 1 and CELL in os.environ:
                sys.stderr.write(_ELSEWHERE)
            return
        with Path(self._reports).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(metrics) + "\n")

    def checkpoint(self) -> contextlib.AbstractContextManager[Path]:
        """A folder for the state that belongs to the next report."""
        return saving(self.folder, self._step + 1)


_current: Session | None = None


def current() -> Session:
    """The session of this process; by hand, one that prints."""
    global _current
    if _current is None:
        _current = ScriptSession()
    return _current


def set_current(session: Session | None) -> None:
    """Say which trial runs in this process."""
    global _current
    _current = session


def report(metrics: dict[str, Any] | None = None, /, **named: Any) -> None:
    """Report metrics of the running trial: ``hpogrid.report(loss=0.1, epoch=3)``.

    Call it once at the end, or once an epoch; the names are yours, and one of them has to be
    the metric of the hpo config. Values are numbers (also NumPy's and PyTorch's scalars) or
    anything JSON can say. In a script that is run by hand it prints.

    Raises:
        StopTrial: the trial is to end here (a scheduler or a stop criterion says so). It passes
            through ``except Exception``; clean up in ``finally``.
        TypeError: no metrics, or a name that is not text.
    """
    current().report(plain_metrics({**(metrics or {}), **named}))


def checkpoint() -> contextlib.AbstractContextManager[Path]:
    """A folder to save the state of the running trial into.

    Use it before the report that it belongs to::

        with hpogrid.checkpoint() as folder:
            torch.save(model.state_dict(), folder / "model.pt")
        hpogrid.report(loss=loss)

    The folder becomes the newest checkpoint at once and whole when the block is left.
    """
    return current().checkpoint()


def save(path: str | os.PathLike[str], name: str | None = None) -> None:
    """Keep a file of the running trial, such as a picture: ``hpogrid.save("confusion.png")``.

    A copy is made at once and whole; the report's page shows pictures, and names other files. A
    later file of the same name takes the place of the earlier one. In a script that is run by hand
    nothing is kept.

    Args:
        path: the file, of at most 100 MB; a trial keeps up to 100.
        name: what it is called; its own name, if not given.

    Raises:
        ValueError: the name is none, or the file is too large, or one too many.
        OSError: the file cannot be read, or the disk is full.
    """
    source, trial = Path(path), current()
    kept = name or source.name
    if trial.trial_id == BY_HAND:
        source.stat()
        sys.stdout.write(f"[hpogrid] saved {checked(kept)}\n")
        return
    keep(source, trial.folder, kept)


def get_checkpoint() -> Path | None:
    """The folder to go on from (an interrupted attempt's, or another trial's), or None."""
    return current().restore


def plain_metrics(metrics: dict[str, Any]) -> dict[str, Any]:
    """Metrics as plain Python values: scalars of NumPy or PyTorch become numbers.

    Those inside of others get their path as name: ``{"eval": {"loss": 1}}`` is ``eval/loss``.

    Raises:
        TypeError: no metrics, or a name that is not text.
    """
    if not isinstance(metrics, dict) or not metrics:
        raise TypeError("report needs metrics: report(loss=0.1) or report({'loss': 0.1})")
    for name in metrics:
        if not isinstance(name, str):
            raise TypeError(f"the name of a metric must be text, not {name!r}")
    return dict(_flat(metrics))


def _flat(metrics: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in metrics.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{name}/")
        else:
            yield printable(f"{above}{name}"), plain(value)


def as_metrics(result: Any, names: Sequence[str]) -> dict[str, Any]:
    """What an objective returns, as metrics: a dict, or a value for each of the names.

    Raises:
        TypeError: another number of values.
    """
    if isinstance(result, dict):
        return plain_metrics(result)
    values = result if isinstance(result, (tuple, list)) else (result,)
    if len(values) != len(names):
        raise TypeError(f"returned {len(values)} values for the metrics {', '.join(names)}")
    return plain_metrics(dict(zip(names, values)))


def plain(value: Any) -> Any:
    """One value as JSON can say it; what it cannot is given as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):  # not str(value): an enumeration has its own
        return printable(str.__str__(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {printable(str(key)): plain(item) for key, item in value.items()}
    item = getattr(value, "item", None)
    if (callable(item) and getattr(value, "size", 1) in (1, None)) or hasattr(value, "numel"):
        with contextlib.suppress(ValueError, TypeError, RuntimeError):
            return plain(item())  # type: ignore[misc]
    if isinstance(value, (Decimal, Rational)):
        with contextlib.suppress(OverflowError, ValueError):
            return plain(float(value))
    return printable(str(value))
