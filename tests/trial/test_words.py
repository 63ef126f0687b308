"""What a program's own parser makes of the words that it is given.

Each parser is the real one of its library; how it declares its options is read from the source.
"""

from __future__ import annotations

import importlib
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hpogrid.trial.declared import Arguments
from hpogrid.trial.overrides import override

ARGPARSE = """
    import argparse
    import json
    p = argparse.ArgumentParser()
    p.add_argument("--f", type=float)
    p.add_argument("--i", type=int)
    p.add_argument("--t")
    p.add_argument("--b", action="store_true")
    p.add_argument("--c", type=bool)
    p.add_argument("--on", action=argparse.BooleanOptionalAction)
    p.add_argument("--l", type=float, nargs="*")
    p.add_argument("--s", action="append", default=[])
    p.add_argument("--o", type=json.loads)
    def read(words):
        return vars(p.parse_args(words))
"""
CLICK = """
    import click
    @click.command()
    @click.option("--f", type=float)
    @click.option("--i", type=int)
    @click.option("-t", "--t")
    @click.option("--b/--not-b")
    @click.option("--c", is_flag=True)
    @click.option("--l", type=float, multiple=True)
    @click.option("--s", multiple=True)
    def main(**values):
        return {**values, "l": list(values["l"]), "s": list(values["s"])}
    def read(words):
        return main.main(words, standalone_mode=False)
"""
TYPER = """
    import typer
    from typing import List
    app = typer.Typer()
    found = []
    @app.command()
    def main(f: float = 0.0, i: int = 0, t: str = "", b: bool = False, l: List[float] = [],
             s: List[str] = []):
        found.append(dict(f=f, i=i, t=t, b=b, l=list(l or []), s=list(s or [])))
    def read(words):
        app(words, standalone_mode=False)
        return found.pop()
"""
ABSL = """
    from absl import flags
    flags_ = flags.FlagValues()
    flags.DEFINE_float("f", 0, "", flag_values=flags_)
    flags.DEFINE_integer("i", 0, "", flag_values=flags_)
    flags.DEFINE_string("t", "", "", flag_values=flags_)
    flags.DEFINE_bool("b", None, "", flag_values=flags_)
    flags.DEFINE_multi_float("l", [], "", flag_values=flags_)
    flags.DEFINE_list("s", [], "", flag_values=flags_)
    def read(words):
        flags_.unparse_flags()
        for name in ("l", "s"):
            flags_[name].unparse()
        flags_(["t.py", *words])
        return {name: flags_[name].value for name in flags_}
"""
FIRE = """
    import fire
    found = []
    def main(f=0, i=0, t="", b=False, l=(), s=(), o=None):
        found.append(dict(f=f, i=i, t=t, b=b, l=l, s=s, o=o))
    def read(words):
        fire.Fire(main, command=words)
        return found.pop()
"""
TYRO = """
    import dataclasses
    import tyro
    @dataclasses.dataclass
    class Args:
        f: float
        i: int
        t: str
        l: list[float]
        s: list[str]
        c: bool
        b: bool = False
        m: float | None = 1.0
    def read(words):
        return dataclasses.asdict(tyro.cli(Args, args=words))
"""
JSONARGPARSE = """
    import jsonargparse
    from typing import Dict, List, Optional
    def main(f: float = 0, i: int = 0, t: str = "", b: bool = False, l: List[float] = [],
             s: List[str] = [], d: Dict[str, float] = {}, m: Optional[float] = 1.0):
        return dict(f=f, i=i, t=t, b=b, l=l, s=s, d=d, m=m)
    def read(words):
        return jsonargparse.auto_cli(main, args=words)
"""
SIMPLE = """
    import dataclasses
    import simple_parsing
    @dataclasses.dataclass
    class Args:
        f: float = 0
        i: int = 0
        t: str = ""
        b: bool = False
        l: list[float] = dataclasses.field(default_factory=list)
        s: list[str] = dataclasses.field(default_factory=list)
    def read(words):
        return dataclasses.asdict(simple_parsing.parse(Args, args=words))
"""
PARSERS = {
    "argparse": (ARGPARSE, ("f", "i", "t", "b", "c", "on", "l", "s", "o")),
    "click": (CLICK, ("f", "i", "t", "b", "c", "l", "s")),
    "typer": (TYPER, ("f", "i", "t", "b", "l", "s")),
    "absl": (ABSL, ("f", "i", "t", "b", "l", "s")),
    "fire": (FIRE, ("f", "i", "t", "b", "l", "s", "o")),
    "tyro": (TYRO, ("f", "i", "t", "b", "c", "l", "s", "m")),
    "jsonargparse": (JSONARGPARSE, ("f", "i", "t", "b", "l", "s", "d", "m")),
    "simple-parsing": (SIMPLE, ("f", "i", "t", "b", "l", "s")),
}

