"""Whether all is ready for the grid, before anything is submitted."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from hpogrid.config.project import SCRIPTS, Project, project_path
from hpogrid.errors import UserError
from hpogrid.site.base import Finding
from hpogrid.site.panda.advice import asked, notes
from hpogrid.site.panda.auth import login, server
from hpogrid.site.panda.client import list_tasks
from hpogrid.site.panda.command import queue_names
from hpogrid.site.panda.installed import clients, find_client
from hpogrid.site.panda.probe import Told, has_library, send, tell, try_image
from hpogrid.site.panda.queues import Queue, load_queues, refusal
from hpogrid.text import counted

_SOON = 3600.0  # seconds; credentials that expire before are worth a word


def check_grid() -> Iterator[Finding]:
    """The client, the credentials, the server, and Rucio."""
    yield _try("panda-client", _client)
    credentials = _try("credentials", _credentials)
    yield credentials
    if credentials.state == "bad":
        yield Finding("PanDA server", "unknown", "not asked without credentials")
    else:
        yield _try("PanDA server", _server)
    yield _try("Rucio", _rucio)


def check_project(
    project: Project, site: str, *, image: bool = False, probe: bool = False
) -> Iterator[Finding]:
    """The scripts, image, queue, datasets and options of a project.

    Args:
        project: what is to be submitted.
        site: where to.
        image: run a job's program in the image here.
        probe: submit a job that tells what it finds.
    """
    yield _try("scripts", lambda: _scripts(project))
    yield _container(project.grid_config.container)
    yield from check_queues(site, project)
    seen = None
    if image:
        seen = _try_probe("image", lambda: try_image(project, site))
        yield seen
    told = _try_probe("probe", lambda: send(project, site) if probe else tell(project, site))
    if told.text:
        yield told
    known = (seen is not None and seen.state == "good") or has_library(project, site)
    for note in notes(project, site):
        if note.item == "library" and known:
            continue
        yield Finding(note.item, "bad" if note.fatal else "note", note.text)
    if project.grid_config.inDS:
        yield _try("input data", lambda: _inputs(project, site))
    yield _try("prun command", lambda: _command(project, site))
    yield _phpo(project, site)


def check_queues(site: str, project: Project) -> Iterator[Finding]:
    """Whether the queues that a site names are on the list, and take jobs; else which do."""
    names = queue_names(site)
    if not names:
        yield Finding("queue", "good", "PanDA chooses it")
        return
    try:
        queues = load_queues()
    except UserError as error:
        yield Finding("queue", "unknown", str(error))
        return
    for name in names:
        why = refusal(name, queues, asked(project))
        yield Finding("queue", "bad" if why else "good", why or queues[name].words)


def _try(item: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(item, "good", look())
    except UserError as error:
        return Finding(item, "bad", str(error))


def _try_probe(item: str, look: Callable[[], Told | None]) -> Finding:
    try:
        told = look()
    except UserError as error:
        return Finding(item, "bad", str(error))
    return Finding(item, told.state, told.text) if told else Finding(item, "unknown", "")


def _client() -> str:
    client = find_client()
    others = [str(other) for other in clients() if other != client]
    aside = f"; not used: {', '.join(others)}" if others else ""
    return f"version {client}{aside}"


def _credentials() -> str:
    found = login()
    words = found.kind + (f" of {found.account}" if found.account else "")
    if found.expires is not None:
        left = found.expires - time.time()
        words += f", for {left / 3600:.0f} more hours"
        if left < _SOON:
            words = f"{found.kind} for {left / 60:.0f} more minutes: get a new one soon"
    return words


def _server() -> str:
    tasks = list_tasks(time.time() - 86400)
    return f"{server()} answers; {counted(len(tasks), 'task')} of yours changed in the last day"


def _rucio() -> str:
    from hpogrid.data.rucio import Rucio

    rucio = Rucio()
    return f"{rucio.host}, account {rucio.whoami()}"


def _scripts(project: Project) -> str:
    model = project.model_config
    if model.script is None or model.model is None:
        return "no function or class to import"
    from hpogrid.trial.check import check_script

    folder = project_path(project.name) / SCRIPTS
    return check_script(folder, model.script, model.model) or f"{model.script} can be imported"


def _container(image: str) -> Finding:
    if image.startswith("/cvmfs/"):
        mounted = Path("/cvmfs").is_dir() and any(Path("/cvmfs").iterdir())
        if not mounted:
            return Finding("container", "unknown", f"{image}: CVMFS is not mounted here")
        if not Path(image).exists():
            return Finding("container", "bad", f"{image} is not there; choose another --container")
        return Finding("container", "good", image)
    if re.fullmatch(r"(docker|oras|library)://[\w./:@-]+", image):
        return Finding("container", "unknown", f"{image}: registries are not asked")
    return Finding(
        "container", "bad", f"'{image}' has to be a path below /cvmfs, or docker://NAME:TAG"
    )


def too_large(megabytes: float, site: str, queues: Mapping[str, Queue]) -> str | None:
    """Why the input of a job, which is all of it, does not go to a queue."""
    for name in queue_names(site):
        most = queues[name].input_mb if name in queues else 0
        if most and megabytes > most:
            return (
                f"every job gets all {megabytes:.0f} MB of input, and a job of {name} takes "
                f"{most} MB at most"
            )
    return None


def _inputs(project: Project, site: str) -> str:
    from hpogrid.data.rucio import Rucio
    from hpogrid.site.panda.command import dataset_names

    rucio = Rucio()
    words, size = [], 0
    for name in dataset_names(project.grid_config.inDS):
        did = rucio.did(name)
        entry, copies = rucio.entry(did), len(rucio.available(did))
        if not entry.files:
            raise UserError(f"{did} has no files; 'hpogrid data upload' fills it")
        if copies < entry.files:
            raise UserError(f"of {entry.files - copies} files of {did} there is no copy")
        size += entry.bytes
        words.append(f"{did}: {counted(entry.files, 'file')}, {entry.bytes / 1e6:.0f} MB")
    if why := too_large(size / 1e6, site, _known_queues(site)):
        raise UserError(why)
    return "; ".join(words)


def _known_queues(site: str) -> dict[str, Queue]:
    try:
        return load_queues() if queue_names(site) else {}
    except UserError:
        return {}


def _phpo(project: Project, site: str) -> Finding:
    """Whether PanDA's HPO service could run it too."""
    from hpogrid.site.panda.idds import steering_image
    from hpogrid.site.panda.submit import planned
    from hpogrid.site.tasks import sketch

    task = sketch(project, site, 1, mode="idds")
    try:
        planned(task)
        image = steering_image(project.grid_config)
    except UserError as error:
        return Finding("phpo command", "note", f"--mode idds cannot run it: {error}")
    words = f"for --mode idds: phpo takes it; {image} has to have this hpogrid"
    return Finding("phpo command", "good", words)


def _command(project: Project, site: str) -> str:
    from hpogrid.site.panda.bundle import write_bundle
    from hpogrid.site.panda.submit import content, planned
    from hpogrid.site.tasks import sketch

    task = sketch(project, site, 1)
    command = planned(task)
    with tempfile.TemporaryDirectory(prefix="hpogrid-") as folder:
        path = Path(folder) / "bundle"
        write_bundle(content(task), path)
        size = path.stat().st_size
    out = command[command.index("--outDS") + 1]
    return f"prun takes it; output {out}; bundle {size / 1e6:.1f} MB"
