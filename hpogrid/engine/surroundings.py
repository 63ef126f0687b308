"""In what the trials of a job run, as its ledger has it."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from hpogrid.config.git import Git
from hpogrid.space.value import Value
from hpogrid.study.events import Environment

IMAGE = "HPOGRID_IMAGE"
"""The environment variable with the image of a job that hpogrid starts in a container."""

_IMAGES = (IMAGE, "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NVIDIA = Path("/proc/driver/nvidia")


def environment_of(told: Mapping[str, Value], git: Git | None) -> Environment:
    """The environment of this process, and what the trials' Python tells of its own.

    Args:
        told: the fields of `hpogrid.trial.surroundings.Surroundings`.
        git: of the folder that the scripts were taken from.

    Raises:
        msgspec.ValidationError: ``told`` is nothing of the kind.
    """
    known = msgspec.convert(told, Environment)
    image = next((found for name in _IMAGES if (found := os.environ.get(name))), "")
    digest = _DIGEST.search(image)
    return msgspec.structs.replace(
        known,
        system=f"{_system()}, {platform.machine()}",
        gpus=_gpus(),
        driver=_driver(),
        image=image,
        digest=digest.group() if digest else "",
        git=git,
    )


def _system() -> str:
    with contextlib.suppress(OSError):
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return platform.system()


def _gpus() -> tuple[str, ...]:
    """The models of the GPUs that the driver lists; to ask its program would take a second."""
    found = []
    for path in sorted(_NVIDIA.glob("gpus/*/information")):
        with contextlib.suppress(OSError):
            model = re.search(r"^Model:\s*(.+)$", path.read_text(errors="replace"), re.MULTILINE)
            found.append(model.group(1).strip() if model else "unknown")
    return tuple(found)


def _driver() -> str:
    with contextlib.suppress(OSError):
        text = (_NVIDIA / "version").read_text(errors="replace")
        version = re.search(r"\s(\d+\.\d+(?:\.\d+)?)\s", text)
        return version.group(1) if version else ""
    return ""
