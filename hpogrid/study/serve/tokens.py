"""Who may call the server: tokens with a name, a right, a task and an end.

The server keeps digests only: whoever reads its files cannot call it. The owner's own token,
with every right, is in a file that only the owner can read.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from hpogrid.config.home import check_name, home
from hpogrid.errors import UserError
from hpogrid.files import explained, locked, read_record, write_atomic, write_new

Right = Literal["read", "write"]

_BYTES = 32
_LEAST = 22
"""Characters of a token of 128 bits."""

_MOST_WRONG = 10
_MINUTE = 60.0
_MOST_ADDRESSES = 10_000
_TOKEN = re.compile(r"[\x21-\x7e]+")


class Token(msgspec.Struct, frozen=True):
    """A token as the server keeps it.

    Attributes:
        name: for its owner.
        digest: of the token itself.
        right: ``read`` to watch; ``write`` for jobs.
        task: the key of the only task that it is for; None: all tasks.
        created, ends: seconds since 1970; None: it does not end.
    """

    name: str
    digest: str
    right: Right
    task: str | None
    created: float
    ends: float | None

    @property
    def over(self) -> bool:
        """Whether its time is up."""
        return self.ends is not None and self.ends <= time.time()

    def may(self, right: Right, task: str | None) -> bool:
        """Whether it allows something with a task; None: with no task in particular."""
        return self.right in (right, "write") and self.task in (None, task or self.task)


def token_path() -> Path:
    """Where the owner's own token is: a file that only its owner can read."""
    return home() / "token"


def _folder() -> Path:
    return home() / "tokens"


def read_or_make_token() -> str:
    """The owner's own token; in place of an empty or cut file there is a new one.

    Raises:
        UserError: it cannot be read or written.
    """
    path = token_path()
    with locked(path.parent), explained(path):
        text = path.read_text(errors="replace") if path.exists() else ""
        token = text.strip(" \0\r\n")
        if len(token) < _LEAST or not _TOKEN.fullmatch(token):
            token = secrets.token_urlsafe(_BYTES)
            write_atomic(path, token.encode(), mode=0o600)
    return token


def make_token(name: str, right: Right, task: str | None, days: float | None) -> str:
    """Make a token, and keep its digest.

    Raises:
        UserError: the name is none, or taken.
    """
    check_name(name, "token")
    text, now = secrets.token_urlsafe(_BYTES), time.time()
    ends = None if days is None else now + days * 86400
    token = Token(name, _digest(text), right, task, now, ends)
    if not write_new(_path(name), msgspec.json.encode(token)):
        raise UserError(
            f"there is a token '{name}' already; end it with 'hpogrid serve tokens revoke {name}', "
            "or take another name"
        )
    return text


def list_tokens() -> list[Token]:
    """The tokens that were made and not revoked, by name; damaged records are none."""
    found = (read_record(path, Token) for path in sorted(_folder().glob("*.json")))
    return [token for token in found if token is not None]


def revoke(name: str) -> None:
    """End a token.

    Raises:
        UserError: there is none of this name.
    """
    path = _path(check_name(name, "token"))
    with explained(path):
        try:
            path.unlink()
        except FileNotFoundError as error:
            known = ", ".join(token.name for token in list_tokens()) or "none"
            raise UserError(f"there is no token '{name}'; there are: {known}") from error


def _path(name: str) -> Path:
    return _folder() / f"{name}.json"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Keyring:
    """The tokens as a server knows them.

    Attributes:
        looked: when it last looked which there are, by the steady clock.

    Raises:
        UserError: they cannot be read.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self.look()

    def look(self) -> None:
        """See which tokens there are now.

        Raises:
            UserError: they cannot be read; those of the last look stay.
        """
        self.looked = time.monotonic()
        owner = Token("owner", _digest(read_or_make_token()), "write", None, 0.0, None)
        self._tokens = {token.digest: token for token in (*list_tokens(), owner)}

    def find(self, text: str) -> Token | None:
        """The token that somebody brings, if it is one."""
        # A digest that is looked up tells an observer of the time nothing about the token.
        token = self._tokens.get(_digest(text)) if text else None
        return None if token is None or token.over else token


class WrongTokens:
    """Counts wrong tokens by where they come from; a right one is never turned away.

    Args:
        clock: a steady one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def too_many(self, address: str) -> bool:
        """Count one more, and say whether there were more than a few within a minute."""
        now = self._clock()
        count, since = self._counts.pop(address, (0, now))
        if now - since > _MINUTE:
            count, since = 0, now
        self._counts[address] = count + 1, since
        while len(self._counts) > _MOST_ADDRESSES:
            self._counts.popitem(last=False)
        return count >= _MOST_WRONG
