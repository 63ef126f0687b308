"""Projects: four configs by value and a snapshot of the scripts, under one content hash."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.config.home import check_name, home
from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
from hpogrid.errors import UserError
from hpogrid.files import explained, locked, umask, write_atomic
from hpogrid.registry import unknown
from hpogrid.space.space import Space, plain

VERSION = 1
FILE = "project.json"
SCRIPTS = "scripts"
LARGE = 50 * 2**20
"""Scripts of more bytes than this draw a warning: every job gets a copy."""

_IGNORED = (
    ".*", "__pycache__", "*.pyc", "*.egg-info", "node_modules", "venv", "env.bak",
)  # fmt: skip
IGNORE_FILE = ".hpogridignore"


class Project(msgspec.Struct, kw_only=True):
    """What a job needs to know, and what `Bundle` keeps beside it: the scripts.

    Attributes:
        scripts: for each file, relative to the scripts folder, the SHA-256 of its content.
        hash: of the configs and the scripts; two projects with the same hash do the same.
    """

    name: str
    hpo_config: HpoConfig
    grid_config: GridConfig
    model_config: ModelConfig
    search_space: dict[str, Any]
    scripts: dict[str, str]
    scripts_path: str
    created: float
    hash: str = ""
    version: int = VERSION

    @property
    def space(self) -> Space:
        """The search space as a model."""
        return Space.from_json(self.search_space, f"search space of project '{self.name}'")

    def with_hash(self) -> Project:
        """The same, with the hash of its content."""
        content = [self.hpo_config, self.grid_config, self.model_config, self.search_space]
        data = msgspec.json.encode([*content, self.scripts], order="deterministic")
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
    found = (path.parent.name for path in projects_path().glob(f"*/{FILE}"))
    return sorted(
        name for name in found if fnmatch.fnmatchcase(name, pattern) and not name.startswith(".")
    )


def load_project(name: str) -> Project:
    """Read a project.

    Raises:
        UserError: there is none (close matches are offered), or it is not valid.
    """
    folder = project_path(name)
    if not (folder / FILE).is_file():
        raise UserError(unknown("project", name, project_names()))
    return read_project(folder)


def read_project(folder: Path) -> Project:
    """Read the project of a folder: a stored one, or a job's bundle.

    Raises:
        UserError: missing or not valid.
    """
    try:
        project = msgspec.json.decode((folder / FILE).read_bytes(), type=Project)
    except FileNotFoundError as error:
        raise UserError(f"{folder} is no project: it has no {FILE}") from error
    except msgspec.ValidationError as error:
        raise UserError(f"{folder / FILE}: {plain(error)}") from error
    except msgspec.DecodeError as error:
        raise UserError(f"{folder / FILE} is damaged: {error}") from error
    if project.version != VERSION:
        raise UserError(
            f"{folder / FILE} has version {project.version}, this hpogrid reads {VERSION}"
        )
    return project


def write_project(project: Project, scripts: Path, *, replace: bool) -> Project:
    """Store a project whole: its folder appears at once, with a snapshot of the scripts.

    Args:
        project: without `scripts` and `hash`, which are found here.
        scripts: a file, or a folder of which all but ignored files are taken.
        replace: keep the existing project as a dated backup; else refuse it.

    Raises:
        UserError: the name is taken (or, to replace, is not), the scripts do not exist.
    """
    target = project_path(project.name)
    files = dict(script_files(scripts))
    with explained(target):
        projects_path().mkdir(parents=True, exist_ok=True)
        with locked(projects_path()):
            _check_exists(project.name, replace)
            folder = Path(tempfile.mkdtemp(prefix=".new-", dir=projects_path()))
            try:
                folder.chmod(0o777 & ~umask())
                project = _fill(project, folder, files)
                if replace:
                    target.rename(_backup_path(project.name))
                folder.rename(target)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    return project


def _check_exists(name: str, expected: bool) -> None:
    exists = (project_path(name) / FILE).exists()
    if exists and not expected:
        raise UserError(
            f"project '{name}' exists; use recreate to replace it or update to change it"
        )
    if expected and not exists:
        raise UserError(unknown("project", name, project_names()))


def _fill(project: Project, folder: Path, files: dict[str, Path]) -> Project:
    hashes = {}
    for relative, source in files.items():
        copy = folder / SCRIPTS / relative
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy)
        hashes[relative] = hashlib.sha256(copy.read_bytes()).hexdigest()
    (folder / SCRIPTS).mkdir(exist_ok=True)
    project = msgspec.structs.replace(project, scripts=hashes).with_hash()
    data = msgspec.json.format(msgspec.json.encode(project), indent=2)
    write_atomic(folder / FILE, data + b"\n")
    return project


def remove_project(name: str) -> Path:
    """Take a project off the list; return the backup that is kept of it."""
    with locked(projects_path()):
        _check_exists(name, True)
        backup = _backup_path(name)
        with explained(backup):
            project_path(name).rename(backup)
    return backup


def _backup_path(name: str) -> Path:
    backups = projects_path() / ".backup"
    backups.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d%H%M%S")
    candidates = (f"{name}_{stamp}{suffix}" for suffix in ["", *(f".{n}" for n in range(1, 10**6))])
    return next(backups / name for name in candidates if not (backups / name).exists())


def copy_bundle(project_folder: Path, target: Path) -> None:
    """Copy a project's folder for a task: later changes of the project do not reach it."""
    with explained(target):
        shutil.copytree(project_folder, target, symlinks=False)


# --- scripts -----------------------------------------------------------------------------


def script_files(path: Path) -> Iterator[tuple[str, Path]]:
    """The files to take from ``path``: (relative name, source), sorted.

    Hidden files, caches, environments and what a ``.hpogridignore`` file lists (one wildcard
    pattern a line, for names or relative paths) are left out.

    Raises:
        UserError: the path does not exist, or nothing is left.
    """
    if path.is_file():
        return iter([(path.name, path)])
    if not path.is_dir():
        raise UserError(f"scripts_path: no such file or folder: {path}")
    files = sorted(_walk(path, path, _patterns(path)))
    if not files:
        raise UserError(f"scripts_path: there is no script in {path}")
    return iter(files)


def _patterns(folder: Path) -> tuple[str, ...]:
    with contextlib.suppress(FileNotFoundError):
        lines = (folder / IGNORE_FILE).read_text(encoding="utf-8").splitlines()
        own = [line.strip().rstrip("/") for line in lines]
        return (*_IGNORED, *(line for line in own if line and not line.startswith("#")))
    return _IGNORED


def _walk(root: Path, folder: Path, patterns: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for path in folder.iterdir():
        relative = path.relative_to(root).as_posix()
        if any(fnmatch.fnmatchcase(text, p) for p in patterns for text in (path.name, relative)):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(root, path, patterns)
        elif path.is_file():
            yield relative, path


def scripts_size(path: Path) -> int:
    """The bytes that `script_files` finds."""
    return sum(source.stat().st_size for _, source in script_files(path))
