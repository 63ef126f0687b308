"""A job on a machine that does not see the task's folder: a worker node of the grid.

`hpogrid.job.entry` calls `main` in the directory of the job. Only that
directory needs to be writable; there may be no network and no home. Whatever happens, what was
found out gets out: in the ledger (an output), in the job's log (a copy of the ledger's lines), and
in ``userJobMetadata.json``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tarfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from hpogrid.archives import Refused, unpack
from hpogrid.config.project import SCRIPTS, Project, read_project
from hpogrid.engine.resources import presume_cores, wanted_cores
from hpogrid.errors import Exit, UserError
from hpogrid.files import copy_files, files_below, write_atomic
from hpogrid.job.parcel import HIDDEN, make_home, pack
from hpogrid.job.run import JobResult, run_job
from hpogrid.job.settings import BUNDLE, LEDGER, LIB, PACKED, SETTINGS, VENDOR, read_settings
from hpogrid.search.base import derive_seed
from hpogrid.signals import handled
from hpogrid.study.ledger import SUFFIX, ledger_attempts, ledger_name
from hpogrid.study.metadata import METADATA, small_metadata
from hpogrid.study.study import read_study
from hpogrid.text import counted

LOG_MARK = "hpogrid-ledger:"
"""How lines of the ledger begin in the log of a job; `hpogrid report` finds them there."""

NUMBERS = 100_000
"""The trials of an attempt, of whose predecessors no ledger is at hand, are numbered from
this times their count, so that no two trials of a job have the same number."""

PROJECT_FOLDER = Path("/hpogrid/project")
"""Where images may have input data and further scripts."""

ROOM = "hpogrid_room"
"""A file that is there while trials run, so that its space is left for the results of a job whose
trials have filled the disk."""
ROOM_BYTES = 16 * 2**20

_MARGIN_SECONDS = (30.0, 600.0)
_MARGIN = 0.05  # of the time limit, kept for writing results
_FETCH_SECONDS = 30.0
_LARGEST_EARLIER = 50 * 2**20


class Place:
    """The directory of a job, and who the job is.

    Args:
        folder: the bundle, unpacked.
        index: which job of the task, from 0.
    """

    def __init__(self, folder: Path, index: int) -> None:
        self.folder = folder
        self.settings = read_settings(folder / SETTINGS)
        # Where the numbers of jobs begin with 0 and not with 1, the first one has the last's index.
        self.index = index if index >= 0 else index + self.settings.n_jobs
        self.bundle = folder / BUNDLE
        self.job = folder / "job"
        self.ledgers = folder / "ledger"
        # Without the number of the attempt, the job's own number is as good: it is never reused.
        self.attempt = _number("PanDA_AttemptNr") or _number("PandaID") or 1

    def own(self, name: str) -> bool:
        """Whether a file of the directory is ours, and no input."""
        ours = (BUNDLE, LIB, VENDOR, "job", "ledger", SETTINGS, METADATA, "tmp", HIDDEN)
        return name in ours or name.startswith(("hpogrid_", "point-", "__", "."))


def main(folder: Path, index: int, point: Sequence[str] | None) -> int:
    """Run the job that the bundle in a folder holds, or evaluate a point; return the exit code.

    It is 0 as soon as results are written, for PanDA keeps the results of such jobs only.

    Args:
        folder: the bundle, unpacked.
        index: which job of the task, from 0.
        point: the files with one point for PanDA's HPO service, and for its loss.
    """
    place = Place(folder, index)
    os.chdir(place.folder)
    _make_home(place)
    if point:
        return _evaluate(place, *map(Path, point))
    _say(f"task {place.settings.name}, job {place.index}, attempt {place.attempt}")
    result: JobResult | None = None
    try:
        _presume_cores(place)
        seed, after = _go_on(place)
        _prepare(place, place.job / "work")
        with contextlib.suppress(OSError):  # what could be written of it is room, too
            (place.folder / ROOM).write_bytes(bytes(ROOM_BYTES))
        with _time_limit(place.settings.seconds), _Log(place.ledgers) as log:
            result = run_job(
                place.bundle,
                place.job,
                job=place.index,
                seed=seed,
                ledgers=place.ledgers,
                shared=place.settings.shared,
                n_jobs=place.settings.n_jobs,
                after=after,
                progress=lambda _: log.copy(),
            )
    except UserError as error:
        sys.stderr.write(f"hpogrid: {error}\n")
    except Exception:  # results have to get out whatever is wrong with us
        traceback.print_exc()
    with _undisturbed():
        finished = _deliver(place)
    if result is not None:
        _say(f"{counted(finished, 'trial')} finished: {result.reason}")
    return Exit.OK if finished or result is not None else Exit.FAILURE


def _evaluate(place: Place, given: Path, wanted: Path) -> int:
    """Evaluate one point for PanDA's HPO service."""
    from hpogrid.job.points import evaluate, prepare_point

    job = _number("PandaID") or 1
    point = prepare_point(place.folder)
    _prepare(place, point / "job" / "work")
    with _Log(point / "ledger"):
        _presume_cores(place)
        return evaluate(place.bundle, place.folder, point, job, place.settings.seed, given, wanted)


# --- before ---------------------------------------------------------------------------------


def _presume_cores(place: Place) -> None:
    """Have as many cores as were asked for, if the pilot does not say how many there are."""
    project = read_project(place.bundle)
    presume_cores(wanted_cores(project) or int(str(project.grid_config.extra.get("nCore") or 1)))


def _make_home(place: Place) -> None:
    """Point everything that likes to write somewhere into the job's directory."""
    make_home(place.folder)
    os.environ["HPOGRID_RUN_MODE"] = "grid"
    os.environ["HPOGRID_JOB"] = str(place.index)
    os.environ["HPOGRID_WORK_DIR"] = str(place.job / "work")
    os.environ["HPOGRID_DATA_DIR"] = str(place.job / "work")


