from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest
import threadpoolctl


@pytest.fixture(scope="session", autouse=True)
def arrays_are_small() -> Iterator[None]:
    """The threads of a linear algebra would wait for each other, and for those of other workers."""
    importlib.import_module("scipy.linalg")  # only what is loaded can be told
    with threadpoolctl.threadpool_limits(1):
        yield
