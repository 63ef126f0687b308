"""The queues of the grid, as CRIC lists them; where there is no CRIC, its predecessor AGIS."""

from __future__ import annotations

import fnmatch
import os
import ssl
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from hpogrid.errors import RunError, UserError
from hpogrid.text import counted

CRIC_URL = "https://atlas-cric.cern.ch/api/atlas/pandaqueue/query/?json"
_CVMFS_VARIABLE = "ALRB_cvmfs_repo"
_CVMFS = "/cvmfs/atlas.cern.ch/repo"
_CRIC_FILE = "sw/local/etc/cric_pandaqueues.json"
_AGIS_FILE = "sw/local/etc/agis_schedconf.json"
_SECONDS = 30.0
_LARGEST = 200 * 2**20
_TYPES = ("unified", "analysis")
_OPEN = ("online", "test", "brokeroff")  # to the latter two go only jobs that name them
_HOUR = 3600.0
USUAL_MACHINE = "x86_64"
_NAMED = 5


class Job(NamedTuple):
    """What a job asks of a queue.

    Attributes:
        gpu: it wants one.
        cores: as PanDA counts them.
        memory_mb: of all its cores; 0: it does not say.
        hours: its walltime; 0: it does not say.
    """

    gpu: bool = False
    cores: int = 1
    memory_mb: int = 0
    hours: float = 0.0


class Queue(msgspec.Struct, kw_only=True, frozen=True):
    """A queue of PanDA.

    Attributes:
        state: ACTIVE, or it is not run any more.
        status: online, test, brokeroff, offline...
        gpu: what kinds of GPU it has, in words; None: none.
        cores: of a job.
        memory_mb: of a job; 0: not limited here.
        hours: the longest job; 0: not limited here.
        input_mb: the most input data of a job.
        site: the computing centre.
        machine: what its processors are, where that is said: x86_64, aarch64...
    """

    name: str
    state: str = ""
    status: str = ""
    type: str = ""
    gpu: str | None = None
    cores: int = 1
    memory_mb: int = 0
    hours: float = 0.0
    input_mb: int = 0
    site: str = ""
    region: str = ""
    machine: str = ""

    @property
    def usable(self) -> bool:
        """Whether users' jobs can go there."""
        return self.state.upper() == "ACTIVE" and self.type in _TYPES

    def lacks(self, job: Job) -> set[str]:
        """For which options of a job, of gpus, memory and cpus, PanDA sends it elsewhere."""
        lacking = {
            "gpus": job.gpu and self.gpu is None,
            "memory": 0 < self.memory_mb < job.memory_mb,
            "cpus": job.cores > max(1, self.cores),
        }
        return {option for option, is_lacking in lacking.items() if is_lacking}

    @property
    def words(self) -> str:
        """Its name, status and GPUs."""
        kind = f"GPU {self.gpu}" if self.gpu else "no GPU"
        return f"{self.name}: {self.status or 'no status'}, {kind}"


class _Architecture(msgspec.Struct):
    type: str = ""
    arch: list[str] | str = []
    vendor: list[str] | str = []
    model: list[str] | str = []


class _Entry(msgspec.Struct):
    """An entry of the lists, as far as it is needed; AGIS has ``maxmemory`` for ``maxrss``."""

    state: str | None = None
    status: str | None = None
    type: str | None = None
    resource_type: str | None = None
    architectures: list[_Architecture] | None = None
    corecount: float | None = None
    maxrss: float | None = None
    maxmemory: float | None = None
    maxtime: float | None = None
    maxinputsize: float | None = None
    atlas_site: str | None = None
    region: str | None = None
    cloud: str | None = None
    panda_resource: str | None = None


def load_queues(
    file: Path | None = None, url: str | None = None, *, download: bool = True
) -> dict[str, Queue]:
    """The queues by name: of a file, a URL, or wherever they are found first.

    Without either these are asked: ``$CRIC_QUEUES_URL``, the files on CVMFS, and CRIC itself unless
    nothing is to be downloaded from there.

    Raises:
        UserError: nothing has them, or what is there makes no sense.
    """
    if file is not None:
        return parse_queues(_read(file), str(file))
    if url is not None:
        return parse_queues(_download(url), url)
    given = os.environ.get("CRIC_QUEUES_URL")
    if given:
        return parse_queues(_download(given), given)
    base = Path(os.environ.get(_CVMFS_VARIABLE) or _CVMFS)
    for name in (_CRIC_FILE, _AGIS_FILE):
        if (base / name).is_file():
            return parse_queues(_read(base / name), str(base / name))
    if not download:
        raise UserError("there is no list of queues here")
    return parse_queues(_download(CRIC_URL), CRIC_URL)


def refusal(name: str, queues: Mapping[str, Queue], job: Job) -> str | None:
    """Why no job can go to a queue, and which are the nearest that can do the job.

    Args:
        name: of the queue.
        queues: all that there are.
        job: what it asks for.
    """
    queue = queues.get(name)
    if queue is None:
        why = f"unknown queue '{name}': it is not, or no longer, on PanDA's list"
    elif queue.usable and queue.status in _OPEN:
        return None
    else:
        state = queue.status if queue.usable else f"{queue.state or 'of no state'}, {queue.type}"
        why = f"queue {name} takes no jobs of users ({state})"
    return f"{why}; {_instead(queue or _by_name(name), queues, job)}"


def _by_name(name: str) -> Queue:
    """What can be told of a queue that is not there."""
    return Queue(name=name, gpu="by its name" if "GPU" in name.upper() else None)


