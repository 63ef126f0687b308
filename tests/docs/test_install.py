"""From nothing: the README's first command, setupenv.sh, a wheel and an sdist."""

from __future__ import annotations

import sys
import time
import venv
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.docs.shells import BOTH, SHELLS, copy_checkout, environment, run

pytestmark = pytest.mark.engine  # pip installs from the registry


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose environment was made by the first command of the README."""
    base = tmp_path_factory.mktemp("fresh")
    copy = copy_checkout(base / "clone")
    started = time.monotonic()
    answer = run(["bash", "example/quickstart.sh"], environment(base), copy, seconds=600)
    (base / "said").write_text(answer.stdout)
    (base / "seconds").write_text(str(time.monotonic() - started))
    assert answer.returncode == 0, answer.stdout
    return copy


def test_quickstart_ends_with_the_report_and_a_plot(checkout: Path) -> None:
    lines = (checkout.parent / "said").read_text().splitlines()
    assert "\n600 trials: 600 complete; best loss " in "\n".join(lines[-8:])
    plot = Path(lines[-1])
    assert plot.suffix == ".html"
    assert "height" in plot.read_text()


def test_quickstart_takes_less_than_two_minutes(checkout: Path) -> None:
    assert float((checkout.parent / "seconds").read_text()) < 120


def test_quickstart_leaves_nothing_in_the_home_folder(checkout: Path) -> None:
    found = {path.name for path in checkout.parent.iterdir()} - {"clone", "said", "seconds"}
    assert found <= {".cache"}  # pip's own


def test_quickstart_can_be_repeated_in_a_folder_of_your_own(checkout: Path) -> None:
    home = checkout.parent / "clone" / ".cache" / "home"
    env = environment(checkout.parent) | {"HPOGRID_HOME": str(home)}
    for _ in range(2):
        answer = run(["bash", "example/quickstart.sh"], env, checkout)
        assert answer.returncode == 0, answer.stdout
    assert (home / "hpo_result_parallel_coordinate_plot.html").exists()


@pytest.mark.parametrize("shell", BOTH)
def test_the_environment_is_found_again_at_once(shell: str, checkout: Path) -> None:
    script = "source clone/setupenv.sh; source clone/setupenv.sh; command -v hpogrid; echo $PATH"
    started = time.monotonic()
    base = checkout.parent
    answer = run([*SHELLS[shell], "-c", script], environment(base), base)
    program, path = answer.stdout.splitlines()
    assert program == f"{checkout}/.venv/bin/hpogrid"
    assert path.count("/.venv/bin") == 1
    assert time.monotonic() - started < 2


def test_no_conda_installs_hpogrid_into_a_bare_environment(checkout: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "own", with_pip=True)
    env = environment(tmp_path)
    script = (
        f"source {tmp_path}/own/bin/activate && source {checkout}/setupenv.sh no-conda &&"
        "command -v hpogrid && hpogrid --version"
    )
    answer = run([*SHELLS["bash"], "-c", script], env, tmp_path)
    assert answer.returncode == 0, answer.stdout
    assert answer.stdout.splitlines()[-2] == f"{tmp_path}/own/bin/hpogrid"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("build")
    copy = copy_checkout(base / "clone")
    command = [sys.executable, "-m", "build", "--outdir", str(base / "dist"), str(copy)]
    answer = run(command, environment(base), base)
    assert answer.returncode == 0, answer.stdout
    return base / "dist"


TRAIN = "def train(config):\n    return {'loss': config['x'] ** 2}\n"
SPACE = '{"x": {"method": "uniform", "dimension": {"low": -1, "high": 1}}}'
SEARCH = f"""
set -e
hpogrid --version
hpogrid search_space create s '{SPACE}'
hpogrid hpo_config create h --metric loss --mode min --trials 10
hpogrid model_config create m --script train.py --model train
hpogrid grid_config create g --site local
hpogrid project create p --scripts_path train.py --model_config m --search_space s --hpo_config h \
  --grid_config g
hpogrid local_run p
hpogrid report p --to_html
"""


@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_the_package_works_without_the_checkout(kind: str, packages: Path, tmp_path: Path) -> None:
    [package] = packages.glob(kind)
    venv.create(tmp_path / "own", with_pip=True)
    pip = [str(tmp_path / "own" / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    env = environment(tmp_path)
    installed = run([*pip, *constraints, str(package)], env, tmp_path)
    assert installed.returncode == 0, installed.stdout
    (tmp_path / "train.py").write_text(TRAIN)
    env = environment(tmp_path, f"{tmp_path}/own/bin:/usr/bin:/bin")
    answer = run(["bash", "-c", SEARCH], env | {"HPOGRID_HOME": str(tmp_path / "home")}, tmp_path)
    assert answer.returncode == 0, answer.stdout
    assert "10 trials: 10 complete" in answer.stdout
    assert (tmp_path / "hpo_result.html").exists()
