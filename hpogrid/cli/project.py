"""``hpogrid project``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

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
            f"--{kind}", required=required, help=f"Name of the {kind.replace('_', ' ')}."
        )(function)
    return click.option(
        "--scripts_path",
        required=required,
        type=click.Path(path_type=Path),
        help="Training script, or folder of scripts.",
    )(function)


def _create_options(function: F) -> F:
    return _options(function, required=True)


def _update_options(function: F) -> F:
    return _options(function, required=False)


@project.command("create")
@click.argument("name")
@_create_options
def create(name: str, scripts_path: Path, no_check: bool, **configs: str) -> None:
    """Make a project of four configs and scripts, as they are now."""
    _write(name, scripts_path, configs, check=not no_check, replace=False)
    message(f"created project '{name}'")


@project.command("recreate")
@click.argument("name")
@_create_options
def recreate(name: str, scripts_path: Path, no_check: bool, **configs: str) -> None:
    """Make the project NAME anew; a dated backup of the old one is kept."""
    _write(name, scripts_path, configs, check=not no_check, replace=True)
    message(f"recreated project '{name}'")


@project.command("update")
@click.argument("name")
@_update_options
def update(name: str, scripts_path: Path | None, no_check: bool, **configs: str | None) -> None:
    """Change the named parts of the project NAME; a dated backup of the old one is kept.

    Configs that are not named stay as they are in the project, also if the stored config of
    that name has changed since.
    """
    from hpogrid.config.project import load_project

    old = load_project(name)
    given = {kind: config for kind, config in configs.items() if config is not None}
    if not given and scripts_path is None:
        raise click.UsageError("nothing to change; name at least one option")
    _write(name, scripts_path, given, check=not no_check, replace=True, base=old)
    message(f"updated project '{name}'")


def _write(
    name: str,
    scripts: Path | None,
    configs: dict[str, str],
    *,
    check: bool,
    replace: bool,
    base: Project | None = None,
) -> None:
    from hpogrid.config.assemble import assemble

    for note in assemble(name, scripts, configs, check=check, replace=replace, base=base):
        message(f"note: {note}")


@project.command("show")
@click.argument("name")
@format_option("json")
def show(name: str, form: str) -> None:
    """Print the project NAME: its configs as they are bundled, and its scripts."""
    import msgspec

    from hpogrid.config.project import load_project

    data = msgspec.to_builtins(load_project(name))
    if form in ("table", "csv"):
        rows = [{"part": key, "content": value} for key, value in data.items()]
        print_rows(rows, ["part", "content"], form)
    else:
        print_data(data, form)


@project.command("copy")
@click.argument("name")
@click.argument("new_name")
def copy(name: str, new_name: str) -> None:
    """Make the project NEW_NAME with the content of NAME."""
    from hpogrid.config.project import load_project

    _write(new_name, None, {}, check=False, replace=False, base=load_project(name))
    message(f"created project '{new_name}'")


@project.command("export")
@click.argument("name")
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
