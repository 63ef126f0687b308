"""A batch system as it is asked: what it has of the user, how its jobs are, what it can take."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cached_property

from hpogrid.config.home import home
from hpogrid.errors import RunError
from hpogrid.site.base import ACTIVE
from hpogrid.site.batchsystem import BatchSystem, Member, MemberState
from hpogrid.site.commands import Answer, run_command
from hpogrid.site.polling import Poll, Told


class Cluster:
    """Runs the commands of a `BatchSystem` that ask.

    Args:
        scheduler: its kind.
    """

    def __init__(self, scheduler: BatchSystem) -> None:
        self.scheduler = scheduler
        self._poll = Poll(home() / "sites" / f"{scheduler.name}.json", self._ask)

    def look(self, members: Collection[Member]) -> Told:
        """How members of arrays are, as it said lately, or says now."""
        return self._poll.look(members)

    def forget(self) -> None:
        """Ask anew at the next look: something was submitted or ended."""
        self._poll.forget()

    def _ask(self, members: Collection[Member]) -> Told:
        """What queue and accounting say; a member that neither knows is left out."""
        scheduler = self.scheduler
        queue = self.queue(sorted({array for array, _ in members}))
        seen = {member: queue[member] for member in members if member in queue}
        gone = sorted({array for array, number in members if (array, number) not in seen})
        problem = None
        for command in scheduler.history(gone) if gone else []:
            try:
                answer = run_command(command, scheduler.label)
            except RunError as error:
                problem = str(error)
                continue
            text = answer.text if answer.code == 0 else answer.all
            known = scheduler.in_history(answer.code, text)
            if known is None:
                problem = f"'{command[0]}' said: {answer.words}"
            seen |= {m: known[m] for m in members if known and m in known and m not in seen}
        return Told(seen, problem)

    def queue(self, arrays: Sequence[str] = ()) -> dict[Member, MemberState]:
        """What the user has in the queue, these arrays at least.

        Raises:
            RunError: it does not answer.
        """
        scheduler = self.scheduler
        answer = run_command(scheduler.queue(arrays), scheduler.label)
        queue = scheduler.in_queue(answer.code, answer.text)
        if queue is None:
            raise RunError(f"{scheduler.label} does not answer: {answer.words}; try again later")
        return queue

    def queued(self) -> int | None:
        """How many jobs of the user wait or run; None: the scheduler does not answer."""
        try:
            return sum(seen.state in ACTIVE for seen in self.queue().values())
        except RunError:
            return None

    @cached_property
    def largest_array(self) -> int | None:
        """How many members an array may have, if the cluster tells."""
        answer = self.asked(self.scheduler.settings())
        return self.scheduler.largest_array(answer.text) if answer else None

    def unfit(self) -> str | None:
        """Why no machine can run jobs that need this disk, as far as the cluster tells."""
        answers = [self.asked(command) for command in self.scheduler.pool()]
        texts = [answer.text for answer in answers if answer is not None and answer.code == 0]
        return self.scheduler.unfit(texts) if texts and len(texts) == len(answers) else None

    def version(self) -> str | None:
        """Which one it is, if it tells."""
        answer = self.asked(self.scheduler.version())
        match = re.search(r"\d+(\.\d+)+\w*", answer.text) if answer else None
        return match.group() if match else None

    def asked(self, command: Sequence[str]) -> Answer | None:
        """What a command says; None: there is none, or no answer."""
        try:
            return run_command(command, self.scheduler.label) if command else None
        except RunError:
            return None
