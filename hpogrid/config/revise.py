"""Changing a project's own copies of its configs, and how they differ from the stored ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.config.project import Project
from hpogrid.config.schemas import SCHEMAS
from hpogrid.config.scripts import changed_scripts
from hpogrid.config.store import STORES, read_config
from hpogrid.errors import UserError
from hpogrid.space.edit import edited
from hpogrid.space.value import canonical


def revised(project: Project, settings: Mapping[str, Any], edits: Iterable[str]) -> Project:
    """A project with other settings.

    Args:
        project: as it is.
        settings: of its configs, by their names; ``max_concurrent`` is one of the scheduler.
        edits: changes of its space (see `hpogrid.space.edit`).

    Raises:
        UserError: one that is wrong.
    """
    parts: dict[str, Any] = {}
    given = dict(settings)
    if (most := given.pop("max_concurrent", None)) is not None:
        params = given.get("scheduler_param", project.hpo_config.scheduler_param)
        given["scheduler_param"] = {**params, "max_concurrent": most}
    for kind, schema in SCHEMAS.items():
        own = {key: given[key] for key in given if key in schema.__struct_fields__}
        if own:
            data = {**msgspec.to_builtins(getattr(project, kind)), **own}
            where = f"{kind.replace('_', ' ')} of project '{project.name}'"
            parts[kind] = read_config(kind, data, where)
    space = project.space
    for text in edits:
        space = edited(space, text)
    return msgspec.structs.replace(project, search_space=space.to_json(), **parts)


def drifted(project: Project) -> list[dict[str, Any]]:
    """Rows for what differs between a project and what it was made of, as that is now."""
    rows = []
    for kind, name in project.made_of.items():
        part = f"{kind.replace('_', ' ')} '{name}'"
        try:
            stored = STORES[kind].write(STORES[kind].load(name))
        except UserError as error:
            rows.append(_row(part, "", "", str(error)))
            continue
        own = msgspec.to_builtins(getattr(project, kind))
        if kind == "search_space":
            own, stored = own["parameters"], stored["parameters"]
        rows += [_row(part, *row) for row in _differences(own, stored)]
    try:
        changed = changed_scripts(Path(project.scripts_path), project.scripts)
    except UserError as error:
        rows.append(_row("scripts", "", project.scripts_path, str(error)))
    else:
        rows += [
            _row("scripts", name, project.scripts.get(name, ""), "changed") for name in changed
        ]
    return rows


def _differences(own: Mapping[str, Any], stored: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for name in dict.fromkeys([*own, *stored]):
        before, after = own.get(name), stored.get(name)
        if canonical(before) != canonical(after):
            yield name, before, after


def _row(part: str, setting: str, own: Any, stored: Any) -> dict[str, Any]:
    return {"part": part, "setting": setting, "project": own, "stored": stored}
