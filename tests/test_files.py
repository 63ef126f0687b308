"""Files: all or nothing, and sentences instead of tracebacks."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from hpogrid.errors import RunError, UserError
from hpogrid.files import (
    Damaged,
    copy_files,
    files_below,
    load_record,
    locked,
    parse_file,
    parse_json,
    read_record,
    scratch,
    write_atomic,
    write_new,
)
from tests.damage import DAMAGE, damage
from tests.projects import wait_for
from tests.rights import as_nobody


def test_a_file_is_written_with_the_folders_above_it(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "b" / "c.json", b"1")
    assert (tmp_path / "a" / "b" / "c.json").read_bytes() == b"1"


def test_an_existing_file_is_replaced_or_refused(tmp_path: Path) -> None:
    write_atomic(tmp_path / "c", b"1")
    write_atomic(tmp_path / "c", b"2")
    with pytest.raises(FileExistsError):
        write_atomic(tmp_path / "c", b"3", exclusive=True)
    assert (tmp_path / "c").read_bytes() == b"2"
    assert os.listdir(tmp_path) == ["c"]


def test_the_umask_rules_who_may_read(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "c", b"1")
    finally:
        os.umask(before)
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    write_atomic(tmp_path / "c", b"old")

    def full(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"cannot write .*nothing was changed"):
        write_atomic(tmp_path / "c", b"new")
    assert (tmp_path / "c").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["c"]


def test_a_limit_on_the_size_of_files_is_a_sentence(tmp_path: Path) -> None:
    code = f"""
import resource
from pathlib import Path
from hpogrid.errors import UserError
from hpogrid.files import write_atomic
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomic(Path({str(tmp_path)!r}) / "c", b"x" * 5000)
except UserError as error:
    print(error)
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout == f"cannot write {tmp_path}/c: file too large\n", answer
    assert os.listdir(tmp_path) == []


def test_who_is_killed_while_writing_leaves_the_old_content(tmp_path: Path) -> None:
    write_atomic(tmp_path / "c", b"old")
    code = f"""
import os, time
from pathlib import Path
from hpogrid.files import writing
with writing(Path({str(tmp_path)!r}) / "c") as stream:
    stream.write(b"half of it")
    stream.flush()
    time.sleep(60)
"""
    writer = subprocess.Popen([sys.executable, "-c", code])
    wait_for(lambda: len(os.listdir(tmp_path)) == 2)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert (tmp_path / "c").read_bytes() == b"old"
    write_atomic(tmp_path / "c", b"new")
    assert (tmp_path / "c").read_bytes() == b"new"


def test_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "c", tmp_path / "file" / "d" / "c"):
        with pytest.raises(UserError, match=f"cannot write {path}: not a directory"):
            write_atomic(path, b"1", exclusive=True)


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    with pytest.raises(UserError, match="is a directory"):
        write_atomic(tmp_path / "c", b"1")


def test_no_permission(open_folder: Path) -> None:
    with as_nobody():
        write_atomic(open_folder / "c", b"1")
    open_folder.chmod(0o555)
    with as_nobody(), pytest.raises(UserError, match=r"permission denied; choose another folder"):
        write_atomic(open_folder / "c", b"1")


