"""Running a job in a container image, by whatever runtime the node has.

Inside, ``/hpogrid/project/`` is the working directory of trials, with the scripts and the input
data; the task's folder and the input data are there under the same paths as outside.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hpogrid.config.project import Project
from hpogrid.config.schemas import CONTAINER
from hpogrid.errors import UserError
from hpogrid.site.carry import carried, carried_path
from hpogrid.site.tasks import Task

PROJECT = "/hpogrid/project"
_START = "/"
"""Where the job starts: not among the user's scripts, whose names could hide modules."""

NONE = "none"
JOB = "@JOB@"
"""Stands for the number of the job until it is known."""

_GPU = "@GPU@"
"""Stands for the options that show the node's GPUs to the container."""

_ENVIRONMENT = "@ENVIRONMENT@"
"""Stands for the option that gives the container the environment of its image."""

_PATH = "/opt/hpogrid/bin:/usr/local/bin:/usr/bin:/bin"
"""Where programs are, in an image that cannot say so itself: as in those of docker/."""

ENVIRONMENT = {"HPOGRID_WORK_DIR": PROJECT, "PYTHONNOUSERSITE": "1"}
"""What a job in a container finds set, besides what every job does."""

_PASSED_ON = ("HPOGRID_*", "SLURM_*", "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
              "HIP_VISIBLE_DEVICES", "NSLOTS", "_CONDOR_NPROCS", "PYTHON*")  # fmt: skip

Kind = Literal["file", "folder", "registry"]


@dataclass(frozen=True)
class Wanted:
    """The container of a job.

    Attributes:
        image: a path, or a reference such as ``docker://python:3.12``.
        kind: of the image.
        runtimes: those that may run it, the best first.
        binds: (outside, inside) pairs of folders.
        gpus: whether to show the node's GPUs.
        variables: names of environment variables that jobs get.
    """

    image: str
    kind: Kind
    runtimes: tuple[str, ...]
    binds: tuple[tuple[str, str], ...]
    gpus: bool = False
    variables: tuple[str, ...] = ()


# --- the runtimes --------------------------------------------------------------------------


def _apptainer(program: str) -> Callable[[Wanted], list[str]]:
    def words(wanted: Wanted) -> list[str]:
        binds = [f"--bind={outside}:{inside}" for outside, inside in wanted.binds]
        return [program, "exec", *binds, f"--pwd={_START}", _GPU, wanted.image]

    return words


def _podman(wanted: Wanted) -> list[str]:
    binds = [f"--volume={outside}:{inside}" for outside, inside in wanted.binds]
    passed = [f"--env={name}" for name in (*_PASSED_ON, *wanted.variables)]
    image = [wanted.image]
    if wanted.kind == "folder":
        image = [f"--env=PATH={_PATH}", "--rootfs", wanted.image]
    return ["podman", "run", "--rm", "--network=host", "--security-opt=label=disable",
            "--entrypoint=", f"--workdir={_START}", *binds, *passed, _GPU, *image]  # fmt: skip


def _charliecloud(wanted: Wanted) -> list[str]:
    binds = [f"--bind={outside}:{inside}" for outside, inside in wanted.binds]
    return ["ch-run", "--write", _ENVIRONMENT, *binds, f"--cd={_START}", wanted.image, "--"]


def _charliecloud_setup(wanted: Wanted) -> list[str]:
    """The image's own environment, if it came from a registry, and what ch-run insists on."""
    own = shlex.quote(f"{wanted.image}/ch/environment")
    return [
        f"env=--set-env; [ -e {own} ] || env=--set-env=PATH={_PATH}",
        'USER="${USER:-$(id -un)}"; export USER',
    ]


@dataclass(frozen=True)
class _Runtime:
    """A container program, the images it can run, and its options for the two makes of GPU.

    ``setup`` gives lines of shell that come before it.
    """

    program: str
    kinds: tuple[Kind, ...]
    words: Callable[[Wanted], list[str]]
    nvidia: str = ""
    amd: str = ""
    setup: Callable[[Wanted], list[str]] = lambda wanted: []


_ALL: tuple[Kind, ...] = ("file", "folder", "registry")
_RUNTIMES = {
    "apptainer": _Runtime("apptainer", _ALL, _apptainer("apptainer"), "--nv", "--rocm"),
    "singularity": _Runtime("singularity", _ALL, _apptainer("singularity"), "--nv", "--rocm"),
    "podman": _Runtime(
        "podman",
        ("folder", "registry"),
        _podman,
        "--device=nvidia.com/gpu=all",
        "--device=/dev/kfd --device=/dev/dri",
    ),
    "charliecloud": _Runtime("ch-run", ("folder",), _charliecloud, setup=_charliecloud_setup),
}


# --- what a job asks for -------------------------------------------------------------------


