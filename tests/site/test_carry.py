"""hpogrid travels with a task, and a bad Python is told as such."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hpogrid._version import VERSION
from hpogrid.job import entry
from hpogrid.site.carry import write_wheel


def python(path: Path, *words: str) -> str:
    """Run Python with nothing but the wheel and what is installed beside hpogrid."""
    done = subprocess.run(
        [sys.executable, *words],
        env={"PYTHONPATH": str(path), "PATH": "/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_wheel_runs_as_it_is(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path)
    found = python(wheel, "-c", "import hpogrid; print(hpogrid.__file__)")
    assert found.strip() == str(wheel / "hpogrid" / "__init__.py")
    assert VERSION in python(wheel, "-m", "hpogrid", "--version")


def test_the_wheel_is_complete(tmp_path: Path) -> None:
    """Files that are no modules travel as well, and are found."""
    wheel = write_wheel(tmp_path)
    code = (
        "from importlib import resources;"
        "print((resources.files('hpogrid.site') / 'templates' / 'job.sh').read_text()[:9])"
    )
    assert python(wheel, "-c", code).strip() == "#!/bin/sh"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert f"hpogrid-{VERSION}.dist-info/RECORD" in names
    assert not [name for name in names if "__pycache__" in name]


def test_the_same_content_is_the_same_file(tmp_path: Path) -> None:
    first = write_wheel(tmp_path).read_bytes()
    assert write_wheel(tmp_path).read_bytes() == first


def test_a_job_could_send_jobs_itself(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path)
    (tmp_path / "again").mkdir()
    code = (
        "from pathlib import Path; from hpogrid.site.carry import write_wheel;"
        f"write_wheel(Path({str(tmp_path / 'again')!r}))"
    )
    assert python(wheel, "-c", code) == ""
    again = tmp_path / "again" / "hpogrid" / wheel.name
    with zipfile.ZipFile(again) as one, zipfile.ZipFile(wheel) as two:
        assert one.namelist() == two.namelist()


def test_a_python_without_the_requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    assert entry.problem() is None
    monkeypatch.setattr(entry, "_needed", lambda: ["msgspec", "no-such-thing"])
    assert "lacks no-such-thing" in str(entry.problem())


def test_a_python_that_is_too_old(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry, "_OLDEST", (9, 0))
    assert entry.main(["1", "0"]) == 1
    assert "hpogrid needs 9.0" in capsys.readouterr().err


def test_an_image_with_another_hpogrid(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path)
    info = tmp_path / "image" / "hpogrid-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hpogrid\nVersion: 0.1\n")
    code = f"import sys; sys.path.append({str(info.parent)!r}); "
    code += "from hpogrid.job.entry import other_version; print(other_version())"
    assert python(wheel, "-c", code).strip() == "0.1"
