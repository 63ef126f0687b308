"""Nothing heavy is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "pandas", "ray", "optuna", "plotly", "scipy", "torch", "hyperopt", "rich")


def loaded_by(code: str) -> list[str]:
    """The heavy modules that some code has loaded."""
    report = f"\nimport sys\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    found: list[str] = eval(answer.stdout.splitlines()[-1])
    return found


EVERY_MODULE = """
import hpogrid, importlib, pkgutil
for module in pkgutil.walk_packages(hpogrid.__path__, "hpogrid."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def test_no_module_imports_a_heavy_library() -> None:
    assert loaded_by(EVERY_MODULE) == []


@pytest.mark.parametrize(
    "command",
    [
        ["hpo_config", "create", "h", "--algorithm", "optuna", "--scheduler", "median"],
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
    import hpogrid

    assert callable(hpogrid.report)
    assert callable(hpogrid.checkpoint)
    assert hpogrid.get_checkpoint() is None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hpogrid.nothing
