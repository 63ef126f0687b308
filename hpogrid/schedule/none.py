"""No early stopping."""

from __future__ import annotations

from hpogrid.schedule.base import BaseScheduler, Decision


class NoScheduler(BaseScheduler):
    """Lets every trial run to its end."""

    judges = False

    def on_report(self, trial: str, resource: float, *losses: float) -> Decision:
        """Continue (see `Scheduler`)."""
        return "continue"
