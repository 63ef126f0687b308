"""Retries: what a retried job finds of its earlier attempts, and what may be another one then."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hpogrid.errors import UserError
from hpogrid.files import write_atomic
from hpogrid.registry import unknown
from hpogrid.site.tasks import Task
from hpogrid.study.ledger import ledger_attempts, ledger_name

PARAMETERS = {
    "site": "site", "excludedSite": "excludedSite", "includedSite": "includedSite",
    "nFilesPerJob": "nFilesPerJob", "maxNFilesPerJob": "nMaxFilesPerJob", "nGBPerJob": "nGBPerJob",
    "nFiles": "nFiles", "nEvents": "nEvents", "memory": "ramCount", "maxCore": "maxCoreCount",
    "loopingCheck": "loopingCheck", "avoidVP": "avoidVP", "forceStaged": "forceStaged",
    "ignoreMissingInDS": "ignoreMissingInDS",
}  # fmt: skip
"""What can be another one in a retry, and the parameter of the task: the server forgets others."""


def retry_parameters(
    site: str | None, memory: int | None, options: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The parameters of a task that are to be others from now on.

    Raises:
        UserError: one that a retry cannot change.
    """
    given: dict[str, Any] = {"site": site, "memory": memory}
    given = {name: value for name, value in given.items() if value is not None}
    for name in options or {}:
        if name not in PARAMETERS:
            raise UserError(f"--new_options: {unknown('option', name, PARAMETERS)}")
    return {PARAMETERS[name]: value for name, value in (given | dict(options or {})).items()}


def lay_out(
    task: Task, jobs: Sequence[int], name: str, upload: Callable[[Path], None]
) -> list[Path]:
    """Upload the ledgers of these jobs under the name that their bundle knows.

    Args:
        task: whose ledgers were fetched.
        jobs: which of its jobs are going to run again.
        name: of the file in the cache.
        upload: puts a file there, over an older one.

    Returns:
        The ledgers; none: there was nothing to upload.
    """
    paths = [
        task.ledgers / ledger_name(job, attempt)
        for job in jobs
        for attempt in ledger_attempts(task.ledgers, job)
    ]
    paths = [path for path in paths if path.is_file() and path.stat().st_size]
    if not paths or not name:
        return []
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path in paths:
            archive.add(path, path.name)
    target = task.folder / name
    write_atomic(target, stream.getvalue())
    upload(target)
    return paths
