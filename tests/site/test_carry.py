"""What travels with a task: hpogrid itself, and what it needs for every Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hpogrid._version import VERSION
from hpogrid.config.home import home
from hpogrid.config.schemas import GridConfig
from hpogrid.job.settings import LIB, VENDOR
from hpogrid.site.carry import carried, carried_path, write_carried

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


def python(*paths: Path, code: str) -> str:
    """Run Python with nothing but these and what is installed beside hpogrid."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        env={
            "PYTHONPATH": ":".join(map(str, paths)),
            "PATH": "/usr/bin",
            "HPOGRID_HOME": str(home()),
        },
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_hpogrid_runs_as_it_is() -> None:
    """Files that are no modules travel as well, and are found."""
    lib = write_carried(GridConfig()) / LIB
    found = python(lib, code="import hpogrid; print(hpogrid.__file__)")
    assert found.strip() == str(lib / "hpogrid" / "__init__.py")
    version = "import sys; sys.argv[1:] = ['--version']; import hpogrid.__main__ as m; m.main()"
    assert VERSION in python(lib, code=version)
    assert (lib / "hpogrid" / "site" / "templates" / "job.sh").exists()
    assert not list(lib.rglob("*.whl"))


def test_tasks_share_what_is_the_same() -> None:
    one = write_carried(GridConfig())
    assert write_carried(GridConfig(cpus=3)) == one == carried_path(carried(GridConfig()))
    assert write_carried(GridConfig(driver_python="/opt/python3")) != one
    assert len(list(one.parent.iterdir())) == 2  # and no draft


def test_msgspec_is_there_for_every_python_that_may_run_a_job() -> None:
    names = set(carried(GridConfig()))
    for version in ("311", "312", "313", "314"):
        for machine in ("x86_64", "aarch64"):
            assert f"{VENDOR}/msgspec/_core.cpython-{version}-{machine}-linux-gnu.so" in names
    assert f"{VENDOR}/msgspec/LICENSE" in names


def test_msgspec_is_the_version_that_is_tested() -> None:
    vendor = write_carried(GridConfig()) / VENDOR
    code = "import msgspec; print(f'msgspec=={msgspec.__version__}', msgspec.__file__)"
    version, path = python(vendor, code=code).split()
    assert version in CONSTRAINTS.read_text().splitlines()
    assert path.startswith(str(vendor))


def test_a_job_could_send_jobs_itself() -> None:
    folder = write_carried(GridConfig())
    code = (
        "from hpogrid.site.carry import write_carried;"
        "from hpogrid.config.schemas import GridConfig;"
        "print(write_carried(GridConfig()))"
    )
    assert python(folder / LIB, folder / VENDOR, code=code).strip() == str(folder)
