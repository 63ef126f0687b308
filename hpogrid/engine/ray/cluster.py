"""Starting Ray on this machine, or connecting to a cluster, and ending it again."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hpogrid.config.schemas import HpoConfig
from hpogrid.engine.ray.daemons import last_words, temporary_folder
from hpogrid.engine.resources import cpu_count, gpu_ids
from hpogrid.errors import RunError, first_line
from hpogrid.registry import require
from hpogrid.trial.raytune import SETTINGS

START_SECONDS = 120.0
"""How long Ray may take to start or to be reached."""

_PATIENCE = 20.0
"""Seconds that Ray may take to end."""

_OBJECT_STORE = 100 * 2**20
"""Bytes for Ray's object store, of which trials use nothing unless the script does."""


@contextlib.contextmanager
def settings() -> Iterator[None]:
    """Ray's settings in the environment, where the user has not given others."""
    ours = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


@contextlib.contextmanager
def running_ray(config: HpoConfig) -> Iterator[tuple[Any, Path]]:
    """Ray, connected to a cluster or to a Ray of our own, and a folder for temporary files.

    Raises:
        RunError: it does not start or cannot be reached in time; with Ray's own logs.
    """
    ray = require("ray", extra="ray", what="engine ray")
    require("ray.tune", extra="ray", what="engine ray")
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    with temporary_folder() as folder:
        connection = _Connection(ray, _options(config, folder))
        try:
            connection.open(config.ray_address, folder)
            _take_back_signals()
            yield ray, folder
        finally:
            connection.close()


def _options(config: HpoConfig, folder: Path) -> dict[str, Any]:
    """The arguments of ``ray.init``."""
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if config.ray_address is not None:
        return {**options, "address": config.ray_address}
    return {
        **options,
        "address": "local",
        "num_cpus": cpu_count(),
        "num_gpus": len(gpu_ids()) if config.gpus_per_trial else 0,
        "include_dashboard": False,
        "object_store_memory": _OBJECT_STORE,
        "_temp_dir": str(folder),
        "_node_ip_address": "127.0.0.1",
    }


def _take_back_signals() -> None:
    """Be the one who handles SIGTERM again.

    Ray's own handler for it, in C++, calls ours, and aborts the process three seconds later.
    """
    if threading.current_thread() is threading.main_thread():
        handler = signal.getsignal(signal.SIGTERM)
        if handler is not None:
            signal.signal(signal.SIGTERM, handler)


class _Connection(threading.Thread):
    """Starts and ends Ray in a thread, so that neither can hang for ever.

    The thread has to live as long as Ray: the kernel ends Ray's processes with it.
    """

    def __init__(self, ray: Any, options: dict[str, Any]) -> None:
        super().__init__(name="ray", daemon=True)
        self._ray = ray
        self._options = options
        self._error: Exception | None = None
        self._open = threading.Event()
        self._over = threading.Event()

    def run(self) -> None:
        """Start Ray, wait, end it."""
        try:
            self._ray.init(**self._options)
        except Exception as error:  # told by `open`, in the thread that waits for it
            self._error = error
        self._open.set()
        self._over.wait()
        self._ray.shutdown()

    def open(self, address: str | None, folder: Path) -> None:
        """Wait until Ray is there."""
        self.start()
        if self._open.wait(START_SECONDS) and self._error is None:
            return
        why = first_line(self._error) if self._error else f"no answer in {START_SECONDS:g} s"
        if address is not None:
            raise RunError(f"the Ray cluster at {address} cannot be reached: {why}")
        raise RunError(f"Ray does not start: {why}\n{last_words(folder)}")

    def close(self) -> None:
        """End Ray, or leave it alone where it hangs."""
        self._over.set()
        self.join(_PATIENCE)
