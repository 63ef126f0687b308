"""The four configs and the project of one name, stored together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpogrid.config.assemble import assemble
from hpogrid.config.project import load_project, project_names
from hpogrid.config.schemas import Config
from hpogrid.config.scripts import changed_scripts
from hpogrid.config.store import STORES
from hpogrid.space.space import Space

Configs = Mapping[str, Config | Space]
"""What there is of each kind."""


def changed_kinds(name: str, configs: Configs, scripts: Path) -> list[str]:
    """What a stored project has otherwise: kinds of config, and ``scripts``."""
    project = load_project(name)
    changed = []
    for kind, config in configs.items():
        stored = project.space if kind == "search_space" else getattr(project, kind)
        if not is_same(stored, config):
            changed.append(kind)
    return changed + (["scripts"] if changed_scripts(scripts, project.scripts) else [])


def store_whole(name: str, configs: Configs, scripts: Path) -> list[str]:
    """Store the configs and the project under one name; return what the user should know.

    What is stored already and says the same stays; else it is replaced, and a dated backup of the
    project is kept. Where something is refused, nothing is stored.

    Raises:
        UserError: what is wrong with a script, or with how it goes with the configs.
    """

    def store_configs() -> None:
        for kind, config in configs.items():
            store = STORES[kind]
            if not store.where(name).exists():
                store.create(name, config)
            elif not is_same(store.load(name), config):
                store.recreate(name, config)

    exists = name in project_names()
    if exists and not changed_kinds(name, configs, scripts):
        store_configs()
        return []
    names = dict.fromkeys(STORES, name)
    return assemble(name, scripts, names, replace=exists, given=configs, checked=store_configs)


def is_same(left: Any, right: Any) -> bool:
    """Whether two configs, or two spaces, say the same: true is not 1."""
    import msgspec

    from hpogrid.space.value import canonical

    if isinstance(left, Space):
        return bool(left == right)
    stored = msgspec.convert(msgspec.to_builtins(right), type(left))
    return canonical(left) == canonical(stored)
