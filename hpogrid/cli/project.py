"""``hpogrid project``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hpogrid.cli.complete import configs_of, projects
from hpogrid.cli.options import FilledPath, setting_options
from hpogrid.cli.output import F, format_option, message, print_data, print_rows, say
from hpogrid.cli.stored import add_list, add_remove, add_where

if TYPE_CHECKING:
    from hpogrid.config.project import Project

_KINDS = ("model_config", "search_space", "hpo_config", "grid_config")


class _Projects:
    """The projects, as the shared actions see them."""

    label = "project"

    def names(self, pattern: str = "*") -> list[str]:
        from hpogrid.config.project import project_names

        return project_names(pattern)

    def where(self, name: str) -> Path:
        from hpogrid.config.project import project_path

        return project_path(name)

    def remove(self, name: str) -> Path:
        from hpogrid.config.project import remove_project

        return remove_project(name)


@click.group()
def project() -> None:
    """Four configs and the training scripts, bundled under one name.

    \b
    For example:
      hpogrid project create my_project --scripts_path train.py --model_config m \\
          --search_space s --hpo_config h --grid_config g
    """


def _options(function: F, *, required: bool) -> F:
    function = click.option(
        "--no_check", is_flag=True, help="Do not import the script to check it."
    )(function)
    for kind in reversed(_KINDS):
        function = click.option(
            f"--{kind}",
            required=required,
            shell_complete=configs_of(kind),
            help=f"Name of the {kind.replace('_', ' ')}.",
        )(function)
    return click.option(
        "--scripts_path",
        required=required,
        type=FilledPath(path_type=Path),
        help="Training script, or folder of scripts.",
    )(function)


def _create_options(function: F) -> F:
    return _options(function, required=True)


def _update_options(function: F) -> F:
    return _options(function, required=False)


@project.command("create")
@click.argument("name", shell_complete=projects)
@_create_options
def create(name: str, scripts_path: Path, no_check: bool, **configs: str) -> None:
    """Make a project of four configs and scripts, as they are now."""
    _write(name, scripts_path, configs, check=not no_check, replace=False)
    message(f"created project '{name}'")


@project.command("recreate", short_help="Make a project anew.")
@click.argument("name", shell_complete=projects)
@_create_options
def recreate(name: str, scripts_path: Path, no_check: bool, **configs: str) -> None:
    """Make the project NAME anew; a dated backup of the old one is kept."""
    _write(name, scripts_path, configs, check=not no_check, replace=True)
    message(f"recreated project '{name}'")


@project.command("update", short_help="Change parts of a project.")
@click.argument("name", shell_complete=projects)
@_update_options
@click.option(
    "--set",
    "edits",
    multiple=True,
    metavar="NAME[.SETTING]=VALUE",
    help="Change its search space: lr.high=0.1, or a whole parameter: lr=1e-5:1e-1:log.",
)
@setting_options
def update(
    name: str, scripts_path: Path | None, no_check: bool, edits: tuple[str, ...], **given: object
) -> None:
    """Change the named parts of the project NAME; a dated backup of the old one is kept.

    Configs that are not named stay as they are in the project, also if the stored config of
    that name has changed since. --set and the options of the configs change the project's own
    copies: hpogrid project update my_project --set lr.high=0.1 --trials 100
    """
    from hpogrid.config.project import load_project
    from hpogrid.config.revise import revised

    old = load_project(name)
    named = {kind: given.pop(kind) for kind in _KINDS}
    configs = {kind: str(config) for kind, config in named.items() if config is not None}
    settings = {key: value for key, value in given.items() if value is not None}
    if not (configs or settings or edits or scripts_path):
        raise click.UsageError("nothing to change; name at least one option")
    _write(name, scripts_path, configs, check=not no_check, replace=True, base=old,
           change=lambda project: revised(project, settings, edits))  # fmt: skip
    new = load_project(name)
    if new.study_version == old.study_version:
        message(f"updated project '{name}'")
        return
    message(
        f"updated project '{name}': version {new.study_version} (was {old.study_version}); reports "
        "keep the results of the earlier one apart (--all_versions)"
    )


def _write(
    name: str,
    scripts: Path | None,
    configs: dict[str, str],
    *,
    check: bool,
    replace: bool,
    base: Project | None = None,
    change: Callable[[Project], Project] | None = None,
) -> None:
    from hpogrid.config.assemble import assemble

    for note in assemble(
        name, scripts, configs, check=check, replace=replace, base=base, change=change
    ):
        message(f"note: {note}")


@project.command("show", short_help="Print the configs of a project.")
@click.argument("name", shell_complete=projects)
@click.option("--drift", is_flag=True, help="Show in what its parts differ from what is stored.")
@format_option("json")
def show(name: str, drift: bool, form: str) -> None:
    """Print the project NAME: its configs as they are bundled, and its scripts.

    With --drift it is what has become different since: in the stored configs that it took
    copies of, and in its scripts.
    """
    import msgspec

    from hpogrid.config.project import load_project
    from hpogrid.config.revise import drifted

    if drift:
        rows = drifted(load_project(name))
        print_rows(rows, ["part", "setting", "project", "stored"], form)
        if not rows:
            message("no difference")
        return
    data = msgspec.to_builtins(load_project(name))
    if form in ("table", "csv"):
        rows = [{"part": key, "content": value} for key, value in data.items()]
        print_rows(rows, ["part", "content"], form)
    else:
        print_data(data, form)


@project.command("copy")
@click.argument("name", shell_complete=projects)
@click.argument("new_name")
def copy(name: str, new_name: str) -> None:
    """Make the project NEW_NAME with the content of NAME."""
    from hpogrid.config.project import load_project

    _write(new_name, None, {}, check=False, replace=False, base=load_project(name))
    message(f"created project '{new_name}'")


@project.command("export", short_help="Write a project to one file.")
@click.argument("name", shell_complete=projects)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="File  [default: NAME.tar.gz]."
)
def export(name: str, output: Path | None) -> None:
    """Write the project NAME, scripts and all, to one file that ``import`` reads elsewhere."""
    from hpogrid.config.assemble import export_project

    say(export_project(name, output or Path(f"{name}.tar.gz")))


@project.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the new project  [default: the one in the file].")
def import_(path: Path, name: str | None) -> None:
    """Make a project of the file PATH that ``export`` wrote."""
    from hpogrid.config.assemble import import_project

    message(f"created project '{import_project(path, name)}'")


add_list(project, _Projects)
add_where(project, _Projects)
add_remove(project, _Projects)
