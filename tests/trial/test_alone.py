"""The trial's side runs in Pythons that have nothing but their standard library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hpogrid.trial
from tests.pythons import pythons

PACKAGE = Path(hpogrid.trial.__file__).parent
MODULES = sorted(PACKAGE.glob("*.py"))

EVERY_MODULE = """
import importlib, pkgutil, sys
import hpogrid.trial
for module in pkgutil.iter_modules(hpogrid.trial.__path__, "hpogrid.trial."):
    importlib.import_module(module.name)
others = [name for name in sys.modules if name.startswith("hpogrid")]
others = [name for name in others if not name.startswith("hpogrid.trial")]
sys.exit(set(others) - {"hpogrid", "hpogrid._version"} != set())
"""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_the_standard_library_and_its_package_alone(path: Path) -> None:
    known = {*sys.stdlib_module_names, "hpogrid"}
    for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 9))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.split(".")[0] in known
            assert name.startswith("hpogrid.trial") or not name.startswith("hpogrid")


@pytest.mark.parametrize("python", pythons())
def test_it_is_imported_by_every_python(python: str, tmp_path: Path) -> None:
    (tmp_path / "hpogrid").mkdir()
    (tmp_path / "hpogrid" / "__init__.py").touch()
    (tmp_path / "hpogrid" / "trial").symlink_to(PACKAGE)
    environment = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [python, "-S", "-c", EVERY_MODULE]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
