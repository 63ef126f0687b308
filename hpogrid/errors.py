"""The one error class that users see as a sentence, and the exit codes of the program."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """Exit codes of ``hpogrid``."""

    OK = 0
    FAILURE = 1  # the command ran, and what it ran did not succeed
    USAGE = 2  # what was typed or stored is wrong: the message says what to type instead
    BUG = 70  # not the user's fault: a traceback was shown
    INTERRUPTED = 130  # Ctrl-C


class UserError(Exception):
    """Something a user can mend.

    The message is one sentence: what is wrong, where, and what to type instead.
    It is shown without a traceback (``hpogrid --debug`` shows it).
    """

    exit_code = Exit.USAGE


class RunError(UserError):
    """A run, not the request for it, went wrong (a site refused, a job failed)."""

    exit_code = Exit.FAILURE


def first_line(error: BaseException) -> str:
    """``TypeError: the first line of its message``, for reasons kept in records."""
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
