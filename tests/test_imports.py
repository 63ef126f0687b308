"""Nothing heavy is imported before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hpogrid

HEAVY = ("numpy", "pandas", "ray", "optuna", "plotly", "scipy", "torch", "hyperopt", "rich")


ROOMS = [
    ["cli"], ["cleanup"], ["report"], ["site"], ["job"], ["engine"],
    ["search", "schedule", "study", "config", "data"], ["space"], ["trial"],
]  # fmt: skip
"""Each imports from itself, its neighbours and those further down."""


def loaded_by(code: str) -> list[str]:
    """The heavy modules that some code has loaded."""
    report = f"\nimport sys\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    found: list[str] = eval(answer.stdout.splitlines()[-1])
    return found


NUMERIC = ("hpogrid.search.candidates", "hpogrid.search.gaussian")
"""Arrays all through: the algorithm gp imports these when it proposes."""

EVERY_MODULE = f"""
import hpogrid, importlib, pkgutil
for module in pkgutil.walk_packages(hpogrid.__path__, "hpogrid."):
    if not module.name.endswith("__main__") and module.name not in {NUMERIC!r}:
        importlib.import_module(module.name)
"""


def test_no_module_imports_a_heavy_library() -> None:
    assert loaded_by(EVERY_MODULE) == []


@pytest.mark.parametrize(
    "command",
    [
        ["hpo_config", "create", "h", "--algorithm", "optuna", "--scheduler", "median"],
        ["hpo_config", "create", "h", "--algorithm", "gp"],
        ["grid_config", "list"],
        ["search_space", "create", "s", '{"x":{"method":"normal","dimension":{"mu":0,"sigma":1}}}'],
        ["project", "list"],
        ["tasks", "--help"],
        ["--help"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_no_config_command_loads_a_heavy_library(command: list[str]) -> None:
    assert loaded_by(f"from hpogrid.cli.main import run\nassert run({command!r}) == 0") == []


def test_the_public_names() -> None:
    assert callable(hpogrid.report)
    assert callable(hpogrid.checkpoint)
    assert hpogrid.get_checkpoint() is None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hpogrid.nothing


LEAF = "hpogrid.trial.overrides"
"""How values are written for Hydra: it imports nothing, so the space may write as trials do."""


def imported(path: Path) -> Iterator[str]:
    """The rooms from which a module takes something, at whatever time."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        own = (name for name in names if name.startswith("hpogrid."))
        yield from (name.split(".")[1] for name in own if not name.startswith(LEAF))


def test_imports_go_one_way() -> None:
    floors = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}
    folder = Path(hpogrid.__file__).parent
    assert set(floors) == {path.parent.name for path in folder.glob("*/__init__.py")}
    upwards = [
        f"{path.relative_to(folder)}: {room}"
        for path in folder.glob("*/**/*.py")
        for room in imported(path)
        if floors.get(room, len(ROOMS)) < floors[path.relative_to(folder).parts[0]]
    ]
    assert upwards == []
