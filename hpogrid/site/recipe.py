"""The grid search as files that need no hpogrid: numbered points, and scripts around them.

`make_recipe` writes the points of a space into its ``workdir``, ``prep.sh``, which prepares what
they need, and ``sge-train.sh``, which trains one of them as a member of an array of Grid Engine.
"""

from __future__ import annotations

import json
import shlex
import string
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from hpogrid.config.prep import Step, check_prep, fixed_values, needs, steps
from hpogrid.config.schemas import GridConfig, ModelConfig
from hpogrid.errors import UserError
from hpogrid.files import read_text, write_atomic
from hpogrid.site import HERE, SITES
from hpogrid.site.batchsystem import Request
from hpogrid.site.hpmfiles import Numbering, number_points, point_texts, write_points
from hpogrid.site.sge import GridEngine
from hpogrid.space.parameter import Constant
from hpogrid.space.space import Space
from hpogrid.trial.placeholders import (
    check_command,
    command_words,
    fill,
    hpm_text,
    runnable,
)

PREP, TRAIN = "prep.sh", "sge-train.sh"
_MARK = "# Written by 'hpogrid generate --grid'"
_AT_ONCE = 5
_SET_BY_US = ("-N", "-wd", "-o", "-j", "-S", "-r")


def make_recipe(
    space: Space, model: ModelConfig | None, grid: GridConfig, folder: Path
) -> tuple[list[str], list[str]]:
    """Write the files of a grid search.

    Args:
        space: a finite one.
        model: the command that trains, and what is to be prepared; None: neither.
        grid: what a member of the array needs.
        folder: where the scripts go, and what ``workdir`` is relative to.

    Returns:
        What to do next, in three steps, and notes.

    Raises:
        UserError: what is wrong with the space or a command; nothing is written then.
    """
    workdir = _workdir(space)
    numbering = number_points(folder / workdir, point_texts(space, model.param if model else {}))
    scripts: dict[Path, str] = {}
    found: list[Step] = []
    if model is not None:
        check_prep(model.prep, space, model.param)
        found = _all_steps(space, model)
        if found:
            scripts[folder / PREP] = _prep_script(found, model, workdir, folder)
        scripts[folder / TRAIN] = _train_script(model, workdir, folder)
    commands = [shlex.join(command) for command in submit_commands(grid, numbering)]
    for path in scripts:
        if path.exists() and _MARK not in read_text(path):
            raise UserError(f"{path} is there and not from hpogrid; move it away first")
    write_points(folder / workdir, numbering)
    for step in found:
        texts = {"hpm": hpm_text(step.values), "json": json.dumps(dict(step.values), indent=2)}
        for kind, path in _step_files(folder / workdir, step).items():
            write_atomic(path, texts[kind].encode())
    for path, text in scripts.items():
        write_atomic(path, text.encode())
        path.chmod(0o755)
    plain = workdir.is_absolute() or workdir == Path()
    shown = str(workdir) if plain else f"./{workdir}"
    return _three_steps(len(numbering.numbers), shown, bool(found), commands), _notes(numbering)


def _workdir(space: Space) -> Path:
    item = space.parameters.get("workdir")
    if item is None:
        return Path()
    if not isinstance(item, Constant) or not isinstance(item.value, str) or not item.value:
        raise UserError("'workdir' must be one folder: it is where the numbered files go")
    return Path(item.value)


def _three_steps(count: int, workdir: str, prepare: bool, commands: Sequence[str]) -> list[str]:
    first = f"run the following to prepare the data: /bin/sh {PREP}"
    return [
        f"Step1: {first if prepare else 'nothing to prepare (--prep says what is)'}",
        f"Step2: {count} hpm files generated in {workdir}",
        "Step3: run the following to train...",
        *commands,
    ]


