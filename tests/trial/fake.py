"""Running an objective without an engine."""

from __future__ import annotations

import contextlib
import sys
import textwrap
from pathlib import Path
from typing import Any

from hpogrid.trial import session
from hpogrid.trial.checkpoints import checkpoint_step, saving
from hpogrid.trial.objective import load_objective


class FakeSession:
    """Keeps the reports and the last verdict, and ends the trial after so many of them."""

    def __init__(self, folder: Path, last: int | None = None, restore: Path | None = None) -> None:
        self.config: dict[str, Any] = {}
        self.absent: tuple[str, ...] = ()
        self.trial_id = "0-1"
        self.seed = 1
        self.filled: Any = None
        self.folder = folder / "0-1"
        self.restore = restore
        self.reports: list[dict[str, Any]] = []
        self.verdict: str | None = None
        self._last = last
        self._step = checkpoint_step(restore) if restore else 0

    def report(self, metrics: dict[str, Any]) -> None:
        self._step += 1
        self.verdict = metrics.pop(session.VERDICT, None)
        if metrics:
            self.reports.append(metrics)
        if len(self.reports) == self._last:
            raise session.StopTrial

    def checkpoint(self) -> contextlib.AbstractContextManager[Path]:
        return saving(self.folder, self._step + 1)


def evaluate(
    folder: Path,
    script: str,
    config: dict[str, Any] | None = None,
    *,
    model: str = "train",
    param: dict[str, Any] | None = None,
    metrics: tuple[str, ...] = ("loss",),
    last: int | None = None,
    restore: Path | None = None,
    checkpoint_every: int = 1,
) -> FakeSession:
    """Write a script, load it, and evaluate it at ``config`` (by default x is 3)."""
    folder.mkdir(exist_ok=True)
    (folder / "train.py").write_text(textwrap.dedent(script))
    current = FakeSession(folder, last, restore)
    session.set_current(current)
    path = list(sys.path)
    try:
        objective = load_objective(
            folder, "train.py", model, param or {}, metrics, checkpoint_every
        )
        objective.run({"x": 3} if config is None else config, current)
    except session.StopTrial:
        pass
    finally:
        session.set_current(None)
        sys.modules.pop("train", None)
        sys.path[:] = path
    return current
