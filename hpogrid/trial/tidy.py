"""What a trial may change of the process that it runs in, and how that is set back."""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

_SIGNALS = sorted(int(number) for number in signal.valid_signals())
_LIMITS = sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})
_handler = importlib.import_module("_signal").getsignal
"""What `signal.getsignal` calls: it makes no names of numbers, which takes most of the time."""


class Tidy:
    """The state of this process, as every trial is to find it.

    Args:
        argv: the command line that trials see.
    """

    def __init__(self, argv: list[str]) -> None:
        self._argv = argv
        self._variables = dict(_variables())
        self._environment = dict(os.environ)
        self._path = list(sys.path)
        self._streams = sys.stdin, sys.stdout, sys.stderr
        self._mask = os.umask(0o22)
        self._depth = sys.getrecursionlimit()
        self._standing = _standing()
        self._handlers = _handlers()
        self.restore()

    def restore(self) -> None:
        """Set back what a trial has changed."""
        sys.argv = list(self._argv)
        if _variables() != self._variables:
            os.environ.clear()
            os.environ.update(self._environment)
        if sys.path != self._path:
            sys.path[:] = self._path
        sys.stdin, sys.stdout, sys.stderr = self._streams
        os.umask(self._mask)
        sys.setrecursionlimit(self._depth)
        if _standing() != self._standing:
            self._restore_standing()
        if threading.current_thread() is threading.main_thread():  # no other one may set them
            self._restore_signals()

    @property
    def spoilt(self) -> bool:
        """Whether this process can no more be what it was: a limit cannot be raised again."""
        return _standing() != self._standing

    def _restore_standing(self) -> None:
        for number, limits in zip(_LIMITS, self._standing.limits):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(number, limits)
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, self._standing.cores)

    def _restore_signals(self) -> None:
        for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            signal.setitimer(timer, 0)
        now = _handlers()
        if now == self._handlers:
            return
        for number, before, after in zip(_SIGNALS, self._handlers, now):
            if before != after:
                with contextlib.suppress(OSError, TypeError, ValueError):
                    signal.signal(number, before)


class _Standing(NamedTuple):
    """What the system grants this process."""

    limits: tuple[tuple[int, int], ...]
    cores: frozenset[int]
    niceness: int


def _standing() -> _Standing:
    limits = tuple(map(resource.getrlimit, _LIMITS))
    return _Standing(limits, frozenset(os.sched_getaffinity(0)), os.nice(0))


def _variables() -> Mapping[Any, Any]:
    """The variables as the system has them: to decode them all takes long."""
    environment: Any = os.environ
    found: Mapping[Any, Any] = getattr(environment, "_data", environment)
    return found


def _handlers() -> list[Any]:
    return list(map(_handler, _SIGNALS))
