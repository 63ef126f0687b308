"""Reading and writing files: atomic, and with errors that a user can act on."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hpogrid.errors import RunError, UserError


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals about ``path`` into one sentence."""
    try:
        yield
    except PermissionError as error:
        raise UserError(
            f"cannot write {path}: permission denied; set HPOGRID_HOME to a folder of yours"
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunError(f"cannot write {path}: the disk is full; nothing was changed") from error
        if error.errno == errno.EROFS:
            raise UserError(
                f"cannot write {path}: read-only file system; set HPOGRID_HOME elsewhere"
            ) from error
        if error.errno in (errno.ENOTDIR, errno.ENAMETOOLONG):
            raise UserError(f"cannot write {path}: {error.strerror}") from error
        raise


def write_atomic(path: Path, data: bytes, *, exclusive: bool = False) -> None:
    """Write ``data`` to ``path`` so that a reader sees all of it or none.

    Args:
        path: where; missing parent folders are made.
        data: the whole content.
        exclusive: refuse an existing file (also one made by another process meanwhile).

    Raises:
        FileExistsError: ``exclusive``, and the file is there.
        UserError: the disk is full or the folder cannot be written.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(name, 0o666 & ~umask())
            if exclusive:
                os.link(name, path)
            else:
                os.replace(name, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)


def umask() -> int:
    """The permissions that new files of this process do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: one process at a time changes what is in it."""
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def parse_json(text: str, where: str) -> Any:
    """Parse JSON that a person wrote.

    Stricter than the standard library: a repeated key, ``NaN`` and ``Infinity`` are refused,
    and so is a number beyond the range of floats.

    Args:
        text: the JSON.
        where: what it is, as it reads in a message (``"search space 'lr'"``).

    Raises:
        UserError: malformed, with line, column and the text around the place.
    """
    import json

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise UserError(f"{where}: the key '{twice}' is there twice; keep one of them")
        return result

    def constant(name: str) -> None:
        raise UserError(f"{where}: {name} is not a JSON number; give a finite value")

    def number(digits: str) -> float:
        value = float(digits)
        if value in (float("inf"), float("-inf")):
            raise UserError(f"{where}: {digits} is too large for a number")
        return value

    try:
        return json.loads(
            text, object_pairs_hook=unique, parse_constant=constant, parse_float=number
        )
    except json.JSONDecodeError as error:
        around = text[max(0, error.pos - 20) : error.pos + 20].replace("\n", " ")
        raise UserError(
            f"{where}: malformed JSON at line {error.lineno} column {error.colno}: "
            f"{error.msg.lower()}, near '{around}'"
        ) from error
    except RecursionError as error:
        raise UserError(f"{where}: the JSON is nested too deeply") from error
    except ValueError as error:
        raise UserError(f"{where}: a whole number has too many digits; write it as text") from error


def parse_file(path: Path) -> Any:
    """Parse a JSON or YAML file, by its ending.

    Raises:
        UserError: missing, unreadable or malformed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"no such file: {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    if path.suffix.lower() in (".yaml", ".yml"):
        from hpogrid.yamlfile import parse_yaml

        return parse_yaml(text, str(path))
    return parse_json(text, str(path))
