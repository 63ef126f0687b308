"""Making projects: from stored configs and scripts, and from an exported file."""

from __future__ import annotations

import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.archives import Refused, reasonable, unpack
from hpogrid.config.advice import checkpoint_notes, project_notes
from hpogrid.config.git import git_state
from hpogrid.config.project import (
    FILE,
    SCRIPTS,
    Project,
    check_exists,
    check_scripts,
    draft_project,
    load_project,
    project_path,
    projects_path,
    publish_project,
    read_project,
)
from hpogrid.config.schemas import Config
from hpogrid.config.scripts import script_files, script_notes
from hpogrid.config.store import STORES
from hpogrid.errors import UserError
from hpogrid.files import files_below, scratch, writing
from hpogrid.registry import unknown
from hpogrid.search.prior import read_prior
from hpogrid.space.parameter import Categorical, Ordinal
from hpogrid.space.space import Space


def assemble(
    name: str,
    scripts: Path | None,
    configs: dict[str, str],
    *,
    check: bool = True,
    replace: bool = False,
    base: Project | None = None,
    change: Callable[[Project], Project] | None = None,
    given: Mapping[str, Config | Space] | None = None,
    checked: Callable[[], None] | None = None,
) -> list[str]:
    """Bundle stored configs and scripts into a project.

    Args:
        name: of the project.
        scripts: a script, or a folder of scripts; None: those of ``base``.
        configs: the name of the stored config of each kind; what is not named is taken from
            ``base``.
        check: whether to import the training script, in another process.
        replace: whether the project exists and is replaced, with a backup.
        base: a stored project.
        change: what is changed in its copies of the configs.
        given: configs that are to be stored under the names in ``configs``.
        checked: called when nothing is wrong, before the project is there.

    Returns:
        What the user should know.

    Raises:
        UserError: a config or script that is not there, or a script that is wrong.
    """
    check_exists(name, replace)
    old = None
    if replace:
        old = base if base is not None and base.name == name else load_project(name)
    files, notes, shown = _scripts(scripts, base)
    project = _project(name, shown, configs, base, given or {})
    if scripts is not None:
        project = msgspec.structs.replace(project, git=git_state(shown, files))
    project = project if change is None else change(project)
    _check_space(project)
    _ = project.study_name  # is refused here and not in the job
    _check_files(project, files, shown)
    notes += project_notes(project, files) + checkpoint_notes(project, files)
    with draft_project(project, files) as (project, folder):
        notes += _check_words(project, folder / SCRIPTS)
        if check:
            notes += _check_model(project, folder / SCRIPTS, shown)
        if checked is not None:
            checked()
        publish_project(project, folder, old)
    return notes


def _scripts(scripts: Path | None, base: Project | None) -> tuple[dict[str, Path], list[str], Path]:
    """The files, what the user should know about them, and the folder they come from."""
    if scripts is None:
        assert base is not None
        return files_below(project_path(base.name) / SCRIPTS), [], Path(base.scripts_path)
    scripts = scripts.expanduser().absolute()
    return script_files(scripts), script_notes(scripts), scripts


def _project(
    name: str,
    scripts: Path,
    configs: dict[str, str],
    base: Project | None,
    given: Mapping[str, Config | Space],
) -> Project:
    parts: dict[str, Any] = {
        kind: given[kind] if kind in given else STORES[kind].load(config)
        for kind, config in configs.items()
    }
    if "search_space" in parts:
        parts["search_space"] = parts["search_space"].to_json()
    parts |= {"name": name, "created": time.time(), "scripts_path": str(scripts)}
    parts["made_of"] = {**(base.made_of if base is not None else {}), **configs}
    if base is not None:
        return msgspec.structs.replace(base, **parts)
    return Project(scripts={}, **parts)


def _check_files(project: Project, files: dict[str, Path], shown: Path) -> None:
    from hpogrid.config.prep import check_prep
    from hpogrid.trial.placeholders import check_command, command_words, trial_files, uses

    model = project.model_config
    for name in model.files:
        if name not in files:
            raise UserError(f"model config: {unknown('file', name, list(files))} (in {shown})")
    names = [*model.param, *project.space.parameters]
    words = command_words(model.command, model.script)
    if model.model is None:
        paths = trial_files(template=bool(model.template), prep=bool(model.prep))
        check_command(words, names, paths)
    if model.template is not None and (model.model is not None or uses(words, "config")):
        from hpogrid.space.template import read_template_file

        read_template_file(files[model.template], names)
    check_prep(model.prep, project.space, model.param)


def _check_words(project: Project, folder: Path) -> list[str]:
    """Refuse values that the program cannot be told; note a script that cannot know any."""
    from hpogrid.trial.check import unread_note
    from hpogrid.trial.declared import Arguments
    from hpogrid.trial.placeholders import check_values, command_words

    model, space = project.model_config, project.space
    if model.model is not None:
        return []
    words = command_words(model.command, model.script)
    values = [*model.param.items(), *space.present(space.apply(space.defaults()).applied).items()]
    for name, item in space.parameters.items():
        if isinstance(item, Categorical | Ordinal):
            values += [(name, value) for value in item.choices]
    check_values(words, values, Arguments(words, folder, model.arg_style))
    note = unread_note(words, folder)
    return [note] if note else []


def _check_model(project: Project, folder: Path, shown: Path) -> list[str]:
    """Import the script from its snapshot, as jobs will; messages name the user's own file."""
    from hpogrid.trial.check import check_script

    model = project.model_config
    if model.model is None:
        return []
    try:
        note = check_script(folder, str(model.script), model.model)
    except UserError as error:
        original = shown.parent if shown.is_file() else shown
        raise UserError(str(error).replace(str(folder), str(original))) from error
    return [note] if note else []


def _check_space(project: Project) -> None:
    """Refuse what other configs say of parameters and does not go with the search space."""
    clash = sorted(set(project.model_config.param) & set(project.space.parameters))
    if clash:
        raise UserError(
            f"'{clash[0]}' is in the search space and in the model config's param; "
            "take it out of one of them"
        )
    read_prior(project.hpo_config.prior, project.space)


def export_project(name: str, output: Path) -> Path:
    """Write a project to one ``.tar.gz`` file and return its path."""
    load_project(name)
    with writing(output) as stream, tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.add(project_path(name) / FILE, FILE)
        archive.add(project_path(name) / SCRIPTS, SCRIPTS)
    return output


def import_project(path: Path, name: str | None) -> str:
    """Make a project of an exported file; return its name.

    Raises:
        UserError: the file is missing, or is no export, or holds paths outside of itself.
    """
    with scratch(projects_path()) as folder:
        unpack_export(path, folder)
        try:
            project = read_project(folder)
            check_scripts(project, folder)
        except UserError as error:
            problem = str(error).removeprefix(f"{folder} is no project: ")
            problem = problem.replace(f"{folder}/", "")
            raise UserError(f"{path} is no exported project: {problem}") from error
        project = msgspec.structs.replace(project, name=name or project.name)
        check_exists(project.name, False)
        files = files_below(folder / SCRIPTS)
        _check_space(project)
        _check_files(project, files, path)
        with draft_project(project, files) as (project, draft):
            publish_project(project, draft)
    return project.name


def unpack_export(path: Path, folder: Path) -> None:
    """Unpack a file that an export wrote.

    Raises:
        UserError: it is missing, damaged, holds paths outside of itself, or more than an export.
    """
    if not path.exists():
        raise UserError(f"no such file: {path}")
    try:
        unpack(path, folder, largest=reasonable(path))
    except Refused as error:
        raise UserError(f"{path} cannot be unpacked: {error}") from error
