"""Reading and writing files: atomic, and with errors that a user can act on."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from hpogrid.errors import RunError, UserError

_ADVICE = {
    errno.EACCES: "; choose another folder (HPOGRID_HOME is that of configs and tasks)",
    errno.EROFS: "; choose another folder (HPOGRID_HOME is that of configs and tasks)",
    errno.ENOSPC: "; nothing was changed, make room and try again",
    errno.EDQUOT: "; nothing was changed, make room and try again",
}


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals about ``path`` into one sentence.

    Raises:
        RunError: the disk is full.
        UserError: any other refusal, except that the file exists.
    """
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        kind = RunError if error.errno in (errno.ENOSPC, errno.EDQUOT) else UserError
        problem = (error.strerror or str(error)).lower()
        advice = _ADVICE.get(error.errno or 0, "")
        raise kind(f"cannot write {path}: {problem}{advice}") from error


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless it is there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from error


@contextlib.contextmanager
def writing(path: Path, *, exclusive: bool = False) -> Iterator[BinaryIO]:
    """Open a draft that becomes ``path`` when the block is left without an error.

    So a reader sees all of the new content or none of it.

    Args:
        path: where; missing parent folders are made.
        exclusive: refuse an existing file (also one made by another process meanwhile).

    Raises:
        FileExistsError: ``exclusive``, and the file is there.
        UserError: the disk is full or the folder cannot be written.
    """
    with explained(path):
        make_folder(path.parent)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                yield stream
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


def write_atomic(path: Path, data: bytes, *, exclusive: bool = False) -> None:
    """Write ``data`` to ``path``, all of it or nothing (see `writing`)."""
    with writing(path, exclusive=exclusive) as stream:
        stream.write(data)


def copy_files(files: Mapping[str, Path], target: Path) -> None:
    """Copy files, by their paths relative to the folder ``target``, with modes and times.

    Raises:
        UserError: a file cannot be read, or the copy cannot be written.
    """
    with explained(target):
        make_folder(target)
        for relative, source in files.items():
            copy = target / relative
            make_folder(copy.parent)
            try:
                shutil.copy2(source, copy)
            except (PermissionError, FileNotFoundError) as error:
                if error.filename != str(source):
                    raise
                raise UserError(f"cannot read {source}: {error.strerror}") from error


def files_below(folder: Path) -> dict[str, Path]:
    """All files of a folder and its folders, by their relative paths, sorted."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in sorted(found)}


def umask() -> int:
    """The permissions that new files of this process do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: one process at a time changes what is in it."""
    handle = _lock(folder)
    try:
        yield
    finally:
        os.close(handle)


def _lock(folder: Path) -> int:
    """The lock that is in the folder once it is held: whoever had it may have removed both."""
    path = folder / ".lock"
    while True:
        with explained(folder):
            make_folder(folder)
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            except FileNotFoundError:
                continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def parse_json(text: str, where: str) -> Any:
    """Parse JSON that a person wrote.

    Stricter than the standard library: a repeated key, ``NaN`` and ``Infinity`` are refused,
    and so is a number beyond the range of floats. A backslash at the end of a line is taken for
    the shell's way to go on in the next.

    Args:
        text: the JSON.
        where: what it is, as it reads in a message (``"search space 'lr'"``).

    Raises:
        UserError: malformed, with line, column and the text around the place.
    """
    import json

    text = text.replace("\\\n", " \n")

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


def read_text(path: Path) -> str:
    """The text of a file that a person wrote.

    Raises:
        UserError: missing, unreadable or no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"no such file: {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error


def parse_file(path: Path) -> Any:
    """Parse a JSON or YAML file, by its ending.

    Raises:
        UserError: missing, unreadable or malformed.
    """
    text = read_text(path)
    if path.suffix.lower() in (".yaml", ".yml"):
        from hpogrid.yamlfile import parse_yaml

        return parse_yaml(text, str(path))
    return parse_json(text, str(path))
