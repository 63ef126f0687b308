"""The contract of a batch system: pure functions around its commands.

A scheduler makes argument lists and parses answers; `hpogrid.site.batch` runs them. So each
kind of cluster is one small file, and a test needs no cluster.
"""

from __future__ import annotations

import os
import pwd
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from hpogrid.config.schemas import GridConfig
from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.site.base import JobState

SCRIPT = "job.sh"
NO_MEMORY = "out of memory"
"""How the reason begins of a job that ended for lack of memory."""

Member = tuple[str, int]
"""A member of an array: the array's native id, and its number in it."""


Target = tuple[str, Sequence[int] | None]
"""An array, and those of its members that are meant; None: all of them."""


class MemberState(NamedTuple):
    """What a scheduler says about a member; ``reason`` in words where there is something to say."""

    state: JobState
    reason: str | None = None


@dataclass(frozen=True)
class Request:
    """One array to submit.

    Attributes:
        name: of the array, in letters, digits and ``._-``, starting with a letter.
        folder: where its script and logs are.
        home: the task's folder, in which the jobs start.
        count: how many members.
        jobs: of the task, which these are; empty: whoever makes the request does not know them.
        lowest: the number of the first one.
        only: the one member to submit, where the cluster has no arrays.
        grid: what its jobs need, and where.
        cpus, gpus: of a member; None: as the site gives.
        seconds: the time limit of a member; None: the site's.
    """

    name: str
    folder: Path
    home: Path
    count: int
    grid: GridConfig
    cpus: int | None = None
    gpus: int | None = None
    seconds: int | None = None
    lowest: int = 1
    only: int | None = None
    jobs: tuple[int, ...] = ()

    @property
    def script(self) -> Path:
        """The script that every member runs."""
        return self.folder / SCRIPT


class BatchSystem(ABC):
    """A kind of batch system.

    Attributes:
        name: of the site.
        label: what people call it.
        member: a shell expression for the number of the running member.
        from_zero: whether an array as large as can be is counted from 0, and not from 1.
        end_time: a shell command that prints when the running member has to be over, in
            seconds since 1970, or nothing; "" if there is none.
        again: a shell expression for the command by which a running member queues itself again;
            empty: its exit code does; None: it cannot.
        job_nodes: a shell expression for the names of the nodes of the running member, with commas
            between, this one first; empty: it has one.
        on_node: the command that starts a program on one of them, whose name comes after it.
        arrays: whether one submission takes all members; else each is submitted on its own.
        cores_by_number: whether a job may ask for cores without knowing the cluster.
        shared_disk: whether jobs see the task's folder.
        kill_one: whether a command ends one member only.
        options: the native options that ``--extra`` takes.
        reserved: native options that are hpogrid's own business.
        quotes: whether a native option may have double quotes in it.
        same: native options that say the same as a setting of the grid config, by the setting.
        tested: the versions that hpogrid's tests ran with.
        cut_off: words in an error of a submission that may have been taken all the same.
        too_large: words in the refusal of a submission that might be taken in parts.
        too_many: words in the refusal of jobs that might be taken when others have ended.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    member: ClassVar[str]
    from_zero: ClassVar[bool] = False
    end_time: ClassVar[str] = ""
    again: ClassVar[str | None] = None
    job_nodes: ClassVar[str] = ""
    on_node: ClassVar[str] = ""
    arrays: ClassVar[bool] = True
    cores_by_number: ClassVar[bool] = True
    shared_disk: ClassVar[bool] = True
    kill_one: ClassVar[bool] = False
    tested: ClassVar[tuple[str, ...]] = ()
    cut_off: ClassVar[tuple[str, ...]] = ("timed out", "timeout", "Connection reset")
    too_large: ClassVar[tuple[str, ...]] = ()
    too_many: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[frozenset[str]] = frozenset()
    reserved: ClassVar[frozenset[str]] = frozenset()
    quotes: ClassVar[bool] = False
    same: ClassVar[Mapping[str, Sequence[str]]] = MappingProxyType({})

    def pool(self) -> list[list[str]]:
        """Commands that tell whether any machine can run jobs that need this disk."""
        return []

    def unfit(self, answers: Sequence[str]) -> str | None:
        """Why no machine can, by what those commands print; None: some can, or who knows."""
        return None

    def check_options(self, extra: Mapping[str, Any]) -> None:
        """Refuse native options that are unknown, or not the user's to set.

        Raises:
            UserError: which, and what there is.
        """
        self.native_options(extra)

    def native_options(self, extra: Mapping[str, Any]) -> list[tuple[str, str | None]]:
        """See the function of that name."""
        return native_options(extra, self.options, self.reserved, self.label, quotes=self.quotes)

    def settings_in(self, extra: Mapping[str, Any]) -> dict[str, str]:
        """Which of these native options say the same as settings of the grid config, by those."""
        given = {name.lstrip("-"): name for name in extra if extra[name] not in (None, False)}
        return {
            setting: given[name]
            for setting, names in self.same.items()
            for name in names
            if name in given
        }

    def nodes(self, extra: Mapping[str, Any]) -> int:
        """How many nodes of a job native options ask for."""
        return 1

    @abstractmethod
    def directives(self, request: Request) -> list[str]:
        """The lines with options at the top of the script."""

    def files(self, request: Request) -> dict[str, str]:
        """Further files that go beside the script, by name."""
        return {}

    @abstractmethod
    def submit(self, request: Request) -> list[str]:
        """The command that submits an array."""

    @abstractmethod
    def submitted(self, code: int, text: str) -> str | None:
        """The native id of what was submitted; None: there is none in the answer."""

    def search(self, name: str) -> list[str]:
        """The command that looks for an array by its name; empty: there is none."""
        return []

    def found(self, code: int, text: str, name: str) -> str | None:
        """The native id of the array of that name, if it is there."""
        return None

    def version(self) -> list[str]:
        """The command that tells the version; empty: there is none."""
        return []

    def rehearsal(self, request: Request) -> list[str]:
        """The command that asks whether a submission would be taken; empty: there is none."""
        return []

    def settings(self) -> list[str]:
        """The command that tells how the cluster is set up; empty: none is asked."""
        return []

    def largest_array(self, text: str) -> int | None:
        """How many members an array may have, by those settings; None: any number."""
        return None

    @abstractmethod
    def queue(self, arrays: Sequence[str]) -> list[str]:
        """The command that lists what the user has in the queue, these arrays at least."""

    @abstractmethod
    def in_queue(self, code: int, text: str) -> dict[Member, MemberState] | None:
        """What is in the queue; None: it could not say."""

    @abstractmethod
    def history(self, arrays: Sequence[str]) -> list[list[str]]:
        """The commands that tell how members of arrays have ended."""

    @abstractmethod
    def in_history(self, code: int, text: str) -> dict[Member, MemberState] | None:
        """How members have ended, as far as one of the commands tells.

        Args:
            code: of the command.
            text: what it printed; where it failed, what it complained about.

        Returns:
            None: the command was not understood, or could not read the record.
        """

    @abstractmethod
    def kill(self, targets: Sequence[Target]) -> list[str]:
        """The command that ends arrays, or members of them."""

    def logs(self, folder: Path, member: int) -> list[Path]:
        """Where a member's output is."""
        return [folder / f"{member}.log"]


