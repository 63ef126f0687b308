"""The Python in which trials run; it need not have hpogrid, which is brought there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import hpogrid.trial
from hpogrid.config.schemas import ModelConfig
from hpogrid.errors import RunError
from hpogrid.trial.placeholders import command_words

TRIAL_PYTHON = "HPOGRID_TRIAL_PYTHON"
"""The environment variable with the Python of an image, where the driver runs in another one."""
TRIAL_LIBRARIES = "HPOGRID_TRIAL_LIBRARIES"
"""The environment variable with the image's ``LD_LIBRARY_PATH``, where the driver needs its own."""

_OLDEST = (3, 9)
_SECONDS = 60


class Python(NamedTuple):
    """A Python, and what is added to the environment of what runs in it."""

    program: str
    environment: Mapping[str, str]


def trial_python(model: ModelConfig, scripts: Path, folder: Path) -> Python:
    """The Python of a model config: the driver's own, unless it says otherwise.

    Args:
        model: names a Python, an environment's folder, or ``auto``.
        scripts: the folder of the training scripts.
        folder: where hpogrid is put for a Python that is not ours.

    Raises:
        RunError: there is none, or it is too old.
    """
    named = model.python or os.environ.get(TRIAL_PYTHON)
    if named is None:
        return Python(sys.executable, {})
    program = _found(model, scripts) if named == "auto" else _program(named)
    if Path(program).absolute() == Path(sys.executable).absolute():
        return Python(sys.executable, {})
    _check(program)
    bring(folder)
    return Python(program, _environment(Path(program).absolute(), folder))


def _program(named: str) -> str:
    path = Path(named).expanduser()
    if path.is_dir():
        places = (path / "bin" / "python", path / "bin" / "python3")
        path = next((place for place in places if place.exists()), path / "bin" / "python")
    found = shutil.which(str(path))
    if found is None:
        raise RunError(
            f"there is no Python at {named}; name a Python, or the folder of an environment, with "
            "--python in the model config"
        )
    return found


def _found(model: ModelConfig, scripts: Path) -> str:
    """The Python that the script asks for, else that of an active environment."""
    words = command_words(model.command, model.script)
    for word in (model.script, *words):
        if word and (scripts / word).is_file():
            with (scripts / word).open("rb") as stream:
                line = stream.readline(256).decode(errors="replace")
            asked = re.match(r"#!\s*(?:/usr/bin/env\s+(?:-S\s+)?)?(\S*python[\d.]*)\s*$", line)
            if asked and (program := shutil.which(asked.group(1))):
                return program
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if place := os.environ.get(variable):
            return _program(place)
    return _program(os.environ.get(TRIAL_PYTHON) or sys.executable)


def _check(program: str) -> None:
    code = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [program, "-I", "-c", code],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
        version = tuple(map(int, answer.stdout.split()))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise RunError(
            f"{program} (--python of the model config) does not work: {error}"
        ) from error
    if version < _OLDEST:
        raise RunError(
            f"{program} is Python {'.'.join(map(str, version))}; trials need "
            f"{'.'.join(map(str, _OLDEST))} or newer"
        )


def bring(folder: Path) -> None:
    """Put into a folder what a trial needs of hpogrid."""
    package = folder / "hpogrid"
    if (package / "__init__.py").exists():
        return
    source = Path(hpogrid.trial.__file__).parent
    shutil.copytree(source, package / "trial", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(source / "brought.py", package / "__init__.py")


def _environment(program: Path, folder: Path) -> dict[str, str]:
    """As if the environment of a Python were active, with hpogrid's part on its path."""
    places = [str(folder), *filter(_foreign, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    variables = {
        "PATH": f"{program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": os.pathsep.join(places),
    }
    if TRIAL_LIBRARIES in os.environ:
        variables["LD_LIBRARY_PATH"] = os.environ[TRIAL_LIBRARIES]
    root = program.parent.parent
    if (root / "pyvenv.cfg").exists():
        variables["VIRTUAL_ENV"] = str(root)
    if (root / "conda-meta").exists():
        variables["CONDA_PREFIX"] = str(root)
    return variables


def _foreign(place: str) -> bool:
    """Whether a place on the path is not there for hpogrid's own Python."""
    if not place or place.endswith((".whl", ".zip")):
        return False
    names = set(os.listdir(place)) if os.path.isdir(place) else set()
    return "hpogrid" not in names and names != {"msgspec"}
