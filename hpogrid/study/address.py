"""Addresses of servers and databases: no secret is kept in them, and none is shown."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
from collections.abc import Iterator
from urllib.parse import SplitResult, quote, unquote, urlsplit

from hpogrid.errors import UserError, first_line

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_USER = re.compile(r"//.*@", re.DOTALL)
"""What stands before the host: up to the last @, as passwords may hold one."""
_PAIR = re.compile(r"([\w.-]+)=([^&;#]*)")
_SECRET = re.compile(
    r"pass(word|wd|phrase)?$|pwd$|token$|secret$|sig(nature)?$|credentials?$|^auth$"
    r"|(^|api|access|account|private)[-_.]?key$",
    re.IGNORECASE,
)
"""The names of parameters that hold secrets."""
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_BEARER = re.compile(r"\b(Bearer|Basic) +[\w+/=.~-]{8,}")
_NAMED = re.compile(
    r"(?<![\w.-])([\w.-]+)([\"']?[ \t]*[=:][ \t]*)(?!//)(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&]+)"
)
"""Words with what is said of them; a long word is looked at from its beginning alone."""

_COUNTED = re.compile(r"([a-z]*[-_.])*(pass|token|key): *[\d.]+", re.IGNORECASE)
"""What a script may well count, such as its tokens."""

_FOLDERS = ("PWD", "OLDPWD")
_LEAST = 8
"""Letters of a secret; shorter words may be anything."""


def check_no_secret(what: str, url: str, instead: str) -> None:
    """Refuse an address that holds a secret: who has a copy of the config would have it.

    Args:
        what: the option that it was given to.
        url: the address.
        instead: what to do.

    Raises:
        UserError: it holds one.
    """
    if any(secret and not _VARIABLE.fullmatch(secret) for secret in _secrets(url)):
        raise UserError(
            f"{what}: keep the password out of the config, which is copied with every job: "
            f"{instead}"
        )


def check_private(what: str, url: str) -> None:
    """Refuse an address at which a token would cross the network as it is.

    Raises:
        UserError: it is one.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and not _here(parts.hostname or ""):
        raise UserError(
            f"{what} {without_secret(url)}: beyond this machine the token needs TLS: write "
            "https://HOST:PORT, or ssh://USER@HOST"
        )


def _here(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _secrets(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    name, colon, password = user.partition(":")
    if colon:
        yield password
    elif parts.scheme in ("http", "https"):
        yield name  # a token: nobody logs in there with a name alone
    rest = url.partition("//")[2].removeprefix(parts.netloc)
    if not user and ":" in parts.netloc and "@" in rest:
        yield rest  # of a password with a / in it
    yield from (value for name, value in _pairs(parts) if _SECRET.search(name))


def _pairs(parts: SplitResult) -> list[tuple[str, str]]:
    return _PAIR.findall(unquote(f"{parts.query}#{parts.fragment}"))


def filled(what: str, url: str) -> str:
    """The address with ``${NAME}`` taken from the environment.

    A user, a password and the value of a parameter are written as an address writes them; a
    variable anywhere else is a part of the address.

    Raises:
        UserError: a variable is not set.
    """
    parts = urlsplit(url)
    start = url.find("//") + 2 if "//" in url else 0
    host = start + len(parts.netloc.rpartition("@")[0])
    end = url.find("?", host) if parts.query else len(url)

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise UserError(f"{what}: the environment variable {name} is not set")
        text = os.environ[name]
        literal = host <= match.start() < end or match.start() < start
        return text if literal else quote(text, safe="")

    return _VARIABLE.sub(value, url)


def without_secret(url: str) -> str:
    """An address as it can be shown: without user and password, and without tokens."""

    def hidden(match: re.Match[str]) -> str:
        return f"{match.group(1)}=***" if _SECRET.search(match.group(1)) else match.group()

    return _PAIR.sub(hidden, _USER.sub("//", url))


def masked(text: str) -> str:
    """Text of others as it can be shown: without the secrets of addresses, words that are named
    as such (``token=...``, ``password: ...``), and variables of this environment.
    """
    for name, value in os.environ.items():
        if _SECRET.search(name) and name not in _FOLDERS and len(value) >= _LEAST:
            text = text.replace(value, "***")
    text = _ADDRESS.sub(lambda match: without_secret(match[0]), _BEARER.sub(r"\1 ***", text))

    def hidden(match: re.Match[str]) -> str:
        secret = _SECRET.search(match[1]) and not _COUNTED.fullmatch(match[0])
        return f"{match[1]}{match[2]}***" if secret else match[0]

    return _NAMED.sub(hidden, text)


def why(url: str, error: BaseException) -> str:
    """What a library said of an address, without the secrets that it may have repeated."""
    text = first_line(error).replace(url, without_secret(url))
    for name in _VARIABLE.findall(url):
        if secret := os.environ.get(name):
            text = text.replace(quote(secret, safe=""), "***").replace(secret, "***")
    return text