def test_one_process_at_a_time_holds_a_folders_lock(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from hpogrid.files import locked
for _ in range(50):
    with locked(Path({str(tmp_path)!r})):
        path = Path({str(tmp_path)!r}) / "count"
        number = int(path.read_text()) if path.exists() else 0
        path.write_text("")  # what is read in between is wrong
        path.write_text(str(number + 1))
"""
    workers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "150"
    with locked(tmp_path):
        pass


def test_files_are_copied_with_folders_modes_and_through_links(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "run.sh").write_text("run")
    (source / "deep" / "run.sh").chmod(0o755)
    (source / "link").symlink_to(source / "deep" / "run.sh")
    copy_files(files_below(source), tmp_path / "copy")
    assert list(files_below(tmp_path / "copy")) == ["deep/run.sh", "link"]
    assert (tmp_path / "copy" / "deep" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert not (tmp_path / "copy" / "link").is_symlink()


def test_a_file_that_cannot_be_read_is_named(open_folder: Path) -> None:
    secret = open_folder / "secret"
    secret.write_text("")
    secret.chmod(0o000)
    with as_nobody(), pytest.raises(UserError, match=f"cannot read {secret}: Permission denied"):
        copy_files({"a": secret}, open_folder / "copy")
    with pytest.raises(UserError, match=r"cannot read .*gone: No such file"):
        copy_files({"a": open_folder / "gone"}, open_folder / "copy")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": 1,\n "b": }', r"it: malformed JSON at line 2 column 7: .*near '.*\"b\": }'"),
        ("", "it: malformed JSON at line 1 column 1: expecting value"),
        ("{'a': 1}", "malformed JSON at line 1 column 2: expecting property name"),
        ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": -Infinity}', "-Infinity is not a JSON number"),
        ('{"a": 1e999}', "1e999 is too large"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 10_000, "too many digits"),
    ],
)
def test_json_that_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        parse_json(text, "it")


def test_files_that_cannot_be_parsed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file: .*gone.json"):
        parse_file(tmp_path / "gone.json")
    with pytest.raises(UserError, match="cannot read"):
        parse_file(tmp_path)
    (tmp_path / "a.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(UserError, match="cannot read"):
        parse_file(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(UserError, match=r"b.json: malformed JSON at line 1 column 2"):
        parse_file(tmp_path / "b.json")


def test_the_ending_tells_how_a_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"lr": 1e-3}')
    (tmp_path / "a.YML").write_text("lr: 1e-3")
    assert parse_file(tmp_path / "a.json") == parse_file(tmp_path / "a.YML") == {"lr": 0.001}


class Record(msgspec.Struct):
    """Something that hpogrid keeps."""

    name: str
    count: int = 0


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_record_is_none_or_a_sentence(tmp_path: Path, how: str) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(msgspec.json.encode(Record("x" * 50)))
    assert read_record(path, Record) == Record("x" * 50)
    damage(path, how)
    assert read_record(path, Record) is None
    with pytest.raises(Damaged, match=f"{path}"):
        load_record(path, Record)


def test_a_record_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "gone", tmp_path / "file" / "gone"):
        assert read_record(path, Record) is None
        with pytest.raises(FileNotFoundError):
            load_record(path, Record)


def test_one_of_many_makes_a_new_file(tmp_path: Path) -> None:
    assert [write_new(tmp_path / "x", b"%d" % number) for number in range(3)] == [
        True,
        False,
        False,
    ]
    assert (tmp_path / "x").read_bytes() == b"0"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_scratch_folder_goes_with_its_process(tmp_path: Path, number: signal.Signals) -> None:
    code = f"""
import signal, time
from pathlib import Path
from hpogrid.files import scratch
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
with scratch(Path({str(tmp_path)!r})) as folder:
    (folder / "large").write_bytes(bytes(1000))
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    wait_for(lambda: list(tmp_path.glob("*/large")))
    with scratch(tmp_path):  # one that is held stays
        assert len(os.listdir(tmp_path)) == 2
    process.send_signal(number)
    process.wait()
    if number == signal.SIGKILL:  # the next one clears it away
        with scratch(tmp_path):
            pass
    assert os.listdir(tmp_path) == []


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(UserError, match="/dev/zero is larger than 64 MiB"):
        parse_file(Path("/dev/zero"))


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
def test_a_disk_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    def refuse(*given: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    for _ in range(2):
        with locked(tmp_path):
            (tmp_path / "x").touch()
    (said,) = caplog.messages
    assert f"the disk of {tmp_path} has no locks ({os.strerror(number).lower()})" in said


def test_a_disk_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(UserError, match="its disk has no hard links"):
        write_new(tmp_path / "x", b"1")
    assert list(tmp_path.iterdir()) == []
