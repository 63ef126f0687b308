"""Starting Ray on this machine, or connecting to a cluster, and ending it again."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hpogrid.config.schemas import HpoConfig
from hpogrid.engine.nodes import job_nodes, own_address
from hpogrid.engine.ray.daemons import last_words, temporary_folder
from hpogrid.engine.ray.join import OBJECT_STORE, START_SECONDS, own_token
from hpogrid.engine.ray.nodes import joined
from hpogrid.engine.resources import cpu_count, gpu_ids
from hpogrid.errors import RunError, first_line
from hpogrid.registry import require
from hpogrid.text import tell
from hpogrid.trial.raytune import SETTINGS

_PATIENCE = 20.0
"""Seconds that Ray may take to end."""

_ANSWER_SECONDS = 6.0
"""How long a cluster may take to be connected to, and again to say something."""

_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_FRAME, _SETTINGS_FRAME = 9, 4
"""What begins a connection of HTTP/2, which Ray speaks, and by what its answer is known."""

_LOOPBACK = "127.0.0.2"
"""Ray takes 127.0.0.1 for the address of the host in the network."""

_OPEN = (
    "this version of Ray knows no tokens: whoever reaches its ports can run code as you while the "
    "job runs; update Ray, or use engine process"
)


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
def running_ray(config: HpoConfig, gpus: bool) -> Iterator[tuple[Any, Path]]:
    """Ray, connected to a cluster or to a Ray of our own, and a folder for temporary files.

    Args:
        config: says which cluster.
        gpus: whether trials need the GPUs of this machine.

    Raises:
        RunError: it does not start or cannot be reached in time; with Ray's own logs.
    """
    ray = require("ray", extra="ray", what="engine ray")
    require("ray.tune", extra="ray", what="engine ray")
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    address = config.ray_address
    others = job_nodes()[1:] if address is None else []
    with temporary_folder() as folder, contextlib.ExitStack() as stack:
        if address is None:
            stack.enter_context(own_token(folder, secrets.token_hex(32)))
        elif (why := why_no_answer(_whole_address(address))) is not None:
            raise RunError(f"the Ray cluster at {address} cannot be reached: {why}")
        if not _reads_token() and address is None:
            tell(_OPEN)
        own = own_address(others[0]) if others else _LOOPBACK
        connection = _Connection(ray, _options(config, folder, gpus, own))
        try:
            connection.open(address, folder)
            _take_back_signals()
            with joined(ray, others, folder, gpus=gpus):
                yield ray, folder
        finally:
            connection.close()


def _options(config: HpoConfig, folder: Path, gpus: bool, own: str) -> dict[str, Any]:
    """The arguments of ``ray.init``; ``own`` is the address of this machine for its other nodes."""
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if config.ray_address is not None:
        return {**options, "address": config.ray_address}
    return {
        **options,
        "address": "local",
        "num_cpus": cpu_count(),
        "num_gpus": len(gpu_ids()) if gpus else 0,
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE,
        "_temp_dir": str(folder / "r"),
        "_node_ip_address": own,
    }


def _reads_token() -> bool:
    """Have Ray look for a token anew, as an earlier run had another one; whether it knows any."""
    core = importlib.import_module("ray._raylet")
    if not hasattr(core, "AuthenticationTokenLoader"):
        return False
    core.Config.initialize("")
    core.AuthenticationTokenLoader.instance().reset_cache()
    return True


def _whole_address(address: str) -> str:
    """The HOST:PORT that an address of Ray's stands for, such as ``auto``."""
    with contextlib.suppress(Exception):  # Ray's own start tells better what is wrong with it
        services = importlib.import_module("ray._private.services")
        return services.canonicalize_bootstrap_address(address, None) or address
    return address


def why_no_answer(address: str) -> str | None:
    """Why no Ray can be behind HOST:PORT, found out within seconds; None: there may be one."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host or os.environ.get("RAY_USE_TLS"):
        return None
    place = host.strip("[]"), int(port)
    try:
        with socket.create_connection(place, _ANSWER_SECONDS) as stream:
            stream.settimeout(_ANSWER_SECONDS)
            stream.sendall(_HELLO)
            answer = stream.recv(_FRAME, socket.MSG_WAITALL)
    except TimeoutError:
        return f"no answer in {_ANSWER_SECONDS:g} s"
    except (OSError, OverflowError) as error:
        return first_line(error)
    if len(answer) < _FRAME or answer[3] != _SETTINGS_FRAME:
        return "what listens there is no Ray"
    return None


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