def _go_on(place: Place) -> tuple[int, int]:
    """Get earlier ledgers of this job if there are any: the seed, and where to number from."""
    place.ledgers.mkdir(exist_ok=True)
    if place.attempt > 1 and place.settings.earlier:
        _fetch_earlier(place, place.settings.earlier)
    before = read_study(place.ledgers)[0].last_number(place.index)
    # The name of the last attempt that can have been makes this one's number.
    last = max(ledger_attempts(place.ledgers, place.index), default=0)
    if place.attempt - 1 > last:
        (place.ledgers / ledger_name(place.index, place.attempt - 1)).touch()
    seed = place.settings.seed
    if place.attempt > 1 and not before:
        seed = derive_seed(seed, "attempt", place.attempt)
    return seed, (place.attempt - 1) * NUMBERS


def _fetch_earlier(place: Place, url: str) -> None:
    """Get the ledgers that ``hpogrid tasks retry`` left for us; without them we start anew."""
    import urllib.request

    target = place.folder / "hpogrid_earlier.tgz"
    try:
        with urllib.request.urlopen(url, timeout=_FETCH_SECONDS) as reply:  # noqa: S310
            target.write_bytes(reply.read(_LARGEST_EARLIER))
        unpack(target, place.ledgers, largest=_LARGEST_EARLIER, suffix=SUFFIX)
        for path in place.ledgers.iterdir():
            os.utime(path, (0, 0))  # a copy: nobody writes it any more
    except (OSError, ValueError, Refused) as error:
        _say(f"no earlier ledgers ({error}): the job starts anew")
        return
    _say(f"earlier ledgers: {', '.join(sorted(path.name for path in place.ledgers.iterdir()))}")


def _prepare(place: Place, work: Path) -> None:
    """The working directory of trials: the scripts, and the input data beside them."""
    copy_files(files_below(place.bundle / SCRIPTS), work)
    folders = [place.folder]
    if PROJECT_FOLDER.is_dir() and PROJECT_FOLDER.resolve() != place.folder.resolve():
        folders.append(PROJECT_FOLDER)
    for folder in folders:
        for item in sorted(folder.iterdir()):
            if folder is place.folder and place.own(item.name):
                continue
            target = work / item.name
            if not target.exists() and not target.is_symlink():
                target.symlink_to(item.absolute())
            if item.is_file() and tarfile.is_tarfile(item):
                _unpack_input(item, work)


def _unpack_input(item: Path, work: Path) -> None:
    try:
        names = unpack(item, work)
    except Refused as error:
        _say(f"input {item.name} is left packed: {error}")
    else:
        _say(f"input {item.name}: unpacked {counted(len(names), 'file')}")


# --- during ---------------------------------------------------------------------------------


@contextlib.contextmanager
def _time_limit(seconds: int | None) -> Iterator[None]:
    """Stop the run, as if it were told to, early enough before the limit to write results."""
    if seconds is None:
        yield
        return
    margin = min(max(seconds * _MARGIN, _MARGIN_SECONDS[0]), _MARGIN_SECONDS[1])
    left = max(seconds - min(margin, seconds / 2), 1.0)
    timer = threading.Timer(left, os.kill, (os.getpid(), signal.SIGTERM))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Log:
    """Copies the job's ledgers, as they grow, into its log."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = {path: path.stat().st_size for path in folder.glob(f"*{SUFFIX}")}

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.copy()

    def copy(self) -> None:
        """Copy the whole lines that are new."""
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            offset = self._known.get(path, 0)
            with path.open("rb") as stream:
                stream.seek(offset)
                data = stream.read()
            end = data.rfind(b"\n") + 1
            self._known[path] = offset + end
            for line in data[:end].decode(errors="replace").splitlines():
                sys.stdout.write(f"{LOG_MARK} {line}\n")
        sys.stdout.flush()


def _undisturbed() -> contextlib.AbstractContextManager[None]:
    """Let nobody stop us while results are written."""

    def later(number: int, frame: FrameType | None) -> None:
        _say(f"{signal.Signals(number).name}: writing the results first")

    return handled(later, signal.SIGINT, signal.SIGTERM)


# --- after ----------------------------------------------------------------------------------


def _deliver(place: Place) -> int:
    """Write the outputs, if need be on a full disk; return how many trials have finished."""
    (place.folder / ROOM).unlink(missing_ok=True)
    own = [
        place.ledgers / ledger_name(place.index, attempt)
        for attempt in ledger_attempts(place.ledgers, place.index)
    ]
    write_atomic(place.folder / LEDGER, b"".join(_whole_lines(path) for path in own))
    study, _ = read_study(place.ledgers)
    trials = [trial for trial in study if trial.job == place.index]
    project: Project | None = None
    with contextlib.suppress(UserError):  # a bundle that cannot be read was told of already
        project = read_project(place.bundle)
        about = {
            "task": place.settings.name,
            "job": place.index,
            "attempt": place.attempt,
            "time": time.time(),
        }
        write_atomic(place.folder / METADATA, small_metadata(project, trials, about))
    if note := pack(place.job, place.folder / PACKED, project, spare=ROOM_BYTES // 4):
        _say(note)
    return sum(trial.finished for trial in trials)


def _whole_lines(path: Path) -> bytes:
    data = path.read_bytes()
    return data[: data.rfind(b"\n") + 1]


def _number(variable: str) -> int | None:
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() and int(text) > 0 else None


def _say(text: str) -> None:
    sys.stdout.write(f"hpogrid: {text}\n")
    sys.stdout.flush()
