"""The other nodes of a job, which join the Ray that it starts on its first one."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.engine.nodes import on_node
from hpogrid.engine.ray import join
from hpogrid.errors import RunError
from hpogrid.trial.lifeline import how_it_ended

_TICK = 0.2
_PATIENCE = 20.0
"""Seconds that a node has to end its part of Ray."""


class _Joiner:
    """A node that joins, by a process here that holds its line; what it says is kept."""

    def __init__(self, node: str, ticket: join.Ticket, folder: Path) -> None:
        self.node = node
        self._log = folder / f"{node}.log"
        module = [sys.executable, "-P", "-m", join.__name__]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*on_node(node), *module], stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # `why_not` tells
            self._process.stdin.write(msgspec.json.encode(ticket) + b"\n")
            self._process.stdin.flush()

    def why_not(self) -> str | None:
        """Why it is no node of Ray and will be none; None: it may be one."""
        code = self._process.poll()
        if code is None:
            return None
        return how_it_ended(code, self._log.read_text(errors="replace").splitlines())

    def let_go(self) -> None:
        """Have it end."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def wait(self, deadline: float) -> None:
        """Wait for its end; who takes longer is left to the batch system."""
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def joined(ray: Any, others: Sequence[str], folder: Path, *, gpus: bool) -> Iterator[None]:
    """Have all nodes of the job in its Ray; they leave it at the end, and when this process dies.

    Args:
        ray: the module; its head runs here.
        others: the nodes that are to join it.
        folder: for what they say.
        gpus: whether trials need their GPUs.

    Raises:
        RunError: one does not join; in its words.
    """
    joiners: list[_Joiner] = []
    try:
        if others:
            address = ray.get_runtime_context().gcs_address
            token = Path(os.environ["RAY_AUTH_TOKEN_PATH"]).read_text()
            ticket = join.Ticket(address, token, gpus)
            for node in others:
                joiners.append(_Joiner(node, ticket, folder))
            _wait_for(ray, joiners)
        yield
    finally:
        for joiner in joiners:
            joiner.let_go()
        deadline = time.monotonic() + _PATIENCE
        for joiner in joiners:
            joiner.wait(deadline)


def _wait_for(ray: Any, joiners: Sequence[_Joiner]) -> None:
    deadline = time.monotonic() + join.START_SECONDS
    while sum(node["Alive"] for node in ray.nodes()) <= len(joiners):
        for joiner in joiners:
            if (why := joiner.why_not()) is not None:
                raise RunError(f"node {joiner.node} cannot join the Ray of the job: it {why}")
        if time.monotonic() > deadline:
            raise RunError(
                f"not all of the {len(joiners) + 1} nodes of the job joined its Ray in "
                f"{join.START_SECONDS:g} s"
            )
        time.sleep(_TICK)
