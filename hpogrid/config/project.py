"""Projects: four configs by value and a snapshot of the scripts, under one content hash."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import itertools
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from hpogrid.config.git import Git
from hpogrid.config.home import check_name, home, is_name
from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
from hpogrid.errors import UserError
from hpogrid.files import (
    Damaged,
    copy_files,
    explained,
    files_below,
    load_record,
    locked,
    scratch,
    write_atomic,
)
from hpogrid.registry import unknown
from hpogrid.space.parameter import Constant
from hpogrid.space.space import Space
from hpogrid.space.value import Values

VERSION = 1
_REFERENCE = re.compile(r"\$\{([\w./-]+)\}")
FILE = "project.json"
SCRIPTS = "scripts"


class Project(msgspec.Struct, kw_only=True):
    """What a job needs to know, and what `Bundle` keeps beside it: the scripts.

    Attributes:
        scripts: for each file, relative to the scripts folder, the SHA-256 of its content.
        hash: of the configs and the scripts; two projects with the same hash do the same.
        git: where the scripts stood in their history when they were taken, if they have one.
        made_of: the name of the stored config of each kind that it took a copy of.
    """

    name: str
    hpo_config: HpoConfig
    grid_config: GridConfig
    model_config: ModelConfig
    search_space: Values
    scripts: dict[str, str]
    scripts_path: str
    created: float
    hash: str = ""
    git: Git | None = None
    made_of: dict[str, str] = {}
    version: int = VERSION

    @property
    def space(self) -> Space:
        """The search space as a model."""
        return Space.from_json(self.search_space, f"search space of project '{self.name}'")

    @property
    def storage(self) -> str | None:
        """The storage of the hpo config, with the constants of the space filled in."""
        return self._filled(self.hpo_config.storage)

    @property
    def study_name(self) -> str:
        """The name of the study in a storage.

        Raises:
            UserError: it refers to what is no constant of the search space.
        """
        name = self._filled(self.hpo_config.study_name) or self.name
        if unknown_name := _REFERENCE.search(name):
            raise UserError(
                f"study_name: the search space has no constant '{unknown_name[1]}'; "
                "write the name itself"
            )
        return name

    @property
    def study_version(self) -> str:
        """What decides which results belong together: the scripts, the space, and the metric.

        Two projects with the same one may differ in how they search, and where.
        """
        hpo = self.hpo_config
        metric = [hpo.metrics, hpo.modes, hpo.aggregate]
        content = [
            self.scripts,
            self.model_config,
            self.search_space,
            metric,
            self.grid_config.inDS,
        ]
        data = msgspec.json.encode(content, order="deterministic")
        return hashlib.sha256(data).hexdigest()[:8]

    def _filled(self, text: str | None) -> str | None:
        """Text in which ``${name}`` of a constant is its value; all else stays."""
        if text is None or "${" not in text:
            return text
        found = self.space.parameters.items()
        values = {name: item.value for name, item in found if isinstance(item, Constant)}
        return _REFERENCE.sub(lambda match: str(values.get(match[1], match[0])), text)

    def with_hash(self) -> Project:
        """The same, with the hash of its content."""
        read = msgspec.json.decode(msgspec.json.encode(self), type=Project)  # 1 becomes 1.0
        content = [read.hpo_config, read.grid_config, read.model_config, read.search_space]
        data = msgspec.json.encode([*content, read.scripts], order="deterministic")
        return msgspec.structs.replace(self, hash=hashlib.sha256(data).hexdigest()[:16])


def projects_path() -> Path:
    """The folder of the projects."""
    return home() / "projects"


def project_path(name: str) -> Path:
    """The folder of a project, whether it exists or not."""
    return projects_path() / check_name(name, "project")


def project_names(pattern: str = "*") -> list[str]:
    """The names that match a wildcard pattern, sorted. Backups are not listed."""
    if not projects_path().is_dir():
        return []
    found = filter(is_name, (path.parent.name for path in projects_path().glob(f"*/{FILE}")))
    return sorted(name for name in found if fnmatch.fnmatchcase(name, pattern))


def load_project(name: str) -> Project:
    """Read a project.

    Raises:
        UserError: there is none (close matches are offered), or it is not valid.
    """
    folder = project_path(name)
    if not (folder / FILE).is_file():
        known = project_names()
        hint = "" if known and not name.endswith(".py") else _of_script(name)
        raise UserError(unknown("project", name, known) + hint)
    return read_project(folder)


def _of_script(name: str) -> str:
    script = name if name.endswith(".py") else "SCRIPT.py"
    return f"; a script becomes one with: hpogrid tune {script}, or hpogrid init {script}"


def read_project(folder: Path) -> Project:
    """Read the project of a folder: a stored one, or a job's bundle.

    Raises:
        UserError: missing or not valid.
    """
    try:
        project = load_record(folder / FILE, Project)
    except FileNotFoundError as error:
        raise UserError(f"{folder} is no project: it has no {FILE}") from error
    if project.version != VERSION:
        raise UserError(
            f"{folder / FILE} has version {project.version}, this hpogrid reads {VERSION}"
        )
    return project


@contextlib.contextmanager
def draft_project(project: Project, files: Mapping[str, Path]) -> Iterator[tuple[Project, Path]]:
    """Write a project, with a snapshot of its scripts, beside the stored ones.

    Args:
        project: without `scripts` and `hash`, which are found here.
        files: the scripts by their relative names.

    Returns:
        The project as it is written, and the folder, for `publish_project`; what is not
        published is deleted when the block is left.
    """
    with scratch(projects_path()) as folder:
        copy_files(files, folder / SCRIPTS)
        project = msgspec.structs.replace(project, scripts=_hashes(folder / SCRIPTS)).with_hash()
        data = msgspec.json.format(msgspec.json.encode(project), indent=2)
        write_atomic(folder / FILE, data + b"\n")
        yield project, folder


def publish_project(project: Project, folder: Path, old: Project | None = None) -> None:
    """Store a draft: the project appears at once and whole.

    Args:
        project, folder: from `draft_project`.
        old: the project to replace, of which a dated backup is kept; None: a new name.

    Raises:
        UserError: the name is taken, or the old project was changed since it was read.
    """
    target = project_path(project.name)
    with locked(projects_path()), explained(target):
        check_exists(project.name, old is not None)
        if old is not None:
            if load_project(project.name) != old:
                raise UserError(f"project '{project.name}' was changed meanwhile; try again")
            target.rename(_backup_path(project.name))
        folder.rename(target)


def check_exists(name: str, expected: bool) -> None:
    """Refuse a project name that is taken, or, where one is ``expected``, not there."""
    exists = (project_path(name) / FILE).exists()
    if exists and not expected:
        raise UserError(
            f"project '{name}' exists; use recreate to replace it or update to change it"
        )
    if expected and not exists:
        raise UserError(unknown("project", name, project_names()))


def _hashes(scripts: Path) -> dict[str, str]:
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files_below(scripts).items()
    }


def check_scripts(project: Project, folder: Path) -> None:
    """Refuse a folder whose scripts are not those of the project in it.

    Raises:
        Damaged: one is missing, altered, or not the project's.
    """
    found = _hashes(folder / SCRIPTS)
    for name in sorted(found.keys() | project.scripts.keys()):
        if found.get(name) != project.scripts.get(name):
            state = "is missing" if name not in found else "is not what it was (its SHA-256)"
            raise Damaged(f"the script {name} {state}")


def remove_project(name: str) -> Path:
    """Take a project off the list; return the backup that is kept of it."""
    check_exists(name, True)
    with locked(projects_path()):
        check_exists(name, True)
        backup = _backup_path(name)
        with explained(backup):
            project_path(name).rename(backup)
    return backup


def _backup_path(name: str) -> Path:
    backups = projects_path() / ".backup"
    backups.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d%H%M%S")
    suffixes = itertools.chain([""], (f".{n}" for n in itertools.count(1)))
    candidates = (backups / f"{name}_{stamp}{suffix}" for suffix in suffixes)
    return next(path for path in candidates if not path.exists())


def copy_bundle(project: Project, target: Path) -> None:
    """Copy a stored project for a task: later changes of the project do not reach it.

    Raises:
        UserError: the project was changed since it was read.
    """
    with locked(projects_path()):
        copy_files(files_below(project_path(project.name)), target)
    if read_project(target) != project:
        raise UserError(f"project '{project.name}' was changed meanwhile; try again")