def wanted(
    project: Project, task: Task, *, gpus: bool = False, here: bool = False
) -> Wanted | None:
    """The container that a project's jobs want at a site of the user's own, or None.

    The default image of the specification is for sites of the grid: elsewhere it counts only
    where a runtime was chosen.

    Args:
        project, task: whose jobs.
        gpus: whether they get GPUs.
        here: whether they run on this machine: then image and runtime have to be on it.

    Raises:
        UserError: no such image, or no runtime that can run it.
    """
    grid = project.grid_config
    image, runtime = grid.container, grid.container_runtime
    if image in ("", NONE) or runtime == NONE or (image == CONTAINER and runtime == "auto"):
        return None
    kind = _kind(image, here)
    names = list(_RUNTIMES) if runtime == "auto" else [runtime]
    usable = tuple(name for name in names if kind in _RUNTIMES[name].kinds)
    if not usable:
        able = ", ".join(name for name, item in _RUNTIMES.items() if kind in item.kinds)
        raise UserError(
            f"container_runtime: {runtime} cannot run the {kind} {image}; choose one of {able}"
        )
    if here and not any(shutil.which(_RUNTIMES[name].program) for name in usable):
        programs = ", ".join(_RUNTIMES[name].program for name in usable)
        raise UserError(
            f"this machine has no program to run the container {image} ({programs}); "
            "install one, or run without with --container none"
        )
    binds = tuple(_binds(project, task))
    return Wanted(image, kind, usable, binds, gpus, tuple(grid.environment))


def _kind(image: str, here: bool) -> Kind:
    if "://" in image:
        return "registry"
    path = Path(image)
    if not path.is_absolute():
        raise UserError(
            f"container: '{image}' must be an absolute path, or a reference like docker://NAME"
        )
    if path.is_dir():
        return "folder"
    if path.exists() or not (here or _is_visible(path)):
        return "file" if path.suffix in (".sif", ".img", ".sqfs") or path.exists() else "folder"
    raise UserError(f"container: there is no image {image}; give the path of a SIF file or sandbox")


def _is_visible(path: Path) -> bool:
    """Whether the file system that should have ``path`` is there at all (CVMFS often is not)."""
    top = Path(*path.parts[:3]) if path.parts[1:2] == ("cvmfs",) else Path(*path.parts[:2])
    return top.is_dir()


def _binds(project: Project, task: Task) -> Iterable[tuple[str, str]]:
    yield f"{task.folder}", f"{task.folder}"
    yield f"{task.folder}/jobs/{JOB}/work", PROJECT
    came_along = str(carried_path(carried(project.grid_config)))
    yield came_along, came_along
    data = project.grid_config.inDS
    if data and Path(data).is_dir():
        yield str(Path(data).absolute()), str(Path(data).absolute())
    for text in filter(None, (project.grid_config.container_binds or "").split(",")):
        outside, _, inside = text.strip().partition(":")
        if not outside.startswith("/") or not (inside or outside).startswith("/"):
            raise UserError(f"container_binds: '{text}' must be /FOLDER or /OUTSIDE:/INSIDE")
        yield outside, inside or outside


# --- as a shell says it --------------------------------------------------------------------


def shell_words(words: Sequence[str]) -> str:
    """Words quoted for a shell; `JOB` becomes ``$HPOGRID_JOB``."""
    return " ".join(
        '"$HPOGRID_JOB"'.join(shlex.quote(part) if part else "" for part in word.split(JOB))
        for word in words
    )


def shell_fragment(wanted: Wanted, command: Sequence[str]) -> str:
    """The lines of a script that run a command in the container, by the first runtime there is.

    The shell becomes the runtime, so that signals reach it.
    """
    programs = " ".join(_RUNTIMES[name].program for name in wanted.runtimes)
    lines = [
        f"mkdir -p {shell_words([wanted.binds[1][0]])}",
        "# The first of these that this node has runs the container:",
        f"for runtime in {programs}; do command -v $runtime >/dev/null && break; runtime=; done",
        "gpu=",
        "case $runtime in",
    ]
    for name in wanted.runtimes:
        runtime = _RUNTIMES[name]
        lines.append(f"{runtime.program})")
        if wanted.gpus and runtime.nvidia:
            lines += [
                f"  [ -e /dev/nvidiactl ] && gpu='{runtime.nvidia}'",
                f'  [ -e /dev/kfd ] && gpu="$gpu {runtime.amd}"',
            ]
        lines += [f"  {line}" for line in runtime.setup(wanted)]
        words = shell_words([*runtime.words(wanted), *command])
        words = words.replace(_GPU, "$gpu").replace(_ENVIRONMENT, '"$env"')
        lines += [f"  exec {words} ;;"]
    lines += ["esac", f"echo 'this node has none of {programs} to run the container' >&2", "exit 1"]
    return "\n".join(lines)
