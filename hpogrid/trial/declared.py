"""What a Python script is, read from its source without running it: its options, whom it asks."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hpogrid.trial.declarations import Declared, Source, imported
from hpogrid.trial.words import STYLES, Option

AUTO = "auto"
_LIBRARIES = {  # by what a script imports; the first that is there reads the command line
    "fire": "fire", "tyro": "tyro", "jsonargparse": "jsonargparse",
    "lightning.pytorch.cli": "jsonargparse", "pytorch_lightning.cli": "jsonargparse",
    "simple_parsing": "simple-parsing", "HfArgumentParser": "simple-parsing", "typer": "typer",
    "click": "click", "absl.flags": "absl", "argparse": "plain",
}  # fmt: skip
_READERS = {
    *_LIBRARIES, "argv", "orig_argv", "ArgumentParser", "OptionParser", "getopt", "add_to_argparse",
    "hydra", "from_cli", "LightningCLI", "docopt", "plac", "clize", "cyclopts", "defopt", "argh",
    "configargparse", "tap", "gin", "sacred", "config_flags", "pydantic_settings", "cappa",
    "traitlets", "fileinput",
}  # fmt: skip
_ENVIRONMENT = {"environ", "getenv", "environb", "environs", "decouple", "pydantic_settings"}


@dataclass(frozen=True)
class Script:
    """What is known of a script, and of the modules beside it that it imports.

    Attributes:
        path: the script.
        trees: of all its modules that can be read.
        declared: its options and positional words, in the order in which they are declared.
        uses: the modules and names that it mentions.
    """

    path: Path
    trees: tuple[ast.Module, ...]
    declared: tuple[Declared, ...]
    uses: frozenset[str] = field(repr=False)

    @property
    def options(self) -> tuple[Declared, ...]:
        """What of it can be told as ``--name=value``."""
        return tuple(item for item in self.declared if item.form != "positional")

    @property
    def style(self) -> str:
        """The style of the library that reads its command line; ``plain``, if none is known."""
        return next((style for name, style in _LIBRARIES.items() if name in self.uses), "plain")

    @property
    def reads_arguments(self) -> bool:
        """Whether anything in it can look at its command line."""
        return bool(self.uses & _READERS)

    @property
    def reads_environment(self) -> bool:
        """Whether anything in it can look at its environment."""
        return bool(self.uses & _ENVIRONMENT)


def read_script(words: Sequence[str], folder: Path) -> Script | None:
    """The Python script that a command starts, if it is one of a folder.

    Args:
        words: of the command.
        folder: of the scripts.
    """
    for before, word in zip(("", *words), words):
        name = word.replace(".", "/") + ".py" if before == "-m" else word
        path = folder / name
        if name.endswith(".py") and path.is_file():
            trees = tuple(_modules(path, folder))
            declared = tuple(Source(trees).declared())
            uses = frozenset(name for tree in trees for name in _mentioned(tree))
            return Script(path, trees, declared, uses)
    return None


class Arguments:
    """How the program of a command is told its parameters.

    Args:
        words: of the command.
        folder: of the scripts.
        style: one of `STYLES`; ``auto``: that of the script.
    """

    def __init__(self, words: Sequence[str], folder: Path, style: str = AUTO) -> None:
        script = read_script(words, folder)
        found = script.style if script is not None else "plain"
        self._style = STYLES[found if style == AUTO else style]
        self._declared = script.options if script is not None else ()

    def words(self, name: str, value: object) -> list[str]:
        """The words for one parameter.

        Raises:
            ValueError: there is no way to say it.
        """
        return self._option(name).words(value)

    def _option(self, name: str) -> Option:
        plain = name.replace("-", "_")
        found = [item for item in self._declared if plain in item.known_as]
        if not found:
            return self._style.called(name)
        option = found[0].option(self._style, name)
        alike = all(item.kind == found[0].kind for item in found)
        return option if alike else replace(option, number="")  # of several sub-commands


def _modules(path: Path, folder: Path) -> Iterator[ast.Module]:
    """The trees of a script and of the modules beside it that it imports, itself first."""
    waiting, seen = [path], {path}
    while waiting:
        tree = _parsed(waiting.pop(0))
        if tree is None:
            continue
        yield tree
        for name in imported(tree):
            parts = name.lstrip(".").split(".")
            for base in {path.parent, folder}:
                for end in (f"{parts[-1]}.py", f"{parts[-1]}/__init__.py"):
                    beside = base.joinpath(*parts[:-1], end)
                    if beside not in seen and beside.is_file():
                        seen.add(beside)
                        waiting.append(beside)


def _parsed(path: Path) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _mentioned(tree: ast.AST) -> Iterator[str]:
    for name in imported(tree):
        parts = name.split(".")
        yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))
        yield parts[-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id
