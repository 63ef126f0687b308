"""What jobs find in an image, or at a queue: tried here, or by one job that runs for a minute."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from hpogrid.archives import unpack
from hpogrid.config.home import home
from hpogrid.config.project import Project
from hpogrid.errors import RunError, UserError
from hpogrid.files import make_folder, read_record, write_atomic
from hpogrid.job.probe import MARK, Found
from hpogrid.job.settings import ENTRY, START
from hpogrid.site.base import ENDED
from hpogrid.site.panda import submit
from hpogrid.site.panda.auth import login
from hpogrid.site.panda.bundle import write_bundle
from hpogrid.site.panda.client import check_arguments, get_task, job_metadata, list_jobs
from hpogrid.site.panda.client import submit as submit_command
from hpogrid.site.panda.command import Inputs, output_dataset, prun_arguments
from hpogrid.site.tasks import Task, sketch, user_name

_RUNTIMES = ("apptainer", "singularity")
_OUT_DS = "user.${RUCIO_ACCOUNT}.hpogrid.probe.$(date)"
_SECONDS = 900.0  # a registry may have to send the image


class Probe(msgspec.Struct, kw_only=True):
    """A job that looks, and what it found.

    Attributes:
        task: PanDA's number of its task.
        asked: when it was sent, in seconds since the epoch.
        why: it came to nothing.
    """

    task: int
    asked: float
    found: Found | None = None
    why: str | None = None


State = Literal["good", "bad", "unknown"]


class Told(NamedTuple):
    """``state`` is that of a finding of ``hpogrid check``."""

    state: State
    text: str


def try_image(project: Project, site: str) -> Told:
    """Run a job's program in the project's image here, as far as the first trial.

    Raises:
        RunError: there is nothing here that runs images.
    """
    image = project.grid_config.container
    runtime = next((name for name in _RUNTIMES if shutil.which(name)), None)
    if runtime is None:
        raise RunError(f"none of {', '.join(_RUNTIMES)} is here, which would run {image}")
    with tempfile.TemporaryDirectory(prefix="hpogrid-") as scratch:
        folder = Path(scratch) / "job"
        folder.mkdir()
        archive = Path(scratch) / submit.ARCHIVE
        write_bundle(submit.content(_task(project, site)), archive)
        unpack(archive, folder)
        command = [runtime, "exec", "--cleanenv", "--containall", "--no-home"]
        command += ["--bind", str(folder), "--pwd", str(folder), image]
        try:
            done = subprocess.run(
                [*command, "sh", START, "python3", ENTRY, "--probe"],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise RunError(f"{image} has not ended in {_SECONDS:.0f} s") from error
    for line in done.stdout.decode(errors="replace").splitlines():
        if line.startswith(MARK):
            return _told(msgspec.json.decode(line.removeprefix(MARK), type=Found), image)
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return Told("bad", f"{image}: {said[-1] if said else f'exit code {done.returncode}'}")


def send(project: Project, site: str) -> Told:
    """Submit one job that looks, unless one is under way.

    Raises:
        UserError: it is refused.
    """
    known = _look(project, site)
    if known is not None and known.found is None and known.why is None:
        return tell(project, site) or Told("unknown", "")
    task = _task(project, site)
    submit.prepare(task)
    account = login().account or user_name()
    name = output_dataset(_OUT_DS, project.name, account)
    with submit.scratch() as folder:
        archive = folder / f"{uuid.uuid4()}.tgz"
        write_bundle(submit.content(task), archive)
        words = prun_arguments(project, site, 1, name, str(archive), Inputs(), probe=True)
        check_arguments("prun", words, folder)
        number = submit_command("prun", words, folder)
    _save(project, site, Probe(task=number, asked=time.time()))
    return Told("unknown", f"task {number} was submitted; 'hpogrid check' tells what it finds")


def tell(project: Project, site: str) -> Told | None:
    """What is known of a site by a job that looked; None: none was sent."""
    known = _look(project, site)
    if known is None:
        return None
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(known.asked))
    if known.found is not None:
        return _told(known.found, f"task {known.task} of {when}")
    if known.why is not None:
        return Told("bad", f"task {known.task} of {when}: {known.why}; --probe sends another")
    return Told("unknown", f"task {known.task} of {when} has not ended yet")


def has_library(project: Project, site: str) -> bool:
    """Whether a job found what the algorithm needs."""
    known = read_record(_path(project, site), Probe)
    found = known.found if known is not None else None
    return found is not None and all(found.libraries.values())


def _told(found: Found, where: str) -> Told:
    if found.problems:
        return Told("bad", f"{where}: {'; '.join(found.problems)} ({found.words})")
    return Told("good", f"{where}: {found.words}")


def _look(project: Project, site: str) -> Probe | None:
    """What is known, once the server was asked for what was not."""
    known = read_record(_path(project, site), Probe)
    if known is None or known.found is not None or known.why is not None:
        return known
    info = get_task(known.task)
    if info is None or info.status not in ENDED:
        return known
    for content in job_metadata(known.task).values():
        held = content.get(MARK.rstrip(":")) if isinstance(content, dict) else None
        try:
            known.found = msgspec.convert(held, Found)
        except msgspec.ValidationError:
            continue
    if known.found is None:
        reasons = [job.reason for job in list_jobs(known.task) if job.reason]
        known.why = reasons[-1] if reasons else f"it is {info.status}"
    _save(project, site, known)
    return known


def _task(project: Project, site: str) -> Task:
    task = sketch(project, site, 1)
    task.native[submit.EARLIER] = "probe"
    return task


def _path(project: Project, site: str) -> Path:
    key = f"{site}\0{project.grid_config.container}\0{project.hash}"
    return home() / "probes" / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def _save(project: Project, site: str, probe: Probe) -> None:
    path = _path(project, site)
    try:
        make_folder(path.parent)
        write_atomic(path, msgspec.json.encode(probe))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error
