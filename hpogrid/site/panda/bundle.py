"""What is sent with a task to machines that know nothing of us: one ``.tar.gz`` file.

It holds the project (``bundle/``), the settings of the task, and hpogrid itself (see `carried`).
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from hpogrid.config.project import read_project
from hpogrid.config.schemas import GridConfig
from hpogrid.errors import UserError
from hpogrid.job.settings import BUNDLE, SETTINGS, START, JobSettings
from hpogrid.site.carry import Content, bundled, carried, write_archive
from hpogrid.site.setup import in_bash, setup_lines

LARGEST = 10 * 2**20
"""Bytes that the PanDA server takes with a task."""


def bundle_content(project_folder: Path, settings: JobSettings) -> Content:
    """The files to send, by their name in the bundle."""
    grid = read_project(project_folder).grid_config
    content = carried(grid)
    content[START] = _after_setup(content[START], grid)
    content[SETTINGS] = msgspec.json.format(msgspec.json.encode(settings), indent=1)
    return content | bundled(project_folder)


def _after_setup(program: Path | bytes, grid: GridConfig) -> bytes:
    """The program that starts a job, with the user's own lines at its top."""
    text = program if isinstance(program, bytes) else program.read_bytes()
    lines = setup_lines(grid)
    if not lines:
        return text
    first, _, rest = text.decode().partition("\n")
    once = (
        'if [ -z "$HPOGRID_SET_UP" ]; then\nexport HPOGRID_SET_UP=1\nhpogrid_folder=$PWD\n'
        f'{lines}cd "$hpogrid_folder" || exit 1\nfi\n'
    )
    return f"{first}\n{in_bash(grid)}{once}{rest}".encode()


def write_bundle(content: Content, target: Path) -> None:
    """Write the files as a ``.tar.gz`` (see `write_archive`).

    Raises:
        UserError: it is larger than the server takes.
    """
    write_archive(content, target)
    size = target.stat().st_size
    if size > LARGEST:
        raise UserError(
            f"the bundle has {size / 2**20:.0f} MB and PanDA takes {LARGEST // 2**20} MB: put data "
            "into a dataset ('hpogrid data upload', --inDS), and list what jobs do not need in "
            ".hpogridignore"
        )


def sizes(content: Content) -> list[tuple[str, int]]:
    """The names of the project's files with their sizes in bytes, and how much else there is."""
    found = {
        name: len(source) if isinstance(source, bytes) else source.stat().st_size
        for name, source in sorted(content.items())
    }
    own = {name: size for name, size in found.items() if name.startswith(f"{BUNDLE}/")}
    rest = f"hpogrid itself, {len(found) - len(own)} files"
    return [*own.items(), (rest, sum(found.values()) - sum(own.values()))]
