"""Plug-ins by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hpogrid.errors import UserError
from hpogrid.registry import Entry, Registry, require, unknown
from hpogrid.schedule import SCHEDULERS
from hpogrid.search import ALGORITHMS
from hpogrid.site import SITES

FRUITS = Registry(
    "fruit", {"apple": Entry("json:loads", "round"), "banana": Entry("json:dumps", "bent")}
)


def test_an_entry_is_loaded_by_its_name() -> None:
    import json

    assert FRUITS.load("banana") is json.dumps
    assert list(FRUITS) == ["apple", "banana"]
    assert "apple" in FRUITS
    assert FRUITS.summary("apple") == "round"


def test_an_unknown_name_offers_close_ones_or_all() -> None:
    with pytest.raises(UserError, match=r"unknown fruit 'aple': did you mean apple\?"):
        FRUITS.load("aple")
    with pytest.raises(UserError, match="unknown fruit 'x'; known: apple, banana"):
        FRUITS.check("x")
    assert unknown("fruit", "x", []) == "unknown fruit 'x'; known: none yet"


@pytest.mark.parametrize("registry", [ALGORITHMS, SCHEDULERS, SITES], ids=lambda item: item.kind)
def test_every_entry_loads_and_is_described(registry: Registry) -> None:
    for name in registry:
        assert callable(registry.load(name))
        assert registry.summary(name)


def test_a_missing_library_names_the_extra() -> None:
    with pytest.raises(UserError, match=r"algorithm x needs no_lib: pip install 'hpogrid\[x\]'"):
        require("no_lib.part", extra="x", what="algorithm x")
    assert require("json", extra="x", what="x") is sys.modules["json"]


def test_what_a_library_itself_misses_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_there.py").write_text("import something_else_that_is_missing")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="something_else"):
        require("half_there", extra="x", what="x")
