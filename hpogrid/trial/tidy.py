"""What a trial may change of the process that it runs in, and how that is set back."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import Any


class Tidy:
    """The state of this process, as every trial is to find it.

    Args:
        argv: the command line that trials see.
    """

    def __init__(self, argv: list[str]) -> None:
        self._argv = argv
        self._environment = dict(os.environ)
        self._path = list(sys.path)
        self._streams = sys.stdin, sys.stdout, sys.stderr
        self._mask = os.umask(0o22)
        os.umask(self._mask)
        self._handlers = self._signals()

    def restore(self) -> None:
        """Set back what a trial has changed."""
        sys.argv = list(self._argv)
        if dict(os.environ) != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        if sys.path != self._path:
            sys.path[:] = self._path
        sys.stdin, sys.stdout, sys.stderr = self._streams
        os.umask(self._mask)
        now = self._signals()
        if now and now != self._handlers:
            for number, handler in self._handlers.items():
                if now[number] != handler:
                    with contextlib.suppress(OSError, TypeError, ValueError):
                        signal.signal(number, handler)
        if threading.current_thread() is threading.main_thread():
            signal.setitimer(signal.ITIMER_REAL, 0)

    @staticmethod
    def _signals() -> dict[int, Any]:
        """The handlers of signals; another thread than the main one cannot set them."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.getsignal(number) for number in signal.valid_signals()}
