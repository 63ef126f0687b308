"""One Ray cluster for all tests that need no Ray of their own: starting one takes seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pytest

from tests.projects import alive, children, wait_for

CLUSTER = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
cluster.add_node(num_cpus=2)
cluster.wait_for_nodes()
print("address", cluster.address, flush=True)
sys.stdin.read()
"""
SETTINGS = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}

_clusters: list[int] = []
"""The process of the cluster, while it runs."""


@pytest.fixture(scope="session")
def two_nodes() -> Iterator[str]:
    """The address of a Ray cluster with two nodes of two CPUs each, on this machine."""
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder:
        process = subprocess.Popen(
            [sys.executable, "-c", CLUSTER],
            env={**os.environ, **SETTINGS, "RAY_TMPDIR": folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        _clusters.append(process.pid)
        try:
            assert process.stdout is not None
            yield next(line for line in process.stdout if line.startswith("address")).split()[1]
        finally:
            for pid in [process.pid, *children(process.pid)]:
                os.kill(pid, signal.SIGKILL)
            process.communicate()
            _clusters.clear()


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Whatever a test started has ended after it."""
    before = _started()
    yield
    wait_for(lambda: not any(map(alive, _started() - before)))


def _started() -> set[int]:
    """The processes below this one, less those of the cluster."""
    found = set(children(os.getpid()))
    for pid in _clusters:
        found -= {pid, *children(pid)}
    return found
