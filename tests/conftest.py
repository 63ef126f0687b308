"""What holds for all tests."""

from __future__ import annotations

import functools
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from hpogrid.trial import session
from tests.engines import panda

# Machines are busy with other things: no deadline for each example. `python -m tests.fuzz` looks
# for longer at everything that reads what people write.
hypothesis.settings.register_profile("quick", deadline=None, max_examples=12)
hypothesis.settings.register_profile("all", deadline=None, max_examples=30)

HERE = Path(__file__).parent
CLUSTERS = HERE / "engines"
PANDA_TESTS = "test_panda.py"
LIBRARIES = {
    "search": ("search", "site/panda/test_generate.py", "space/test_configspace.py",
               "space/test_distributions.py", "space/test_pcs.py", "space/test_references.py",
               "space/test_vizier.py", "test_plugins.py"),
    "report": ("report",),
}  # fmt: skip
"""Files and folders with tests that load the same large libraries, which takes seconds."""


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # until all tests are there: every worker makes them all
    quick = "not slow" in config.option.markexpr
    hypothesis.settings.load_profile("quick" if quick else "all")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests with clusters and the grid share a worker, and so do engine tests of any other file.

    So never two clusters run at once, whose programs know only one of their kind on a machine.
    Of the others, those that load the same large libraries share one.
    Tests with PanDA need its booter, which is not part of this repository.
    """
    for item in items:
        group = _library(item.path)
        if item.get_closest_marker("engine"):
            group = "cluster" if item.path.is_relative_to(CLUSTERS) else item.path.stem
        if group is not None:
            item.add_marker(pytest.mark.xdist_group(group))
    out = [item for item in items if item.path.name == PANDA_TESTS] if panda.missing() else []
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


@functools.cache  # there are twenty tests to a file
def _library(path: Path) -> str | None:
    """The group of a file with tests that load large libraries."""
    places = {HERE / place: group for group, those in LIBRARIES.items() for place in those}
    return next((places[above] for above in (path, *path.parents) if above in places), None)


def pytest_collection_finish() -> None:
    """Tens of thousands of objects of the tests stay to the end: nobody looks for rubbish there."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests could not run here."""
    reason = panda.missing()
    if reason is not None and "not engine" not in terminalreporter.config.option.markexpr:
        terminalreporter.write_line(reason, yellow=True)


@pytest.fixture(scope="session", autouse=True)
def no_test_touches_your_configs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = dict(os.environ)
    os.environ["HPOGRID_HOME"] = str(tmp_path_factory.mktemp("home"))
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user directory for each test; it does not exist yet, and its path is short."""
    folder = Path(tempfile.mkdtemp(prefix="hg-"))
    monkeypatch.setenv("HPOGRID_HOME", str(folder / "home"))
    monkeypatch.delenv("HPOGRID_DEBUG", raising=False)
    yield folder / "home"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def no_trial_goes_on() -> Iterator[None]:
    """A trial that a test evaluated in this process is over with it."""
    yield
    session.set_current(None)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder into which everybody may write, for tests as another user."""
    folder = Path(tempfile.mkdtemp(prefix="hg-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
