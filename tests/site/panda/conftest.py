from __future__ import annotations

import functools
import gzip

import pytest


@pytest.fixture(autouse=True)
def archives_are_packed_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes to the grid has megabytes, and nobody looks at how small it gets."""
    fast = functools.partial(_packed, gzip.GzipFile)
    monkeypatch.setattr("hpogrid.site.carry.gzip.GzipFile", fast)


def _packed(kind: type[gzip.GzipFile], *arguments: object) -> gzip.GzipFile:
    name, mode, _, *others = arguments
    return kind(name, mode, 1, *others)  # type: ignore[arg-type]
