from __future__ import annotations

import gzip
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def archives_are_packed_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes to the grid has megabytes, and nobody looks at how small it gets."""
    monkeypatch.setattr("hpogrid.site.carry.gzip.GzipFile", Fast)


class Fast(gzip.GzipFile):
    def __init__(
        self,
        filename: Any = None,
        mode: Any = None,
        compresslevel: int = 1,
        fileobj: Any = None,
        mtime: Any = None,
    ) -> None:
        super().__init__(filename, mode, 1, fileobj, mtime)
