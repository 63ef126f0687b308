"""Engines that several files of tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.boot import apptainer_image, engine, environment, open_folder


@pytest.fixture(scope="session")
def image() -> Iterator[Path]:
    """The image of ``docker/hpogrid.def``, and Apptainer to run it."""
    with apptainer_image() as path:
        yield path


@pytest.fixture(scope="module")
def sge() -> Iterator[None]:
    """A Grid Engine of one node."""
    with (
        open_folder("sge") as folder,
        engine("sge", folder) as root,
        environment(SGE_ROOT=root, SGE_CELL="default"),
    ):
        yield