ODD = ["", "-", "--", "--x", "-O2", "-5", "1", "1.0", "1e3", "1_0", "true", "False", "null", "None",
       "nan", "inf", "~", "a b", "a=b", "a,b", "[1]", "{a: 1}", "'1'", '"1"', "größe", "日本 ☃ 😀",
       "\\", "\\'", "it's", 'say "x"', "$HOME", "%d", "#x", "a: b", "@file", "\t",
       "é\u2028", "x\ny"]  # fmt: skip
texts = st.sampled_from(ODD) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8
)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([-5e-05, 1e-07, 1e16])
wholes = st.integers(-(2**63), 2**63)
values = st.recursive(
    st.none() | st.booleans() | wholes | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "f": numbers, "i": wholes, "t": texts, "b": st.booleans(), "c": st.booleans(),
    "on": st.booleans(), "l": st.lists(numbers, max_size=3), "s": st.lists(texts, max_size=3),
    "d": st.dictionaries(texts, numbers, max_size=3), "o": values, "m": st.none() | numbers,
}  # fmt: skip


class Parser(NamedTuple):
    """How a script is told its parameters, what its parser makes of it, and the parameters."""

    arguments: Arguments
    read: Callable[[list[str]], dict[str, Any]]
    names: tuple[str, ...]


@pytest.fixture(params=PARSERS)
def parser(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Parser:
    source, names = PARSERS[request.param]
    (tmp_path / "script.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "script", raising=False)
    read = importlib.import_module("script").read
    return Parser(Arguments(["python", "script.py"], tmp_path), read, names)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_every_parser_reads_the_value(parser: Parser, data: st.DataObject) -> None:
    wanted = {name: data.draw(KINDS[name], label=name) for name in parser.names}
    assume("--" not in [wanted["t"], *wanted["s"]])  # Python 3.11's argparse loses it
    words: list[str] = []
    for name, value in wanted.items():
        try:
            words += parser.arguments.words(name, value)
        except ValueError as error:
            assert re.search("one of several words|strips them", str(error))  # noqa: PT017
            assume(False)
    found = {name: parser.read(words)[name] for name in parser.names}
    assert found == wanted, words
    assert list(map(type, found.values())) == list(map(type, wanted.values()))


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return getattr(value, "text", value)


@settings(max_examples=60, deadline=None)
@given(values)
def test_hydra_reads_the_value(value: Any) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    try:
        word = override("model.lr", value)
    except ValueError as error:
        assert "the key" in str(error)  # noqa: PT017
        return
    found = OverridesParser.create().parse_override(word)
    assert found.key_or_group == "model.lr"
    assert repr(_plain(found.value())) == repr(value)


STYLES = [
    ("plain", True, ["--x=True"]), ("plain", [1, 2], ["--x=[1, 2]"]), ("plain", None, ["--x=None"]),
    ("argparse", True, ["--x"]), ("argparse", False, []), ("argparse", [1, -2], ["--x", "1", "-2"]),
    ("click", False, ["--no-x"]), ("click", [1, 2], ["--x=1", "--x=2"]), ("typer", None, []),
    ("absl", ["a,b", "c"], ['--x="a,b",c']), ("fire", "1", ["--x='1'"]), ("fire", "a", ["--x=a"]),
    ("tyro", {"a": 1, "b": 2}, ["--x", "a", "1", "b", "2"]), ("jsonargparse", True, ["--x=true"]),
    ("simple-parsing", [1e-07, 2.5], ["--x", "1.0e-07", "2.5"]),
]  # fmt: skip


@pytest.mark.parametrize(("style", "value", "words"), STYLES)
def test_a_style_by_name(style: str, value: Any, words: list[str], tmp_path: Path) -> None:
    assert Arguments(["./program"], tmp_path, style).words("x", value) == words


def test_a_name_is_spelled_as_the_script_spells_it(tmp_path: Path) -> None:
    source = "import click\n@click.option('-l', '--learning-rate')\ndef f(learning_rate): ...\n"
    (tmp_path / "t.py").write_text(source)
    arguments = Arguments(["python", "t.py"], tmp_path)
    assert arguments.words("learning_rate", 0.5) == ["--learning-rate=0.5"]
