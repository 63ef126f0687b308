"""Training scripts that are written against Ray Tune, under any engine."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hpogrid.trial.session import Session, plain_metrics

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_V2_ENABLED": "0",  # with it, ray.train.report refuses to work in a trial
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",
    "TUNE_MAX_PENDING_TRIALS_PG": "1",  # the engine knows how many
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "60",
}
"""Environment variables that Ray reads when it is imported and started."""


def uses_ray(scripts: Path, script: str | None) -> bool:
    """Whether the training script imports Ray."""
    if script is None:
        return False
    try:
        text = (scripts / script).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return re.search(r"^\s*(import|from)\s+ray\b", text, re.MULTILINE) is not None


def load_ray(scripts: Path, script: str | None) -> None:
    """Load Ray Tune before a script that uses it, so that both find the same settings."""
    if uses_ray(scripts, script):
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        with contextlib.suppress(ImportError):  # the script's own import tells it better
            importlib.import_module("ray.tune")


@contextlib.contextmanager
def ray_session(session: Session) -> Iterator[None]:
    """Let what a script calls of Ray Tune (``tune.report``, ...) come to our session.

    Whatever the engine, and however the script imported the functions: they look here.
    """
    theirs: Any = sys.modules.get("ray.train._internal.session")
    if theirs is None:
        yield
        return
    before, theirs._session = theirs._session, _RaySession(session)
    try:
        yield
    finally:
        theirs._session = before


class _RaySession:
    """Our session as Ray Tune's functions expect theirs."""

    world_rank = None
    experiment_name = "hpogrid"
    trial_resources = None

    def __init__(self, session: Session) -> None:
        self._session = session
        self.trial_id = self.trial_name = session.trial_id
        self.trial_dir = str(session.folder)

    def report(self, metrics: dict[str, Any], checkpoint: Any = None, **ignored: Any) -> None:
        """Keep the checkpoint, then report."""
        if checkpoint is not None:
            with self._session.checkpoint() as folder:
                checkpoint.to_directory(str(folder))
        self._session.report(plain_metrics(metrics))

    @property
    def loaded_checkpoint(self) -> Any:
        """The checkpoint to go on from, as Ray's own class."""
        restore = self._session.restore
        if restore is None:
            return None
        return importlib.import_module("ray.tune").Checkpoint.from_directory(str(restore))
