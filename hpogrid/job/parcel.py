"""What every job on a machine of its own needs there, and what it leaves to be brought home."""

from __future__ import annotations

import os
import tarfile
import tempfile
from pathlib import Path

from hpogrid.config.project import Project
from hpogrid.engine.prep import STEPS
from hpogrid.job.run import PREP, RESULT

HIDDEN = ".hpogrid"


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


def pack(job: Path, target: Path, project: Project | None) -> None:
    """Write what a job left besides its ledger as a ``.tgz``: result, logs and checkpoints.

    Args:
        job: its folder.
        target: the file.
        project: says where the logs are; None: it could not be read.
    """
    names = [RESULT, "trials", f"{PREP}/{STEPS}"]
    if project is not None:
        names.append(os.path.normpath(project.hpo_config.log_dir))
    draft = target.with_name(f".{target.name}")
    with tarfile.open(draft, "w:gz") as archive:
        for name in names:
            if (job / name).exists():
                archive.add(job / name, name)
    draft.replace(target)
