"""Making projects: from stored configs and scripts, and from an exported file."""

from __future__ import annotations

import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.config.project import (
    FILE,
    LARGE,
    SCRIPTS,
    Project,
    load_project,
    project_path,
    read_project,
    script_files,
    scripts_size,
    write_project,
)
from hpogrid.config.store import STORES
from hpogrid.errors import UserError
from hpogrid.files import explained
from hpogrid.registry import unknown


def assemble(
    name: str,
    scripts: Path,
    configs: dict[str, str],
    *,
    check: bool = True,
    replace: bool = False,
    old: Project | None = None,
) -> list[str]:
    """Bundle stored configs and scripts into a project.

    Args:
        name: of the project.
        scripts: a script, or a folder of scripts.
        configs: the name of the stored config of each kind; what is not named is taken from
            ``old``.
        check: whether to import the training script, in another process.
        replace: whether the project exists and is replaced, with a backup.

    Returns:
        What the user should know.

    Raises:
        UserError: a config or script that is not there, or a script that is wrong.
    """
    project_path(name)
    scripts = scripts.expanduser()
    parts = {kind: STORES[kind].load(config) for kind, config in configs.items()}
    project = _project(name, scripts, parts, old)
    notes = _check_scripts(project, scripts, check) + _check_param(project)
    write_project(project, scripts, replace=replace)
    return notes


def _project(name: str, scripts: Path, parts: dict[str, Any], old: Project | None) -> Project:
    if "search_space" in parts:
        parts["search_space"] = parts["search_space"].to_json()
    origin = str(scripts.absolute())
    if old is not None:
        return msgspec.structs.replace(
            old, name=name, created=time.time(), scripts_path=origin, **parts
        )
    return Project(name=name, created=time.time(), scripts={}, scripts_path=origin, **parts)


def _check_scripts(project: Project, scripts: Path, check: bool) -> list[str]:
    from hpogrid.trial.check import check_script
    from hpogrid.trial.command import check_command, command_words

    files = dict(script_files(scripts))
    model = project.model_config
    for name in model.files:
        if name not in files:
            raise UserError(f"model config: {unknown('file', name, list(files))} (in {scripts})")
    notes = []
    size = scripts_size(scripts)
    if size > LARGE:
        notes.append(
            f"the scripts are {size / 2**20:.0f} MB and every job gets a copy; "
            "list what jobs do not need in .hpogridignore"
        )
    if model.model is None:
        names = [*model.param, *project.space.parameters]
        check_command(command_words(model), names, model.template is not None)
    elif check:
        folder = scripts if scripts.is_dir() else scripts.parent
        note = check_script(folder.absolute(), str(model.script), model.model)
        notes += [note] if note else []
    return notes


def _check_param(project: Project) -> list[str]:
    clash = sorted(set(project.model_config.param) & set(project.space.parameters))
    if clash:
        raise UserError(
            f"'{clash[0]}' is in the search space and in the model config's param; "
            "take it out of one of them"
        )
    return []


def export_project(name: str, output: Path) -> Path:
    """Write a project to one ``.tar.gz`` file and return its path."""
    load_project(name)
    with explained(output), tarfile.open(output, "w:gz") as archive:
        archive.add(project_path(name) / FILE, FILE)
        archive.add(project_path(name) / SCRIPTS, SCRIPTS)
    return output


def import_project(path: Path, name: str | None) -> str:
    """Make a project of an exported file; return its name.

    Raises:
        UserError: the file is missing, or is no export, or holds paths outside of itself.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            with tarfile.open(path) as archive:
                archive.extractall(folder, filter="data")
        except FileNotFoundError as error:
            raise UserError(f"no such file: {path}") from error
        except (tarfile.TarError, EOFError, OSError) as error:
            raise UserError(f"{path} cannot be unpacked: {error}") from error
        project = read_project(Path(folder))
        scripts = Path(folder) / SCRIPTS
        project = msgspec.structs.replace(project, name=name or project.name)
        write_project(project, scripts, replace=False)
    return project.name
