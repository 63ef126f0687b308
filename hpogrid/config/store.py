"""The stores: named configs of one kind, one JSON file each, checked when they are stored."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from hpogrid.config.home import check_name, home, is_name
from hpogrid.config.schemas import SCHEMAS, Config
from hpogrid.errors import UserError
from hpogrid.files import explained, locked, parse_json, read_text, write_atomic
from hpogrid.registry import unknown
from hpogrid.space.space import Space, plain

T = TypeVar("T")


@dataclass(frozen=True)
class Store(Generic[T]):
    """The configs of one kind.

    Attributes:
        kind: as it is typed (``hpo_config``).
        folder: below the user directory.
        read: from JSON data to a config; the second argument says where, for messages.
        write: from a config to JSON data.
    """

    kind: str
    folder: str
    read: Callable[[Any, str], T]
    write: Callable[[T], Any]

    @property
    def label(self) -> str:
        """The kind in words."""
        return self.kind.replace("_", " ")

    @property
    def path(self) -> Path:
        """The folder of this store."""
        return home() / self.folder

    def where(self, name: str) -> Path:
        """The file of a config, whether it exists or not."""
        return self.path / f"{check_name(name, self.label)}.json"

    def names(self, pattern: str = "*") -> list[str]:
        """The stored names that match a wildcard pattern, sorted."""
        if not self.path.is_dir():
            return []
        found = filter(is_name, (path.stem for path in self.path.glob("*.json")))
        return sorted(name for name in found if fnmatch.fnmatchcase(name, pattern))

    def load(self, name: str) -> T:
        """Read a config.

        Raises:
            UserError: there is none (close matches are offered), or its file is not valid.
        """
        return self.read(self.load_data(name), f"{self.label} '{name}'")

    def load_data(self, name: str) -> Any:
        """The JSON data of a config, as it is stored."""
        self._must_exist(name)
        return parse_json(read_text(self.where(name)), f"{self.label} '{name}'")

    def create(self, name: str, config: T) -> None:
        """Store a new config.

        Raises:
            UserError: the name is taken.
        """
        try:
            write_atomic(self.where(name), self._encode(config), exclusive=True)
        except FileExistsError as error:
            raise UserError(
                f"{self.label} '{name}' exists; use recreate to replace it or update to change it"
            ) from error

    def recreate(self, name: str, config: T) -> None:
        """Replace an existing config.

        Raises:
            UserError: there is none of that name.
        """
        self._must_exist(name)
        with locked(self.path):
            self._must_exist(name)
            write_atomic(self.where(name), self._encode(config))

    def update(self, name: str, change: Callable[[T], T]) -> T:
        """Change a config; nobody else's change made meanwhile is lost. Return the new one."""
        change(self.load(name))  # what is refused is refused before anything is written
        with locked(self.path):
            config = change(self.load(name))
            write_atomic(self.where(name), self._encode(config))
        return config

    def remove(self, name: str) -> None:
        """Delete a config."""
        self._must_exist(name)
        with locked(self.path), explained(self.where(name)):
            self.where(name).unlink(missing_ok=True)

    def _must_exist(self, name: str) -> None:
        if not self.where(name).exists():
            raise UserError(unknown(self.label, name, self.names()))

    def _encode(self, config: T) -> bytes:
        try:
            data = msgspec.json.encode(self.write(config))
        except UnicodeEncodeError as error:
            raise UserError(f"{self.label}: {error.object!a} is not text in UTF-8") from error
        return msgspec.json.format(data, indent=2) + b"\n"


def read_config(kind: str, data: object, where: str) -> Config:
    """Check the data of an hpo, grid or model config.

    Raises:
        UserError: the field, and what is wrong with it.
    """
    schema = SCHEMAS[kind]
    if isinstance(data, dict):
        for name in data:
            if name not in schema.__struct_fields__:
                options = list(schema.__struct_fields__)
                raise UserError(f"{where}: {unknown('setting', name, options)}")
    try:
        return msgspec.convert(data, schema)
    except msgspec.ValidationError as error:
        raise UserError(f"{where}: {plain(error)}") from error


def _config_store(kind: str, folder: str) -> Store[Any]:
    return Store(
        kind, folder, lambda data, where: read_config(kind, data, where), msgspec.to_builtins
    )


STORES: dict[str, Store[Any]] = {
    "hpo_config": _config_store("hpo_config", "hpo"),
    "grid_config": _config_store("grid_config", "grid"),
    "model_config": _config_store("model_config", "model"),
    "search_space": Store("search_space", "search_space", Space.from_json, Space.to_json),
}
