"""What `hpogrid_job.py` calls, once there is a Python that can run a job."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hpogrid._version import VERSION
from hpogrid.errors import Exit


def main(arguments: Sequence[str], folder: str) -> int:
    """Run the job of a task, or that of the bundle in ``folder``; return the exit code."""
    parser = argparse.ArgumentParser(prog="hpogrid_job.py")
    parser.add_argument(
        "--task", nargs=2, metavar=("FOLDER", "JOB"), help="a job, from 0, of a task"
    )
    parser.add_argument(
        "--job", type=int, default=1, help="number of the job, from 1 (0: the first too)"
    )
    parser.add_argument("--evaluate", nargs=2, metavar=("POINT", "LOSS"), help="files of one point")
    parser.add_argument("--away", type=int, metavar="JOB", help="a job, of the task in this folder")
    parser.add_argument("--probe", action="store_true", help="only tell what is here")
    options = parser.parse_args(arguments)
    other = other_version()
    if other is not None:
        _say(f"{other} is installed here; this job uses {VERSION}, which came with it")
    place = Path(options.task[0] if options.task else folder)
    why = unwritable(place)
    if why is not None:
        _say(f"a job writes into its folder {place}, and cannot: {why}")
        return Exit.FAILURE
    if options.task:
        from hpogrid.job import here

        return here.main(*options.task)
    if options.away is not None:
        from hpogrid.job import away

        return away.main(place, options.away)
    if options.probe:
        from hpogrid.job import probe

        return probe.main(place)
    from hpogrid.job import worknode

    return worknode.main(place, max(1, options.job) - 1, options.evaluate)


def unwritable(folder: Path) -> str | None:
    """Why nothing can be written into a folder, or None."""
    try:
        with tempfile.TemporaryFile(dir=folder) as stream:
            stream.write(bytes(2**16))
    except OSError as error:
        return error.strerror or str(error)
    return None


def other_version() -> str | None:
    """The version of an hpogrid that is installed here beside the one that runs."""
    own = Path(__file__).resolve().parents[2]
    for found in importlib.metadata.distributions(name="hpogrid"):
        where = Path(str(found.locate_file(""))).resolve()
        if where != own and found.version != VERSION:
            return found.version
    return None


def _say(text: str) -> None:
    sys.stderr.write(f"hpogrid: {text}\n")
