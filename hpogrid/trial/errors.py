"""The errors that users see as a sentence, and the words for them.

They are here, for nothing in this package may import what is outside of it (see `hpogrid.trial`).
"""

from __future__ import annotations

from collections.abc import Iterable

_MOST_LISTED = 20


class UserError(Exception):
    """Something a user can mend.

    The message is one sentence: what is wrong, where, and what to type instead.
    It is shown without a traceback (``hpogrid --debug`` shows it).
    """

    exit_code = 2  # Exit.USAGE

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback."""
        return [f"hpogrid: {self}"]


def first_line(error: BaseException) -> str:
    """``TypeError: the first line of its message``, for reasons kept in records."""
    try:
        text = printable(str(error)).strip().split("\n")[0]
    except BaseException as another:  # whatever the user's own class does there
        text = f"its message cannot be read ({type(another).__name__})"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def printable(text: str) -> str:
    """Text that can be encoded: a half of a surrogate pair, as in odd file names, is spelt out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that is not known: close matches first, else all, or the nearest."""
    import difflib

    names = list(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f"unknown {kind} '{name}': did you mean {' or '.join(close)}?"
    if len(names) > _MOST_LISTED:
        nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.0)
        others = len(names) - len(nearest)
        return f"unknown {kind} '{name}'; known: {', '.join(nearest)} and {others} others"
    return f"unknown {kind} '{name}'; known: {', '.join(names) if names else 'none yet'}"
