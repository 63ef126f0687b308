from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hpogrid
from hpogrid.report.attached import LARGEST_PICTURE, saved_files
from hpogrid.trial import saved
from tests.projects import run_project, store_project

SAVES = """
import hpogrid
def train(config):
    with open("curve.svg", "w") as stream:
        stream.write("<svg xmlns='http://www.w3.org/2000/svg'/>")
    hpogrid.save("curve.svg")
    hpogrid.save("curve.svg", "second one.svg")
    return config["x"]
"""


def test_what_a_trial_saves_is_kept_with_it() -> None:
    task, _, trials = run_project(store_project(SAVES, trials=3))
    found = saved_files([task.job_folder(0)])
    assert set(found) == {trial.id for trial in trials}
    for files in found.values():
        assert [item.name for item in files] == ["curve.svg", "second one.svg"]
        assert files[0].embedded() == files[1].embedded()


def test_a_script_of_its_own_saves_as_well() -> None:
    script = (
        "import hpogrid, sys\nhpogrid.save(sys.argv[0], name='script')\nhpogrid.report(loss=1)\n"
    )
    task, _, _ = run_project(store_project(script, model=None, trials=1))
    (files,) = saved_files([task.job_folder(0)]).values()
    assert Path(files[0].path).read_text() == script


def test_by_hand_nothing_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plot.png").touch()
    before = os.listdir()
    hpogrid.save(tmp_path / "plot.png")
    assert capsys.readouterr().out == "[hpogrid] saved plot.png\n"
    assert os.listdir() == before
    with pytest.raises(FileNotFoundError):
        hpogrid.save("nothing.png")


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../up", "two\nlines", "x" * 101, "ü" * 51])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name for save"):
        saved.checked(name)


def test_the_limits_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    monkeypatch.setattr(saved, "LARGEST", 5)
    monkeypatch.setattr(saved, "MOST", 2)
    for name in ("a", "b", "b"):
        saved.keep(file, tmp_path, name)
    with pytest.raises(ValueError, match="holds 2 files; save keeps 2 at most"):
        saved.keep(file, tmp_path, "c")
    file.write_bytes(b"123456")
    with pytest.raises(ValueError, match="has 6 bytes; save takes 5 at most"):
        saved.keep(file, tmp_path, "a")
    assert sorted(os.listdir(tmp_path / "saved")) == ["a", "b"]


def test_a_picture_that_is_too_large_is_only_named(tmp_path: Path) -> None:
    folder = tmp_path / "trials" / "0-1" / "saved"
    folder.mkdir(parents=True)
    (folder / "large.png").write_bytes(bytes(LARGEST_PICTURE + 1))
    (folder / "small.png").write_bytes(bytes(LARGEST_PICTURE))
    (folder / "text.txt").write_bytes(b"x")
    (folder / ".unfinished.12").touch()
    large, small, text = saved_files([tmp_path])["0-1"]
    assert large.embedded() is None
    assert text.embedded() is None
    assert str(small.embedded()).startswith("data:image/png;base64,AAAA")


KILLED = """
import sys
from pathlib import Path
from hpogrid.trial.saved import keep
folder, source = Path(sys.argv[1]), Path(sys.argv[2])
while True:
    keep(source, folder, "picture.png")
"""


def test_a_kill_leaves_the_file_whole(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(1 << 20))
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), str(source)])
        target = tmp_path / "saved" / "picture.png"
        deadline = time.monotonic() + 60
        while not target.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert target.read_bytes() == source.read_bytes()
        target.unlink()
