"""What is submitted by a command of its own: requests, and the scripts that go with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from hpogrid.config.schemas import GridConfig
from hpogrid.site.arrays import arrays_of
from hpogrid.site.batchsystem import Request
from hpogrid.site.cluster import Cluster
from hpogrid.site.script import job_script, make_request
from hpogrid.site.tasks import Task, project_at


class Part(NamedTuple):
    """What is submitted by a command of its own: jobs, being some of the members of a script."""

    request: Request
    jobs: Sequence[int]
    members: Sequence[int]


class Parts:
    """Cuts the jobs of a task into parts.

    Args:
        cluster: that is to take them.
        check: refuses settings that the cluster cannot have.
    """

    def __init__(self, cluster: Cluster, check: Callable[[GridConfig], None]) -> None:
        self._cluster = cluster
        self._scheduler = cluster.scheduler
        self._check = check

    def of(self, task: Task, jobs: Sequence[int] | None = None) -> list[Part]:
        """What is submitted by a command of its own."""
        jobs = range(task.n_jobs) if jobs is None else jobs
        most = 1
        if self._scheduler.arrays:
            most = (self._cluster.largest_array if len(jobs) > 1 else None) or len(jobs)
        groups = [same[at : at + most] for same in self._by_memory(task, jobs)
                  for at in range(0, len(same), most)]  # fmt: skip
        first, step = len(arrays_of(task)) + 1, int(self._scheduler.arrays)
        parts = (self.part(task, group, jobs, first + at * step) for at, group in enumerate(groups))
        return [part for part in parts if part is not None]

    def _by_memory(self, task: Task, jobs: Sequence[int]) -> list[Sequence[int]]:
        """The jobs, apart by how much memory they get: one script asks for the same for all."""
        times = [task.short_of_memory.get(job, 0) for job in jobs]
        if not self._scheduler.arrays or len(set(times)) == 1:
            return [jobs]
        both = list(zip(jobs, times, strict=True))
        return [[job for job, own in both if own == one] for one in sorted(set(times))]

    def part(
        self,
        task: Task,
        group: Sequence[int],
        jobs: Sequence[int],
        number: int,
        room: int | None = None,
    ) -> Part | None:
        """An array of some of the jobs that are submitted together; None: there is no room.

        Args:
            task: whose they are.
            group: the jobs of the array.
            jobs: all; together their arrays keep to ``max_jobs``.
            number: of its script.
            room: how many of its members may run at once; None: as many as of the others.
        """
        if room == 0:
            return None
        project = project_at(task, self._scheduler.name)
        self._check(project.grid_config)
        cores = self._scheduler.cores_by_number
        members, only = group, None
        if not self._scheduler.arrays:
            members, only = jobs, jobs.index(group[0]) + 1
        folder = task.folder / "batch" / f"{number:03d}"
        request = make_request(task, project, folder, len(members), cores=cores)
        most = request.grid.max_jobs
        share = max(most * len(group) // len(jobs), 1) if most and only is None else most
        share = min(share, room) if share and room else share
        times = max(task.short_of_memory.get(job, 0) for job in members)
        grid = replace(request.grid, max_jobs=share, memory=_memory(request.grid, times))
        name = request.name if number == 1 else f"{request.name}-{number}"
        full = self._scheduler.from_zero and len(members) == self._cluster.largest_array
        request = dataclasses.replace(
            request, grid=grid, name=name, only=only, lowest=int(not full), jobs=tuple(members)
        )
        return Part(request, group, members)

    def files(self, task: Task, parts: Sequence[Part]) -> dict[Path, str]:
        """Their scripts, and what goes beside them, with their texts."""
        files: dict[Path, str] = {}
        project = project_at(task, self._scheduler.name)
        for request, _, members in parts:
            script = job_script(self._scheduler, request, task, project, members)
            texts = {request.script.name: script, **self._scheduler.files(request)}
            files |= {request.folder / name: text for name, text in texts.items()}
        return files


def _memory(grid: GridConfig, times: int) -> str | None:
    """The memory of a job that ended so many times for lack of it."""
    if grid.memory_mb is None or grid.memory_factor is None or not times:
        return grid.memory
    return f"{int(grid.memory_mb * grid.memory_factor**times)}M"
