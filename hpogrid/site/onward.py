"""Jobs that wait to be submitted go in when anybody looks at a task, and when a job ends.

python -m hpogrid.site.onward    # what a job does last
"""

from __future__ import annotations

from collections.abc import Collection

from hpogrid.site import keepers, make_site
from hpogrid.site.arrays import waiting_tasks


def go_on(besides: Collection[int] = ()) -> None:
    """Look at all tasks with jobs that wait, but these: sites submit what there is room for."""
    tasks = [task for task in waiting_tasks() if task.id not in besides]
    for kind in {kind for task in tasks for kind in keepers(task)}:
        make_site(kind).status([task for task in tasks if kind in keepers(task)])


if __name__ == "__main__":
    go_on()
