"""The programs that start a job: they find a Python, and say in a sentence that there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hpogrid.config.schemas import GridConfig
from hpogrid.job.entry import unwritable
from hpogrid.job.settings import ENTRY, LIB, START, VENDOR
from hpogrid.site.carry import write_carried

OLD = [
    python
    for version in ("2.7", "3.6", "3.8", "3.9")
    for python in sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python"))
]
"""What this machine has of Pythons that are too old for hpogrid."""

BOURNE = shutil.which("dash") or "/bin/sh"


@pytest.fixture
def came_along(tmp_path: Path) -> Path:
    places = f"{tmp_path}/views/LCG_1*/{{machine}}-*/bin/python3"
    return write_carried(GridConfig(driver_python=places))


def said(came_along: Path, path: Path, *words: str, **environment: str) -> str:
    """Start a job where the programs are those of a folder; what it says on stderr."""
    done = subprocess.run(
        [BOURNE, str(came_along / START), "python3", str(came_along / ENTRY), *words],
        env={"PATH": str(path), **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    return done.stderr


def image(folder: Path, python: Path | str | None = None) -> Path:
    """A folder of programs, among them a Python."""
    folder.mkdir(parents=True)
    (folder / "uname").symlink_to(shutil.which("uname") or "")
    if python is not None:
        (folder / "python3").write_text(f'#!/bin/sh\nexec {python} "$@"\n')
        (folder / "python3").chmod(0o755)
    return folder


def test_no_python_at_all(came_along: Path, tmp_path: Path) -> None:
    text = said(came_along, image(tmp_path / "bin"))
    assert text.startswith("hpogrid: this image has no Python, and hpogrid needs 3.11 or later; ")
    assert f"none at {tmp_path}/views/LCG_1*/{os.uname().machine}-*/bin/python3" in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("python", OLD, ids=lambda path: path.parts[-3])
def test_a_python_that_is_too_old(came_along: Path, tmp_path: Path, python: Path) -> None:
    """Whichever of the two programs was started."""
    path = image(tmp_path / "bin", python)
    text = said(came_along, path)
    version = ".".join(python.parts[-3].split(".")[:2])
    assert f"this image has Python {version} ({path}/python3), and hpogrid needs 3.11" in text
    done = subprocess.run(
        [str(python), str(came_along / ENTRY)], env={"PATH": str(path)}, capture_output=True
    )
    assert done.stderr.decode() == text


def test_a_python_that_is_found(came_along: Path, tmp_path: Path) -> None:
    """The image's own if it will do, then HPOGRID_PYTHON, then the newest of the views."""

    def shows(folder: Path, python: str) -> Path:
        text = f'[ "$1" = -E ] || echo "started $0" >&2\nexec {python} "$@"\n'
        (folder / "python3").write_text(f"#!/bin/sh\n{text}")
        (folder / "python3").chmod(0o755)
        return folder

    views = [
        image(tmp_path / "views" / f"LCG_{number}" / f"{os.uname().machine}-el9" / "bin")
        for number in ("105", "107", "106a")
    ]
    for view in views:
        shows(view, sys.executable)
    image(tmp_path / "views" / "LCG_108" / f"{os.uname().machine}-el9" / "bin", "/bin/false")
    given = shows(image(tmp_path / "given"), sys.executable)
    own = shows(image(tmp_path / "own"), sys.executable)
    old = image(tmp_path / "old", "/bin/false")
    wrong = ("--task", str(tmp_path / "nowhere"), "0")
    assert f"started {views[1]}/python3" in said(came_along, old, *wrong)
    python = str(given / "python3")
    assert f"started {python}" in said(came_along, old, *wrong, HPOGRID_PYTHON=python)
    assert f"started {own}/python3" in said(came_along, own, *wrong, HPOGRID_PYTHON=python)


def test_a_python_that_needs_its_own_libraries(came_along: Path, tmp_path: Path) -> None:
    """Trials do not: they are told what the image had."""
    view = image(tmp_path / "views" / "LCG_107" / f"{os.uname().machine}-el9" / "bin", "-")
    (view / "readlink").symlink_to(shutil.which("readlink") or "")
    (view / "python3").write_text(
        "#!/bin/sh\n"
        f"case $LD_LIBRARY_PATH in {view.parent}/lib*) ;; *) exit 127 ;; esac\n"
        '[ "$1" = -E ] || echo "$LD_LIBRARY_PATH, trials $HPOGRID_TRIAL_LIBRARIES" >&2\n'
        f'exec {sys.executable} "$@"\n'
    )
    wrong = ("--task", str(tmp_path / "nowhere"), "0")
    text = said(came_along, view, *wrong, LD_LIBRARY_PATH="/image/lib")
    assert f"{view.parent}/lib:/image/lib, trials /image/lib\n" in text


def start(came_along: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Start a job in this Python without its packages."""
    return subprocess.run(
        [sys.executable, "-S", str(came_along / ENTRY), *words],
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_in_which_nothing_can_be_written(came_along: Path, tmp_path: Path) -> None:
    done = start(came_along, "--task", str(tmp_path / "nowhere"), "0")
    assert done.returncode == 1
    assert done.stderr == (
        f"hpogrid: a job writes into its folder {tmp_path}/nowhere, and cannot: "
        "No such file or directory\n"
    )


def test_what_cannot_be_written() -> None:
    assert unwritable(Path("/proc")) is not None
    assert unwritable(Path("/dev/shm")) is None


def test_a_python_for_which_nothing_came_along(came_along: Path) -> None:
    shutil.rmtree(came_along / VENDOR)
    done = start(came_along)
    assert done.returncode == 1
    assert "lacks msgspec 0.20 or later" in done.stderr
    assert "choose another image" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_came_along_cannot_be_loaded(came_along: Path) -> None:
    for core in (came_along / VENDOR / "msgspec").glob("_core.*"):
        core.write_bytes(b"no library")
    done = start(came_along)
    assert done.returncode == 1
    assert "cannot load the msgspec that came along" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_image_with_another_hpogrid(came_along: Path, tmp_path: Path) -> None:
    info = tmp_path / "image" / "hpogrid-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hpogrid\nVersion: 0.1\n")
    code = f"import sys; sys.path[:0] = [{str(came_along / LIB)!r}, {str(info.parent)!r}]; "
    code += "from hpogrid.job.entry import other_version; print(other_version())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "0.1"
