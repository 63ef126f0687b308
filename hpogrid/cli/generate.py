"""``hpogrid generate``: points for a search that somebody else runs.

That is what PanDA's HPO service calls in a steering container; with ``--grid`` it writes the
points of a grid as files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpogrid.cli.options import JsonObject, prep_options, prep_stages
from hpogrid.cli.output import message
from hpogrid.errors import UserError
from hpogrid.space.value import Values
from hpogrid.text import counted

if TYPE_CHECKING:
    from hpogrid.search.base import Mode
    from hpogrid.space.space import Space

_METHODS = {"nevergrad": "optimizer", "optuna": "sampler"}


class _Command(click.Command):
    """A command that also takes ``-l=VALUE``, as PanDA's documentation spells it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the ``=`` out of short options."""
        parts = (re.fullmatch(r"(-[A-Za-z])=(.*)", word, re.DOTALL) for word in args)
        spelled = [
            list(match.groups()) if match else [word]
            for word, match in zip(args, parts, strict=True)
        ]
        return super().parse_args(ctx, [word for words in spelled for word in words])


@click.command(cls=_Command)
@click.option("-n", "--n_point", type=click.IntRange(0), default=1, show_default=True,
              help="How many points to propose.")  # fmt: skip
@click.option("-m", "--max_point", type=click.IntRange(0),
              help="How many points there may be, with those of the input.")  # fmt: skip
@click.option("-i", "--infile", type=click.Path(path_type=Path),
              help="Points so far with their losses, and the search space (JSON); needed without "
              "--grid.")  # fmt: skip
@click.option("-o", "--outfile", type=click.Path(path_type=Path),
              help="Where to write the points  [default: stdout].")  # fmt: skip
@click.option("-l", "--library", "--algorithm", "algorithm", default="nevergrad",
              show_default=True, help="Algorithm that proposes.")  # fmt: skip
@click.option("-s", "--space", help="Search space, by name or @FILE, instead of the input's.")
@click.option("--algorithm_param", type=JsonObject(), help="Its parameters: a JSON object.")
@click.option(
    "--method", help="One of its methods: the optimizer of nevergrad, the sampler of optuna."
)
@click.option("--metric", help="Name of the loss; it changes nothing.")
@click.option("--mode", type=click.Choice(["min", "max"]), default="min", show_default=True,
              help="Which way a loss is better.")  # fmt: skip
@click.option(
    "--grid", is_flag=True, help="Write every point of a finite space as a numbered .hpm file."
)
@click.option("--project", help="With --grid: where space, command, and options come from.")
@click.option("--command", help="With --grid: what trains a point, such as 'train.sh -p {hpm}'.")
@click.option("--grid_config", help="With --grid: a stored config with the options of qsub.")
@prep_options
def generate(
    n_point: int,
    max_point: int | None,
    infile: Path,
    outfile: Path | None,
    algorithm: str,
    space: str | None,
    algorithm_param: Values | None,
    method: str | None,
    metric: str | None,
    mode: Mode,
    grid: bool,
    project: str | None,
    command: str | None,
    grid_config: str | None,
    prep: tuple[str, ...],
    prep_keys: tuple[str, ...],
) -> None:
    """Propose points of a search that somebody else runs.

    The input is that of a steering container of PanDA's HPO service, plain or segmented. A loss
    of null is a point still being evaluated, 1e5 one that failed.

    \b
    For example, as a steering command of phpo:
      hpogrid generate --n_point=%NUM_POINTS --max_point=%MAX_POINTS \\
          --infile=$PWD/%IN --outfile=$PWD/%OUT -l=nevergrad

    With --grid it writes the points of a grid, and scripts that prepare and train them with Grid
    Engine: hpogrid generate --grid -s hpm-space.yaml --command 'train.sh -p {hpm}'
    """
    if grid:
        _write_grid(space, project, command, grid_config, prep_stages(prep, prep_keys))
        return
    if infile is None:
        raise click.UsageError("Missing option '-i' / '--infile'.")
    import msgspec

    from hpogrid.files import parse_file, write_atomic
    from hpogrid.search.generate import generate as propose

    params = dict(algorithm_param or {})
    if method is not None:
        params[_METHODS.get(algorithm, "method")] = method
    points = propose(
        parse_file(infile),
        n_point=n_point,
        max_point=max_point,
        algorithm=algorithm,
        params=params,
        mode=mode,
        space=_space(space),
        where=str(infile),
    )
    data = msgspec.json.encode(points)
    if outfile is None:
        click.echo(data)
    else:
        write_atomic(outfile, data)
    message(f"{counted(len(points), 'point')} proposed")


def _write_grid(
    space: str | None,
    project_name: str | None,
    command: str | None,
    grid_config: str | None,
    prep: Values,
) -> None:
    """Write the files of a grid search and print what to do with them."""
    import msgspec

    from hpogrid.config.project import load_project
    from hpogrid.config.schemas import GridConfig
    from hpogrid.config.store import STORES, read_config
    from hpogrid.site.recipe import make_recipe

    project = load_project(project_name) if project_name is not None else None
    if project is None and space is None:
        raise UserError("generate --grid: give the space with -s NAME or FILE, or a --project")
    found = _grid_space(space) if space is not None else None
    if found is None:
        assert project is not None
        found = project.space
    model = project.model_config if project is not None else None
    settings = {**prep, **({"command": command} if command is not None else {})}
    if settings:
        old = msgspec.to_builtins(model) if model is not None else {}
        old |= {"script": None, "model": None} if command is not None else {}
        model = read_config("model_config", {**old, **settings}, "generate --grid")  # type: ignore[assignment]
    options = project.grid_config if project is not None else GridConfig()
    if grid_config is not None:
        options = STORES["grid_config"].load(grid_config)
    lines, notes = make_recipe(found, model, options, Path())
    for note in notes:
        message(f"note: {note}")
    for line in lines:
        click.echo(line)


def _grid_space(given: str) -> Space:
    """A stored space, or that of a file in any dialect."""
    if given.startswith("@") or Path(given).is_file():
        from hpogrid.space.dialects import read_space_file

        return read_space_file(Path(given.removeprefix("@")), given, None, None)[0]
    from hpogrid.config.store import STORES

    space: Space = STORES["search_space"].load(given)
    return space


def _space(given: str | None) -> Any:
    """A stored space as methods and dimensions, or the content of a file."""
    if given is None:
        return None
    from hpogrid.files import parse_file

    if given.startswith("@") or Path(given).is_file():
        return parse_file(Path(given.removeprefix("@")))
    from hpogrid.config.store import STORES
    from hpogrid.space.dialects import render_space

    return render_space(STORES["search_space"].load(given), "method_dimension")
