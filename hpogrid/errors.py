"""The error classes that users see as a sentence, and the exit codes of the program."""

from __future__ import annotations

import enum

from hpogrid.trial.errors import UserError, first_line


class Exit(enum.IntEnum):
    """Exit codes of ``hpogrid``."""

    OK = 0
    FAILURE = 1  # the command ran, and what it ran did not succeed
    USAGE = 2  # what was typed or stored is wrong: the message says what to type instead
    BUG = 70  # not the user's fault: a traceback was shown
    AGAIN = 99  # a job that is to be queued again; Grid Engine does so by itself
    INTERRUPTED = 130  # Ctrl-C


class RunError(UserError):
    """A run, not the request for it, went wrong (a site refused, a job failed)."""

    exit_code = Exit.FAILURE


__all__ = ["Exit", "RunError", "UserError", "first_line"]
