"""In what a trial runs: its Python, and the versions of the packages that its scripts import."""

from __future__ import annotations

import ast
import contextlib
import os
import platform
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from importlib.metadata import Distribution

MOST_SCRIPTS = 500
"""So many scripts are read for what they import, at most."""

_OWN = frozenset({"hpogrid", "__main__", "__mp_main__"})
_NO_EXTRA = re.compile(r"""extra\s*==""")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Surroundings(NamedTuple):
    """The Python that evaluates, and what is installed of what its scripts need.

    Attributes:
        python: its version.
        program: its path.
        packages: the versions of distributions, by name; of those that the scripts import, that
            are loaded already, and that these require.
        threads: so many its libraries are told to compute with; 0: nobody says.
    """

    python: str
    program: str
    packages: dict[str, str]
    threads: int = 0


def look(scripts: Path) -> Surroundings:
    """What the scripts of a folder find in this Python."""
    loaded = {name.partition(".")[0] for name in list(sys.modules) if not name.startswith("_")}
    names = _imports(scripts) | loaded  # what begins with _ was loaded by an environment's .pth
    own = {path.stem for path in scripts.glob("*.py")} | {path.name for path in scripts.iterdir()}
    packages: dict[str, str] = {}
    for found in _distributions(sorted(names - own - _OWN - _standard())):
        _add(found, packages)
    version = platform.python_version()
    told = os.environ.get("OMP_NUM_THREADS", "")
    threads = int(told) if told.isdecimal() else 0
    return Surroundings(version, sys.executable, dict(sorted(packages.items())), threads)


def _standard() -> set[str]:
    """The modules that come with Python; before 3.10 nothing tells them all."""
    return {*sys.builtin_module_names, *getattr(sys, "stdlib_module_names", ())}


def _imports(scripts: Path) -> set[str]:
    """The modules that the scripts name in an import, wherever in them."""
    found = set()
    for path in _python_files(scripts):
        with contextlib.suppress(OSError, SyntaxError, ValueError, RecursionError):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Import):
                    found |= {item.name.partition(".")[0] for item in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found


def _python_files(scripts: Path) -> list[Path]:
    found: list[Path] = []
    for root, folders, names in os.walk(scripts):  # which follows no link: input data may be large
        folders[:] = [name for name in folders if name != "__pycache__"]
        found += [Path(root, name) for name in names if name.endswith(".py")]
        if len(found) >= MOST_SCRIPTS:
            break
    return found[:MOST_SCRIPTS]


def _distributions(modules: list[str]) -> Iterable[Distribution]:
    """The distributions that modules come from; a module that is none's has none."""
    left = set()
    for name in modules:
        found = _distribution(name)
        if found is not None:
            yield found
        elif _from_elsewhere(name):
            left.add(name)
    if not left:
        return
    from importlib import metadata  # takes as long as Python itself

    for found in metadata.distributions():
        with contextlib.suppress(Exception):  # whatever is wrong with an installation
            if left & _modules(found):
                yield found


def _distribution(name: str) -> Optional[Distribution]:  # noqa: UP045 (3.9)
    from importlib import metadata

    with contextlib.suppress(metadata.PackageNotFoundError, ValueError):
        return metadata.distribution(name)
    return None


def _from_elsewhere(name: str) -> bool:
    """Whether a module that is no distribution's name may be one's all the same."""
    module = sys.modules.get(name)
    if module is None:
        return not name.startswith("_")
    return "-packages" in str(getattr(module, "__file__", None))


def _modules(found: Distribution) -> set[str]:
    """The modules of a distribution: as it says itself, else by its files."""
    text = found.read_text("top_level.txt")
    if text:
        return set(text.split())
    first = {str(path).partition("/")[0] for path in found.files or ()}
    return {name.partition(".")[0] for name in first}


def _add(found: Distribution, packages: dict[str, str]) -> None:
    """Take down a distribution, and those that it requires and that are here."""
    with contextlib.suppress(Exception):  # whatever is wrong with an installation
        name, version = str(found.metadata["Name"]), str(found.version)
        if name in packages or name in _OWN:
            return
        packages[name] = version
        for text in found.requires or ():
            needed = _NAME.match(text)
            if needed is None or _NO_EXTRA.search(text):
                continue
            other = _distribution(needed.group())
            if other is not None:
                _add(other, packages)
