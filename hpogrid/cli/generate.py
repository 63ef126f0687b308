"""``hpogrid generate``: what PanDA's HPO service calls in a steering container."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpogrid.cli.options import JsonObject
from hpogrid.cli.output import message

if TYPE_CHECKING:
    from hpogrid.search.base import Mode

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
@click.option("-i", "--infile", type=click.Path(path_type=Path), required=True,
              help="Points so far with their losses, and the search space (JSON).")  # fmt: skip
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
def generate(
    n_point: int,
    max_point: int | None,
    infile: Path,
    outfile: Path | None,
    algorithm: str,
    space: str | None,
    algorithm_param: dict[str, Any] | None,
    method: str | None,
    metric: str | None,
    mode: Mode,
) -> None:
    """Propose points of a search that somebody else runs.

    The input is that of a steering container of PanDA's HPO service, plain or segmented. A loss
    of null is a point still being evaluated, 1e5 one that failed.

    \b
    For example, as a steering command of phpo:
      hpogrid generate --n_point=%NUM_POINTS --max_point=%MAX_POINTS \\
          --infile=$PWD/%IN --outfile=$PWD/%OUT -l=nevergrad
    """
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
    message(f"{len(points)} points proposed")


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
