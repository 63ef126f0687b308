"""What travels with a task: hpogrid itself, and what it needs for every Python."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from hpogrid._version import VERSION
from hpogrid.config.schemas import GridConfig
from hpogrid.job.settings import LIB, VENDOR
from hpogrid.site.carry import carried, carried_path, write_carried

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


def carry(folder: Path) -> Path:
    """The wheel of hpogrid, written with all the rest."""
    write_carried(folder, GridConfig())
    (wheel,) = (carried_path(folder) / LIB).iterdir()
    return wheel


def python(*paths: Path, code: str) -> str:
    """Run Python with nothing but these and what is installed beside hpogrid."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(map(str, paths)), "PATH": "/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_wheel_runs_as_it_is(tmp_path: Path) -> None:
    wheel = carry(tmp_path)
    found = python(wheel, code="import hpogrid; print(hpogrid.__file__)")
    assert found.strip() == str(wheel / "hpogrid" / "__init__.py")
    version = "import sys; sys.argv[1:] = ['--version']; import hpogrid.__main__ as m; m.main()"
    assert VERSION in python(wheel, code=version)


def test_the_wheel_is_complete(tmp_path: Path) -> None:
    """Files that are no modules travel as well, and are found."""
    wheel = carry(tmp_path)
    code = (
        "from importlib import resources;"
        "print((resources.files('hpogrid.site') / 'templates' / 'job.sh').read_text()[:9])"
    )
    assert python(wheel, code=code).strip() == "#!/bin/sh"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert f"hpogrid-{VERSION}.dist-info/RECORD" in names
    assert not [name for name in names if "__pycache__" in name]


def test_the_same_content_is_the_same_file() -> None:
    first, second = carried(GridConfig()), carried(GridConfig())
    assert [name for name in first if first[name] != second[name]] == []


def test_msgspec_is_there_for_every_python_that_may_run_a_job() -> None:
    names = set(carried(GridConfig()))
    for version in ("311", "312", "313", "314"):
        for machine in ("x86_64", "aarch64"):
            assert f"{VENDOR}/msgspec/_core.cpython-{version}-{machine}-linux-gnu.so" in names
    assert f"{VENDOR}/msgspec/LICENSE" in names


def test_msgspec_is_the_version_that_is_tested(tmp_path: Path) -> None:
    carry(tmp_path)
    code = "import msgspec; print(f'msgspec=={msgspec.__version__}', msgspec.__file__)"
    version, path = python(carried_path(tmp_path) / VENDOR, code=code).split()
    assert version in CONSTRAINTS.read_text().splitlines()
    assert path.startswith(str(tmp_path))


def test_a_job_could_send_jobs_itself(tmp_path: Path) -> None:
    wheel, again = carry(tmp_path), tmp_path / "again"
    code = (
        "from pathlib import Path; from hpogrid.site.carry import write_carried;"
        "from hpogrid.config.schemas import GridConfig;"
        f"write_carried(Path({str(again)!r}), GridConfig())"
    )
    assert python(wheel, carried_path(tmp_path) / VENDOR, code=code) == ""
    paths = [path for path in carried_path(tmp_path).rglob("*") if path.suffix != ".pyc"]
    others = [again / path.relative_to(tmp_path) for path in paths if path.is_file()]
    assert [path for path in others if not path.is_file()] == []
    with (
        zipfile.ZipFile(carried_path(again) / LIB / wheel.name) as one,
        zipfile.ZipFile(wheel) as two,
    ):
        assert one.namelist() == two.namelist()
