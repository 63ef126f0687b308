"""The scheduler of the fake batch system, as somebody would add a new kind of cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hpogrid.site.base import JobState
from hpogrid.site.batch import BatchSite
from hpogrid.site.batchsystem import (
    BatchSystem,
    Member,
    MemberState,
    Request,
    Target,
    named,
    native_options,
)

PROGRAM = str(Path(__file__).with_name("fakebatch.py"))
STATE = "FAKE_STATE"
"""The environment variable with the folder of the fake's state."""


class Fake(BatchSystem):
    name = "fake"
    label = "Fake"
    member = '"$FAKE_MEMBER"'
    options = frozenset({"color", "flag"})
    reserved = frozenset({"array"})

    def directives(self, request: Request) -> list[str]:
        options = native_options(request.grid.extra, self.options, self.reserved, self.label)
        return [f"#FAKE {name} {value}" for name, value in options]

    def submit(self, request: Request) -> list[str]:
        most = str(request.grid.max_jobs or 0)
        return self._command("submit", str(request.script), str(request.count), most)

    def submitted(self, code: int, text: str) -> str | None:
        return text.strip() if code == 0 else None

    def queue(self, arrays: Sequence[str]) -> list[str]:
        return self._command("queue")

    def in_queue(self, code: int, text: str) -> dict[Member, MemberState] | None:
        return self._members(text) if code == 0 else None

    def history(self, arrays: Sequence[str]) -> list[list[str]]:
        return [self._command("history")]

    def in_history(self, code: int, text: str) -> dict[Member, MemberState]:
        return self._members(text)

    def kill(self, targets: Sequence[Target]) -> list[str]:
        return self._command("kill", *named(targets, lambda array, member: f"{array}/{member}"))

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-I", "-S", PROGRAM, os.environ[STATE], *words]

    def _members(self, text: str) -> dict[Member, MemberState]:
        found: dict[Member, MemberState] = {}
        for line in text.splitlines():
            array, member, kind, *rest = line.split()
            state: JobState = "running" if kind == "running" else "queued"
            reason = None
            if kind == "ended":
                state = "done" if rest == ["0"] else "failed"
                reason = f"exit code {rest[0]}"
            found[array, int(member)] = MemberState(state, reason)
        return found


def site() -> BatchSite:
    return BatchSite(Fake())
