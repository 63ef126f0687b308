"""Which files of a folder become part of a project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hpogrid.config import scripts
from hpogrid.config.scripts import script_files, script_notes
from hpogrid.errors import UserError
from tests.rights import as_nobody


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return folder


def test_a_single_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    make(tmp_path, ".train.py", "other.py")
    assert script_files(tmp_path / ".train.py") == {".train.py": tmp_path / ".train.py"}
    assert script_notes(tmp_path / ".train.py") == []


def test_of_a_folder_caches_environments_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    taken = ["train.py", "lib/net.py", "data/a.csv"]
    left = [".git/config", ".env", "lib/__pycache__/net.pyc", "old.pyc", "venv/bin/python",
            "x.egg-info/top", "node_modules/a.js"]  # fmt: skip
    assert list(script_files(make(tmp_path, *taken, *left))) == sorted(taken)


def test_an_ignore_file_leaves_out_names_paths_and_folders(tmp_path: Path) -> None:
    make(tmp_path, "train.py", "big.bin", "data/a.csv", "data/b.csv", "lib/net.py", "lib/big.bin")
    (tmp_path / ".hpogridignore").write_text("# what jobs do not need\n\n*.bin\ndata/\nlib/n*\n")
    assert list(script_files(tmp_path)) == ["train.py"]


def test_links_to_files_are_followed_and_those_to_folders_named(tmp_path: Path) -> None:
    elsewhere = make(tmp_path / "elsewhere", "net.py", "data/a.csv")
    folder = make(tmp_path / "scripts", "train.py", "ignored_data/x")
    (folder / "net.py").symlink_to(elsewhere / "net.py")
    (folder / "broken").symlink_to(elsewhere / "nothing")
    (folder / "data").symlink_to(elsewhere / "data")
    (folder / "loop").symlink_to(folder)
    assert list(script_files(folder)) == ["ignored_data/x", "net.py", "train.py"]
    (note,) = script_notes(folder)
    assert note.startswith("links to folders are left out: data, loop; jobs find input data")
    (folder / ".hpogridignore").write_text("data\nloop\n")
    assert script_notes(folder) == []


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    make(tmp_path, "train.py")
    os.mkfifo(tmp_path / "pipe")
    assert list(script_files(tmp_path)) == ["train.py"]


def test_large_scripts_draw_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "train.py")
    monkeypatch.setattr(scripts, "LARGE", 2**20)
    with (tmp_path / "weights.bin").open("wb") as stream:
        stream.truncate(3 * 2**20)
    (note,) = script_notes(tmp_path)
    assert note.startswith("the scripts are 3 MB and every job gets a copy; list what jobs")
    (tmp_path / ".hpogridignore").write_text("*.bin")
    assert script_notes(tmp_path) == []


def test_paths_that_are_refused(tmp_path: Path, open_folder: Path) -> None:
    with pytest.raises(UserError, match=r"scripts_path: no such file or folder: .*gone"):
        script_files(tmp_path / "gone")
    with pytest.raises(UserError, match="scripts_path: there is no script in"):
        script_files(make(tmp_path, ".hidden"))
    make(open_folder, "locked/train.py")
    (open_folder / "locked").chmod(0o000)
    with as_nobody(), pytest.raises(UserError, match=r"cannot read .*locked: Permission denied"):
        script_files(open_folder)


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "t.py").touch()
    odd = tmp_path / "odd\udcff.dat"
    odd.touch()
    with pytest.raises(UserError, match=r"the name 'odd\\udcff.dat' is no text in UTF-8"):
        script_files(tmp_path)
    (tmp_path / ".hpogridignore").write_text("*.dat\n")
    assert list(script_files(tmp_path)) == ["t.py"]
    odd.unlink()
    (tmp_path / "folder\udcff").mkdir()
    (tmp_path / "folder\udcff" / "t.py").touch()
    with pytest.raises(UserError, match="is no text in UTF-8"):
        script_files(tmp_path / "folder\udcff" / "t.py")
