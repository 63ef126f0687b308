"""What every job on a machine of its own needs there, and what it leaves to be brought home."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from hpogrid.config.project import Project
from hpogrid.engine.prep import STEPS
from hpogrid.job.run import PREP, RESULT
from hpogrid.text import counted

HIDDEN = ".hpogrid"

LARGEST_PACKED = 2 * 2**30
"""Bytes of trials' files that are packed: a pilot ends jobs that need more disk than their queue
gives (14 GB at many), and fails those whose output cannot be stored."""


def make_home(folder: Path) -> None:
    """Point everything that likes to write somewhere into the job's directory."""
    hidden = folder / HIDDEN
    hidden.mkdir(exist_ok=True)
    os.environ["HPOGRID_HOME"] = str(hidden)
    home = Path(os.environ.get("HOME", "/nonexistent"))
    if not os.access(home, os.W_OK):
        os.environ["HOME"] = str(hidden)
    for name, place in (("XDG_CACHE_HOME", "cache"), ("MPLCONFIGDIR", "matplotlib")):
        os.environ.setdefault(name, str(hidden / place))
    if not os.access(tempfile.gettempdir(), os.W_OK) or tempfile.gettempdir() == os.getcwd():
        scratch = folder / "tmp"
        scratch.mkdir(exist_ok=True)
        os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)


def pack(job: Path, target: Path, project: Project | None, *, spare: int = 0) -> str:
    """Write what a job left besides its ledger as a ``.tgz``: result, logs and checkpoints.

    The smallest files come first, as many as there is room for.

    Args:
        job: its folder.
        target: the file.
        project: says where the logs are; None: it could not be read.
        spare: bytes of the disk that are left free.

    Returns:
        what was left out, in a sentence; mostly nothing was.
    """
    names = [RESULT, "trials", f"{PREP}/{STEPS}"]
    if project is not None:
        names.append(os.path.normpath(project.hpo_config.log_dir))
    roots = [job / name for name in names]
    inside = {path for root in roots for path in (root, *root.rglob("*"))}
    files = [path for path in inside if path.is_symlink() or path.is_file()]
    room = min(LARGEST_PACKED, shutil.disk_usage(target.parent).free - spare)
    left, draft = 0, target.with_name(f".{target.name}")
    with tarfile.open(draft, "w:gz") as archive:
        for size, path in sorted((path.lstat().st_size, path) for path in files):
            room -= size + tarfile.BLOCKSIZE
            left += room < 0
            if room >= 0:
                archive.add(path, path.relative_to(job).as_posix())
    draft.replace(target)
    if not left:
        return ""
    return (
        f"the {counted(left, 'largest file')} of the trials, such as checkpoints, are not kept"
        f": {target.name} has no room for more"
    )
