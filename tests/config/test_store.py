"""The stores: one file for each config, whoever writes at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hpogrid.config.schemas import HpoConfig
from hpogrid.config.store import STORES
from hpogrid.errors import UserError
from tests.commands import tree

STORE = STORES["hpo_config"]


def at_once(code: str, processes: int) -> list[int]:
    """Run code in several processes that begin at the same moment; ``me`` is the number of each."""
    start = "import sys; from hpogrid.config.store import *; me = int(sys.argv[1]); input()\n"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", start + code, str(number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for number in range(processes)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in running:
        process.communicate()
    return [process.returncode for process in running]


def test_a_config_is_one_file(home: Path) -> None:
    STORE.create("h", HpoConfig(trials=7))
    assert list(tree(home / "hpo")) == ["h.json"]
    assert STORE.where("h") == home / "hpo" / "h.json"
    assert STORE.load("h").trials == 7
    assert STORE.names() == ["h"]


def test_create_refuses_a_name_that_is_taken(home: Path) -> None:
    STORE.create("h", HpoConfig(trials=7))
    before = tree(home)
    with pytest.raises(UserError, match="hpo config 'h' exists; use recreate to replace it"):
        STORE.create("h", HpoConfig())
    assert tree(home) == before


def test_of_several_that_create_a_name_one_has_it() -> None:
    code = "STORES['hpo_config'].create('h', HpoConfig(trials=me + 1))"
    codes = at_once("from hpogrid.config.schemas import HpoConfig\n" + code, 4)
    assert sorted(codes) == [0, 1, 1, 1]
    assert STORE.load("h").trials == codes.index(0) + 1
    assert list(tree(STORE.path)) == ["h.json"]


def test_no_update_is_lost() -> None:
    STORE.create("h", HpoConfig(trials=1))
    code = """
import msgspec
def more(config):
    return msgspec.structs.replace(config, trials=config.trials + 1)
for _ in range(20):
    STORES["hpo_config"].update("h", more)
"""
    assert at_once(code, 3) == [0, 0, 0]
    assert STORE.load("h").trials == 61


def test_a_reader_sees_old_or_new_and_never_half() -> None:
    STORE.create("h", HpoConfig(trials=1))
    code = """
from hpogrid.config.schemas import HpoConfig
store = STORES["hpo_config"]
for number in range(100):
    if me:
        assert store.load("h").trials in range(1, 101)
    else:
        store.recreate("h", HpoConfig(trials=number + 1, metric="x" * 5000))
"""
    assert at_once(code, 3) == [0, 0, 0]


@pytest.mark.parametrize("action", ["recreate", "update", "remove", "load"])
def test_a_name_that_is_not_there_is_refused_and_nothing_written(home: Path, action: str) -> None:
    needed: dict[str, list[Any]] = {"recreate": [HpoConfig()], "update": [lambda old: old]}
    arguments = needed.get(action, [])
    with pytest.raises(UserError, match="unknown hpo config 'x'; known: none yet"):
        getattr(STORE, action)("x", *arguments)
    assert not home.exists()
    STORE.create("my_search", HpoConfig())
    with pytest.raises(UserError, match=r"unknown hpo config 'my_serch': did you mean my_search\?"):
        getattr(STORE, action)("my_serch", *arguments)


def test_a_change_that_is_refused_changes_nothing(home: Path) -> None:
    STORE.create("h", HpoConfig())
    before = tree(home)

    def refuse(old: HpoConfig) -> HpoConfig:
        raise UserError("no")

    with pytest.raises(UserError):
        STORE.update("h", refuse)
    assert {name: text for name, text in tree(home).items() if ".lock" not in name} == before


def test_wildcards() -> None:
    for name in ("a1", "a2", "b1"):
        STORE.create(name, HpoConfig())
    (STORE.path / ".hidden.json").write_text("{}")
    assert STORE.names("a*") == ["a1", "a2"]
    assert STORE.names("?1") == ["a1", "b1"]
    assert STORE.names("[!a]*") == ["b1"]
    assert STORE.names("x*") == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b'{"trials": }', "hpo config 'h': malformed JSON at line 1 column 12"),
        (b'{"trials": 0}', "hpo config 'h': .*>= 1"),
        (b"[]", "expected object"),
        (b"\xff", "cannot read .*h.json"),
    ],
)
def test_a_file_that_somebody_has_damaged(text: bytes, problem: str) -> None:
    STORE.create("h", HpoConfig())
    STORE.where("h").write_bytes(text)
    with pytest.raises(UserError, match=problem):
        STORE.load("h")


def test_text_that_no_file_can_hold() -> None:
    with pytest.raises(UserError, match="is not text in UTF-8"):
        STORE.create("h", HpoConfig(metric="\udcff"))
    assert STORE.names() == []


def test_a_file_that_an_editor_has_marked_is_read(home: Path) -> None:
    STORE.create("h", HpoConfig(metric="loss", mode="min"))
    path = home / "hpo/h.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert STORE.load("h") == HpoConfig(metric="loss", mode="min")


def test_files_that_no_config_can_have_made_are_not_listed(home: Path) -> None:
    STORE.create("h", HpoConfig(metric="loss", mode="min"))
    for name in (b"\xff", b"a\nb", b".hidden", b"a b"):
        (home / "hpo" / os.fsdecode(name + b".json")).write_text("{}")
    assert STORE.names() == ["h"]