def _notes(numbering: Numbering) -> list[str]:
    notes = []
    if numbering.gone:
        numbers = ", ".join(map(str, numbering.gone))
        notes.append(f"no longer in the space, and set aside as N.hpm.old: {numbers}")
    kept = len(numbering.numbers) - len(numbering.new)
    if kept and numbering.new:
        numbers = ", ".join(map(str, numbering.new))
        notes.append(f"{kept} points have the numbers that they had; new are {numbers}")
    return notes


# --- submission ----------------------------------------------------------------------------


def submit_commands(grid: GridConfig, numbering: Numbering) -> list[list[str]]:
    """The ``qsub`` commands: one, or one for each range where numbers are missing.

    Raises:
        UserError: the options are not Grid Engine's.
    """
    if grid.site in SITES and grid.site not in (GridEngine.name, HERE):
        raise UserError(
            f"--grid writes scripts for Grid Engine (qsub), not for site {grid.site}: choose a "
            f"grid config with --site {GridEngine.name}; on other sites 'hpogrid run' with "
            "--algorithm grid evaluates the same points"
        )
    request = Request(
        "grid", Path(), Path(), len(numbering.numbers), grid, grid.cpus, grid.gpus,
        grid.walltime_seconds,
    )  # fmt: skip
    options = []
    for line in GridEngine().directives(request):
        words = shlex.split(line.removeprefix("#$ "))
        if words[0] not in _SET_BY_US:
            options += words
    most = grid.max_jobs or _AT_ONCE
    return [
        ["qsub", "-S", "/bin/sh", "-V", "-cwd", *options, "-j", "y",
         "-t", f"{first}:{last}", "-tc", str(most), TRAIN]
        for first, last in numbering.ranges
    ]  # fmt: skip


# --- scripts -------------------------------------------------------------------------------


def _all_steps(space: Space, model: ModelConfig) -> list[Step]:
    """The steps of all points, each once, stage by stage."""
    fixed = fixed_values(space, model.param)
    found = {
        step.name: step
        for point in space.enumerate()
        for step in steps(model.prep, point.applied, fixed, lasting=True)
    }
    return sorted(found.values(), key=lambda step: step.stage)


def _prep_script(found: Sequence[Step], model: ModelConfig, workdir: Path, folder: Path) -> str:
    calls = []
    for step in found:
        stages = needs(model.prep, step.stage)
        earlier = [
            other.name
            for other in found
            if other.stage in stages
            and all(step.keys[name] == value for name, value in other.keys.items())
        ]
        files = {"prep": Path(), **_step_files(workdir, step)}
        words = fill(list(step.words), step.values, files)
        call = ["step", step.name, step.title, " ".join(earlier), *runnable(words, folder)]
        calls.append(shlex.join(call))
    return _template("prep.sh").substitute(
        mark=_MARK, folder=shlex.quote(str(workdir / "prep")), steps="\n".join(calls)
    )


def _step_files(workdir: Path, step: Step) -> dict[str, Path]:
    """The files with a step's values, by their placeholders."""
    return {kind: workdir / "prep" / f"{step.name}.{kind}" for kind in ("hpm", "json")}


def _train_script(model: ModelConfig, workdir: Path, folder: Path) -> str:
    words = command_words(model.command, None) if model.command else []
    spread = "{args}" in words or "{overrides}" in words
    if spread or not any("{hpm}" in word for word in words):
        raise UserError(
            "generate --grid: the command must take its parameters from a file: "
            "--command 'train.sh -p {hpm}'"
        )
    values = {"hpm": '"$hpm"', "folder": '"${hpm%.hpm}"', "prep": "."}
    check_command(words, [], list(values))
    text = " ".join(map(shlex.quote, runnable(words, folder)))
    for name, value in values.items():
        text = text.replace(f"'{{{name}}}'", value).replace(f"{{{name}}}", f"'{value}'")
    return _template("sge-train.sh").substitute(
        mark=_MARK, folder=shlex.quote(str(workdir)), command=text
    )


def _template(name: str) -> string.Template:
    path = resources.files("hpogrid.site") / "templates" / name
    return string.Template(path.read_text(encoding="utf-8"))


__all__ = ["make_recipe", "submit_commands"]