def _instead(gone: Queue, queues: Mapping[str, Queue], job: Job) -> str:
    """What to choose for a job instead: with GPUs where it wants some, or the queue had some."""
    online = select(queues.values(), name=None, all_sites=True, all_status=False)
    for wish in (job._replace(gpu=job.gpu or gone.gpu is not None), job):
        able = [queue for queue in online if not queue.lacks(wish)]
        if able:
            nearest = sorted(able, key=lambda queue: _distance(gone, queue, wish))[:_NAMED]
            names = ", ".join(queue.name for queue in nearest)
            what = "with GPUs that can" if wish.gpu else "that can"
            every = "hpogrid sites" if wish.gpu else "hpogrid sites --all_sites"
            return f"the nearest {what} do the job: {names}; name one with --site ('{every}')"
    asked = [counted(job.cores, "core")]
    asked += ["a GPU"] if job.gpu else []
    asked += [f"{job.memory_mb} MB"] if job.memory_mb else []
    return f"and no queue that is online has what a job asks for ({', '.join(asked)})"


def _distance(gone: Queue, queue: Queue, job: Job) -> tuple[bool, bool, bool, bool, float]:
    """By what a queue is another one than that which is gone, what matters most first."""
    return (
        (queue.gpu is not None) != job.gpu,  # a GPU is not for jobs that leave it idle
        queue.machine not in ("", USUAL_MACHINE),
        0 < queue.hours < job.hours,
        not gone.site or queue.site != gone.site,
        -SequenceMatcher(None, gone.name, queue.name).ratio(),
    )


def parse_queues(data: bytes, where: str) -> dict[str, Queue]:
    """The queues in a list of CRIC or AGIS: a JSON object of objects.

    Raises:
        UserError: it is something else; entries that make no sense are left out.
    """
    try:
        content = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{where} is no list of queues (JSON): {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{where} is no list of queues: it has to be a JSON object")
    queues: dict[str, Queue] = {}
    for name, item in content.items():
        try:
            entry = msgspec.convert(item, _Entry, strict=False)
        except msgspec.ValidationError:
            continue
        queues[name] = _queue(name, entry, item)
    if content and not queues:
        raise UserError(f"{where} is no list of queues: none of its entries describes one")
    return queues


def select(
    queues: Iterable[Queue], *, name: str | None, all_sites: bool, all_status: bool
) -> list[Queue]:
    """The queues to show, best first: online, then by time and memory of a job.

    Args:
        queues: all of them.
        name: a wildcard pattern, in any case of letters.
        all_sites: also those without GPUs.
        all_status: also those that are not online, or not for users.
    """
    found = [
        queue
        for queue in queues
        if (name is None or fnmatch.fnmatch(queue.name.lower(), name.lower()))
        and (all_sites or queue.gpu is not None)
        and (all_status or (queue.usable and queue.status == "online"))
    ]
    return sorted(
        found,
        key=lambda q: (q.status != "online", -(q.hours or 1e9), -(q.memory_mb or 1e9), q.name),
    )


def _queue(name: str, entry: _Entry, item: Mapping[str, Any]) -> Queue:
    return Queue(
        name=name,
        state=entry.state or "",
        status=(entry.status or "").lower(),
        type=(entry.type or "").lower(),
        gpu=_gpu(name, entry, "architectures" in item or "resource_type" in item),
        cores=int(entry.corecount or 1),
        memory_mb=int(entry.maxrss or entry.maxmemory or 0),
        hours=(entry.maxtime or 0) / _HOUR,
        input_mb=int(entry.maxinputsize or 0),
        site=entry.atlas_site or "",
        region=entry.region or entry.cloud or "",
        machine=_machine(entry),
    )


def _machine(entry: _Entry) -> str:
    """What its processors are; empty: it is not said, or there are several kinds."""
    cpus = [one for one in entry.architectures or [] if one.type.lower() == "cpu"]
    kinds = {kind for one in cpus for kind in _items(one.arch)}
    return kinds.pop() if len(kinds) == 1 else ""


def _gpu(name: str, entry: _Entry, described: bool) -> str | None:
    """What is said of GPUs; AGIS knows no such attribute, there the name has to do."""
    words = []
    for architecture in entry.architectures or []:
        if architecture.type.lower() == "gpu":
            words += _items(architecture.vendor) + _items(architecture.model)
    if words:
        return " ".join(dict.fromkeys(words))
    if (entry.resource_type or "").lower() == "gpu":
        return "yes"
    is_named = not described and "GPU" in (entry.panda_resource or name).upper()
    return "by its name" if is_named else None


def _items(value: list[str] | str) -> list[str]:
    items = [value] if isinstance(value, str) else value
    return [item for item in items if item and item not in ("*", "any", "excl")]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"no such file: {path}") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def _download(url: str) -> bytes:
    """Get a URL, over TLS with a verified certificate where it is https."""
    import http.client
    import urllib.request

    if urlsplit(url).scheme not in ("http", "https"):
        raise UserError(f"'{url}' is no web address; give a file with --file")
    context = ssl.create_default_context(capath=os.environ.get("X509_CERT_DIR"))
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS, context=context) as reply:  # noqa: S310
            data: bytes = reply.read(_LARGEST)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        reason = getattr(reason, "strerror", None) or reason
        raise RunError(
            f"the list of queues at {url} cannot be had: {reason}; give one with --file or --url"
        ) from error
    return data
