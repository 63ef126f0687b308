"""The first thing a batch job does: is this a Python that can run it?

``python -m hpogrid.job.entry FOLDER JOB``, with the wheel that came with the task on the path.
It needs the standard library only, so that a bad image draws a sentence, not a traceback.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
from pathlib import Path

_OLDEST = (3, 11)


def problem() -> str | None:
    """Why this Python cannot run a job, or None."""
    if sys.version_info < _OLDEST:
        return f"this Python is {sys.version.split()[0]}; hpogrid needs {_OLDEST[0]}.{_OLDEST[1]}"
    missing = [name for name in _needed() if not _installed(name)]
    if missing:
        return (
            f"this Python ({sys.executable}) lacks {', '.join(missing)}; "
            "use an image made from docker/, or install hpogrid's requirements in it"
        )
    return None


def other_version() -> str | None:
    """The version of an hpogrid that is installed here beside the one that runs."""
    from hpogrid._version import VERSION

    own = Path(__file__).resolve().parents[2]
    for found in importlib.metadata.distributions(name="hpogrid"):
        where = Path(str(found.locate_file(""))).resolve()
        if where != own and found.version != VERSION:
            return found.version
    return None


def _needed() -> list[str]:
    lines = importlib.metadata.requires("hpogrid") or []
    names = (re.match(r"[\w.-]+", line) for line in lines if "extra ==" not in line)
    return [name.group() for name in names if name]


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def main(arguments: list[str]) -> int:
    """Check, then run the job (see `hpogrid.job.here`)."""
    wrong = problem()
    if wrong is not None:
        sys.stderr.write(f"hpogrid: {wrong}\n")
        return 1
    from hpogrid._version import VERSION
    from hpogrid.job.here import main as run

    other = other_version()
    if other is not None:
        sys.stderr.write(
            f"hpogrid: {other} is installed here; this job uses {VERSION}, which came with it\n"
        )
    return run(*arguments)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # A user's script may have left threads behind that would keep the process alive.
    os._exit(code)
