"""Engines that several files of tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.boot import apptainer_image


@pytest.fixture(scope="session")
def image() -> Iterator[Path]:
    """The image of ``docker/hpogrid.def``, and Apptainer to run it."""
    with apptainer_image() as path:
        yield path