def cluster_user() -> str:
    """Who this process is to the cluster, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def named(targets: Sequence[Target], member: Callable[[str, int], str]) -> list[str]:
    """Arrays, and members of them, as a batch system calls them."""
    return [
        name
        for array, members in targets
        for name in ([array] if members is None else [member(array, n) for n in members])
    ]


def native_options(
    extra: Mapping[str, Any],
    known: Collection[str],
    reserved: Collection[str],
    label: str,
    *,
    quotes: bool = False,
) -> list[tuple[str, str | None]]:
    """The user's native options as (name, value) pairs; a value of None is a flag.

    ``true`` gives a flag, ``false`` and ``null`` leave it out, a list repeats the option, and an
    object becomes ``key=value,key=value``.

    Args:
        extra: what the user has given.
        known: names of options.
        reserved: those that hpogrid sets.
        label: of the batch system.
        quotes: whether a value stands as it is, so that double quotes may be in it.

    Raises:
        UserError: an unknown option (the valid ones are listed), one of hpogrid's own, or a
            value that no option can have.
    """
    pairs: list[tuple[str, str | None]] = []
    for given, value in extra.items():
        name = given.lstrip("-")
        if name in reserved:
            raise UserError(f"extra: '{given}' is set by hpogrid itself; leave it out")
        if name not in known:
            told, _, _ = unknown(f"{label} option", name, sorted(known)).partition("; known")
            raise UserError(f"extra: {told}; valid: {', '.join(sorted(known))}")
        for item in value if isinstance(value, list) else [value]:
            if item is True:
                pairs.append((name, None))
            elif item is not None and item is not False:
                pairs.append((name, _text(given, item, quotes)))
    return pairs


def _text(name: str, value: Any, quotes: bool) -> str:
    if isinstance(value, dict):
        value = ",".join(f"{key}={_text(name, item, quotes)}" for key, item in value.items())
    if not isinstance(value, str | int | float):
        raise UserError(f"extra: '{name}' must be text, a number, true, or a list of them")
    text = str(value)
    if not text or any(ord(letter) < 32 for letter in text):
        raise UserError(f"extra: '{name}' must be one line of text")
    if text.endswith("\\"):
        raise UserError(f"extra: '{name}' must not end in a backslash")
    if '"' in text and not quotes:
        raise UserError(f"extra: '{name}' must not have a double quote in it")
    return text
