"""The nodes of a job that has several, as its script names them, and how trials share them."""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Sequence

from hpogrid.errors import UserError, first_line

NODES = "HPOGRID_NODES"
"""The environment variable with the names of a job's nodes, or of a trial's, with commas between:
the first is the one that the job runs on."""

ON_NODE = "HPOGRID_ON_NODE"
"""The environment variable with the command that starts a program on a node of the job: the name
of the node and the program come after it."""


def job_nodes() -> list[str]:
    """The nodes of this job; the first one is this machine."""
    return list(filter(None, os.environ.get(NODES, "").split(","))) or [socket.gethostname()]


def on_node(node: str) -> list[str]:
    """The words that come before a program for it to run on another node of this job."""
    return [*shlex.split(os.environ[ON_NODE]), node]


def share_nodes(concurrent: int, per_trial: int, nodes: Sequence[str]) -> list[Sequence[str]]:
    """The nodes of each of at most ``concurrent`` trials that run at once.

    Raises:
        UserError: fewer than one trial needs.
    """
    if len(nodes) < per_trial:
        raise UserError(
            f"a trial needs {per_trial} nodes and this job has {len(nodes)}; lower nodes_per_trial "
            "in the hpo config, or raise nodes in the grid config"
        )
    starts = range(0, len(nodes) - per_trial + 1, per_trial)
    return [nodes[start : start + per_trial] for start in starts][:concurrent]


def own_address(other: str) -> str:
    """The address of this machine by which another one reaches it.

    Raises:
        UserError: nobody knows where the other one is.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((other, 9))  # nothing is sent
            return str(probe.getsockname()[0])
    except OSError as error:
        raise UserError(f"there is no way from here to {other}: {first_line(error)}") from error
