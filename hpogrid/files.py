"""Reading and writing files: atomic, and with errors that a user can act on."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import logging
import os
import shutil
import signal
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, NoReturn, TypeVar

import msgspec

from hpogrid.errors import RunError, UserError
from hpogrid.signals import handled
from hpogrid.space.value import Values, plain

T = TypeVar("T")
_LARGEST_TEXT = 64 * 2**20
_SCRATCH = ".new-"

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE)
"""What a disk does by itself: no fault of the request."""

_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP)
"""How file systems without hard links refuse one."""

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
        RunError: the disk is full or out of order.
        UserError: any other refusal, except that the file exists.
    """
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        kind = RunError if error.errno in _DISK else UserError
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
def writing(path: Path, *, exclusive: bool = False, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Open a draft that becomes ``path`` when the block is left without an error.

    So a reader sees all of the new content or none of it, also after a power cut.

    Args:
        path: where; missing parent folders are made.
        exclusive: refuse an existing file (also one made by another process meanwhile).
        mode: permissions, less those that the user's umask takes away.

    Raises:
        FileExistsError: ``exclusive``, and the file is there.
        UserError: the disk is full or the folder cannot be written.
    """
    with explained(path):
        make_folder(path.parent)
        draft = path.parent / f".{uuid.uuid4().hex}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(draft, flags, mode), "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            if exclusive:
                _link(draft, path)
            else:
                draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def _link(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        raise UserError(
            f"cannot write {path}: its disk has no hard links, by which hpogrid makes files that "
            "nobody else makes; choose another folder (HPOGRID_HOME is that of configs and tasks)"
        ) from error


def write_atomic(path: Path, data: bytes, *, exclusive: bool = False, mode: int = 0o666) -> None:
    """Write ``data`` to ``path``, all of it or nothing (see `writing`)."""
    with writing(path, exclusive=exclusive, mode=mode) as stream:
        stream.write(data)


def write_new(path: Path, data: bytes) -> bool:
    """Make a file, complete and exclusively in one step; False: it is there already.

    Raises:
        UserError: it cannot be written.
    """
    try:
        write_atomic(path, data, exclusive=True)
    except FileExistsError:
        return False
    return True


class Damaged(UserError):
    """A record that is there and cannot be what was written; the message says which and why."""


def decode(data: bytes, kind: type[T], where: object) -> T:
    """The record that ``data`` is.

    Raises:
        Damaged: it is empty, cut, nested a thousand deep, or of another type.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise Damaged(f"{where} is damaged: {plain(error)}") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Damaged(f"{where} is damaged: {error}") from error


def load_record(path: Path, kind: type[T]) -> T:
    """A record that hpogrid itself wrote.

    Raises:
        FileNotFoundError: there is none.
        Damaged: it cannot be read, or is no such record.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
    except OSError as error:
        raise Damaged(f"cannot read {path}: {error.strerror}") from error
    return decode(data, kind, path)


def read_record(path: Path, kind: type[T]) -> T | None:
    """A record, or None where there is none that can be read."""
    try:
        return load_record(path, kind)
    except (FileNotFoundError, Damaged):
        return None


@contextlib.contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A new folder in ``parent``, beside what it may be renamed to; else it is deleted.

    That is so too when a signal ends the process. What a ``kill -9`` has left of earlier ones,
    which nobody holds locked any more, is deleted first.
    """
    with explained(parent):
        make_folder(parent)
        for left in parent.glob(f"{_SCRATCH}*"):
            _delete_unheld(left)
        folder = parent / f"{_SCRATCH}{uuid.uuid4().hex}"
        folder.mkdir()
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # no locks here: then nobody deletes it either
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        with _ended_in_order():
            yield folder
    finally:
        os.close(handle)
        shutil.rmtree(folder, ignore_errors=True)


def _delete_unheld(folder: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)


def _ended_in_order() -> contextlib.AbstractContextManager[None]:
    """Let the signals that end a process be exceptions, where Python allows that."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    return handled(end, signal.SIGTERM, signal.SIGHUP)


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
    """All files of a folder and its folders, by their relative paths, sorted.

    What is taken away meanwhile is left out.
    """
    start = len(os.path.join(folder, ""))
    found = (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)
    names = sorted((path[start:] for path in found), key=lambda name: name.split("/"))
    paths = {name: folder / name for name in names}
    return {name: path for name, path in paths.items() if path.is_file()}


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, if it can have one: only one process changes what is in it."""
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
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
            except OSError as error:  # as on Lustre, unless it was mounted to have them
                _note_no_locks(folder, error.strerror)
                return handle
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


@functools.cache
def _note_no_locks(folder: Path, why: str) -> None:
    """Say it once for each folder."""
    logging.getLogger(__name__).warning(
        "the disk of %s has no locks (%s): let no two commands change the same there at once",
        folder, why.lower(),
    )  # fmt: skip


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

    def unique(pairs: list[tuple[str, Any]]) -> Values:
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
        UserError: missing, unreadable, no UTF-8, or without an end.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST_TEXT + 1)
        if len(data) > _LARGEST_TEXT:
            raise UserError(f"{path} is larger than {_LARGEST_TEXT >> 20} MiB; name another file")
        text = data.decode("utf-8-sig")  # Notepad and PowerShell begin files with a mark
        return text.replace("\r\n", "\n").replace("\r", "\n")
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
