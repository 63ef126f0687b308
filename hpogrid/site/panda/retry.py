"""What a retried job finds of its earlier attempts: a file in the server's cache."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

from hpogrid.files import write_atomic
from hpogrid.site.tasks import Task
from hpogrid.study.ledger import ledger_attempts, ledger_name


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
