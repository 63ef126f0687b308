"""Jobs that live in memory: random trials, reports, ends and kills, and what has to hold.

    python -m tests.engine.lives --events 1000000

A `World` is one task of one to three jobs: their ledgers are lists of lines, their claims and
checkpoints are dicts, and time is a number. A job can be killed before and after each event that
it writes; it then goes on from the lines alone.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from typing import Any

import msgspec

from hpogrid.config.schemas import HpoConfig
from hpogrid.engine.assignment import JobSpec, Start
from hpogrid.engine.search_state import SearchState
from hpogrid.search.base import Outcome
from hpogrid.space.dialects import read_space
from hpogrid.space.space import Point, Space
from hpogrid.study.events import Ended, Event, Started
from hpogrid.study.study import Source, Study, job_of
from hpogrid.trial.session import VERDICT

FINITE = read_space(
    {
        "a": {"method": "uniformint", "dimension": {"low": 1, "high": 4}},
        "b": {"method": "categorical", "dimension": {"categories": ["x", "y"]}},
    },
    "space",
)[0]
WIDE = read_space({"a": {"method": "uniform", "dimension": {"low": 0, "high": 1}}}, "space")[0]
SCHEDULERS: dict[str, dict[str, Any]] = {
    "none": {},
    "asynchyperband": {"max_t": 8, "grace_period": 1, "reduction_factor": 2},
    "median": {"grace_period": 1, "min_samples_required": 2},
    "promotion": {"max_t": 8, "grace_period": 1, "reduction_factor": 2},
    "bohbhyperband": {"max_t": 8, "reduction_factor": 2},
    "pbt": {"perturbation_interval": 2},
}
REASONS = ("it broke", "no memory for 7 layers", "no memory for 9 layers")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Event).decode


class Killed(Exception):
    """The job's process is gone."""


class World:
    """A task, and the machine that runs its jobs.

    Attributes:
        events: how many events there were: asked, reported, ended, written, killed.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.events = 0
        self.now = 1000.0
        self.kills = True
        self.deadly = rng.choice([0.003, 0.003, 0.05, 0.3])  # before and after each line
        self.config, self.space = some_search(rng)
        self.jobs = [Job(self, index) for index in range(rng.randint(1, 3))]
        self.owners: dict[bytes, tuple[int, Point]] = {}  # who evaluates a configuration
        self.checkpoints: dict[str, set[int]] = {}

    def live(self, actions: int) -> None:
        """Let all jobs come to their end, the first actions with kills; check everything."""
        alive = list(self.jobs)
        for _ in range(actions):
            if not alive:
                break
            if not (job := self.rng.choice(alive)).act():
                alive.remove(job)
        self.kills = False
        for job in self.jobs:
            for _ in range(10_000):
                if not job.act():
                    break
            else:
                raise AssertionError("the job does not come to its end")
        self._check()

    def tick(self) -> float:
        """The time, which passes."""
        self.events += 1
        self.now += 1.0
        return self.now

    def _check(self) -> None:
        lines = [_decode(line) for job in self.jobs for line in job.ledger]
        begun = [one for one in lines if isinstance(one, Started) and one.attempt == 1]
        assert max(Counter(one.trial for one in begun).values(), default=0) <= 1, "an id came twice"
        study = Study()
        for event in lines:
            study.apply(event, Source())
        assert not [trial.id for trial in study if trial.paused], "a trial waits for ever"
        if self.space.finite and self.config.scheduler != "pbt":
            key = self.space.identify
            times = Counter((key(trial.applied), trial.group) for trial in study.finished)
            points = Counter(point for point, _ in times)
            assert max(points.values(), default=0) <= 1, "a configuration was tried twice"
            assert max(times.values(), default=0) <= self.config.repeat
        for job in self.jobs:
            job.check_end(study)


def some_search(rng: random.Random) -> tuple[HpoConfig, Space]:
    """A config and a space that go together."""
    scheduler = rng.choice(list(SCHEDULERS))
    space = rng.choice([FINITE, WIDE, WIDE])
    options = {**SCHEDULERS[scheduler], "max_concurrent": 3}
    config = HpoConfig(
        metric=rng.choice(["loss", "loss,size"]),
        mode=rng.choice(["min", "max"]),
        trials=rng.choice([1, 3, 10, 30]),
        algorithm=rng.choice(["random", "grid"]) if space is FINITE else "random",
        scheduler=scheduler,
        scheduler_param=options,
        repeat=rng.choice([1, 2, 3]) if scheduler == "none" else 1,
        stop=rng.choice([{}, {"training_iteration": 9}]),
        max_failures=rng.choice([None, None, 3, 50]),
        target=rng.choice([None, None, 0.01]),
        aggregate=rng.choice(["last", "best", "mean:2"]),
        prior=rng.choice([{}, {"a": 1}]),
    )
    return config, space


class Job:
    """One job, with up to three trials at once."""

    def __init__(self, world: World, index: int) -> None:
        self.world, self.index, self.rng = world, index, world.rng
        self.ledger: list[bytes] = []
        self.state: SearchState | None = None
        self.reason = ""

    def act(self) -> bool:
        """Do something; False: the job has come to its end."""
        try:
            return self._act()
        except Killed:
            self.world.events += 1
            self.state = None
            return True

    def _act(self) -> bool:
        if self.state is None:
            self._open()
        assert self.state is not None
        state, chance = self.state, self.rng.random()
        if chance < 0.2:
            self._poll(state)
        if chance < 0.004:
            self.check_replay(state)
        if self.world.kills and chance > 0.995:
            self._interrupt(state)
            return True
        if len(state.running) < 3 and self.rng.random() < 0.5 and not state.over:
            self._next(state)
        elif state.running:
            self._step(state, self.rng.choice(list(state.running)))
        elif not state.over:
            self._next(state)
            assert state.running or state.over, "there is nothing to do, and it is not over"
        else:
            self._write(state, *state.end_paused())
            self.reason = state.reason
            return False
        return True

    # --- what is around the state ------------------------------------------------------------

    def _open(self) -> None:
        state, told = self._fresh()
        self.state, self.told = state, told
        self._write(state, *state.replay(self.world.tick()))
        for trial in state.cut_off:
            if not self._is_mine(trial.applied):
                self._write(state, *state.lose(trial, self.world.tick()))
        known = {self.world.space.identify(trial.applied) for trial in state.study}
        owned = self.world.owners.items()
        state.claimed.extend(
            point for key, (job, point) in owned if job == self.index and key not in known
        )

    def _fresh(self) -> tuple[SearchState, list[tuple[str, Outcome]]]:
        """The state as it is made from nothing but lines, and what its algorithm is told."""
        study = Study()
        self.seen = [len(job.ledger) for job in self.world.jobs]
        for job in self.world.jobs:
            for line in job.ledger:
                study.apply(_decode(line), Source())
        spec = JobSpec(self.index, 7, None, None, True, len(self.world.jobs))  # type: ignore[arg-type]
        state = SearchState(self.world.config, self.world.space, spec, study)
        return state, listened(state)

    def _poll(self, state: SearchState) -> None:
        """Take in what the other jobs have written."""
        changed = {}
        for job in self.world.jobs:
            if job is not self:
                for line in job.ledger[self.seen[job.index] :]:
                    if (trial := state.study.apply(_decode(line), Source())) is not None:
                        changed[trial.id] = trial
                self.seen[job.index] = len(job.ledger)
        self.world.events += len(changed)
        state.learn(changed.values())

    def _write(self, state: SearchState, *events: Event) -> None:
        for event in events:
            self._perhaps_killed()
            self.ledger.append(_encode(event))
            self._perhaps_killed()
            self.world.events += 1
            state.apply(event)

    def _perhaps_killed(self) -> None:
        if self.world.kills and self.rng.random() < self.world.deadly:
            raise Killed

    def _is_mine(self, applied: dict[str, Any]) -> bool:
        owner = self.world.owners.get(self.world.space.identify(applied))
        return owner is None or owner[0] == self.index

    def _claim(self, point: Point) -> bool:
        if not self.world.space.finite:
            return True
        new = point.key not in self.world.owners
        if new:
            self.world.owners[point.key] = self.index, point
            self._perhaps_killed()
        return new

    def _abandoned(self, state: SearchState) -> list[Point]:
        """A configuration of a job that is dead."""
        identify = self.world.space.identify
        finished = {identify(trial.applied) for trial in state.study.finished}
        for key, (job, point) in list(self.world.owners.items()):
            if job != self.index and self.world.jobs[job].state is None and key not in finished:
                self.world.owners[key] = self.index, point
                self._perhaps_killed()
                return [point]
        return []

    # --- trials ------------------------------------------------------------------------------

    def _next(self, state: SearchState) -> None:
        self.world.tick()
        while (step := state.next()) is not None:
            if step == "look":
                self._poll(state)
                state.offer(self._abandoned(state))
            elif isinstance(step, Ended):
                self._write(state, step)
            elif not step.asks or self._claim(step.point):
                self._start(state, step)
                return

    def _start(self, state: SearchState, start: Start) -> None:
        saved = self.world.checkpoints
        step = 0
        if start.source is not None:
            step = max(
                (at for at in saved.get(start.source, ()) if at <= start.reported), default=0
            )
            if start.source != start.trial:
                if not step:
                    self._start(state, state.restart(start.trial))
                    return
                saved[start.trial] = {step}
        self._write(state, start.event(self.world.tick(), step))

    def _step(self, state: SearchState, name: str) -> None:
        """A trial saves, reports, ends."""
        chance, step = self.rng.random(), state.running[name].step + 1
        if chance < 0.02:
            self._finish(state, name, self.rng.choice(REASONS))
            return
        if self.rng.random() < 0.8:
            self.world.checkpoints.setdefault(name, set()).add(step)
        metrics: dict[str, Any] = {"loss": self.rng.random()}
        if step == 1 or chance < 0.5:
            metrics["size"] = self.rng.randint(1, 3)
        if chance < 0.05:
            metrics[self.rng.choice(list(metrics))] = self.rng.choice(["nan", None, True, 10**400])
        if chance > 0.99:
            metrics = {VERDICT: "pruned"}
        elif chance > 0.98:
            metrics["status"] = "fail"
        elif chance > 0.92:
            metrics[VERDICT] = "ok"
        decision = state.report(name, metrics, self.world.tick())
        if (reports := state.unwritten(name)) and (step > 1 or self.world.checkpoints.get(name)):
            self._write(state, *reports)
        if decision != "continue" or chance > 0.92:
            self._perhaps_killed()
            self._finish(state, name, None)

    def _finish(self, state: SearchState, name: str, failure: str | None) -> None:
        saved = bool(self.world.checkpoints.get(name)) or not state.needs_checkpoint(name)
        self._write(state, *state.finish(name, failure, self.world.tick(), saved=saved))
        assert name not in state.running

    def _interrupt(self, state: SearchState) -> None:
        """The batch system ends the job in good order."""
        for name in list(state.running):
            self._write(state, *state.interrupt(name, "told to end", self.world.tick()))
        self.state = None

    # --- what has to hold ----------------------------------------------------------------------

    def check_replay(self, state: SearchState) -> None:
        """Whoever is made from the lines knows the same as who has lived through them."""
        self._poll(state)
        twin, told = self._fresh()
        for event in twin.replay(self.world.now):
            assert isinstance(event, Ended)
            assert event.paused, "only what was told to pause, or is now, has still to be written"
            assert state.study.trials[event.trial].state == "running"
        for trial in twin.cut_off:
            if not self._is_mine(trial.applied):
                twin.lose(trial, self.world.now)
        lived, replayed = knowledge(state), knowledge(twin)
        assert replayed == lived, f"{replayed}\n{lived}"
        assert set(state._paused) == set(twin._paused)
        assert twin.proposer._taken <= state.proposer._taken
        assert sorted(map(repr, told)) == sorted(map(repr, self.told))

    def check_end(self, study: Study) -> None:
        """The budget was kept to the trial, and whoever ended early has said why."""
        config = self.world.config
        own = [trial for trial in study if job_of(trial.id) == self.index]
        finished = [trial for trial in own if trial.finished]
        assert len(finished) <= config.trials
        assert self.state is not None
        assert self.state.budget.finished == len(finished)
        assert self.state.budget.failures == sum(trial.state == "failed" for trial in finished)
        if self.reason.startswith("all "):
            assert len(finished) == config.trials
        assert not self.reason.startswith("nothing is left"), self.reason
        for trial in finished:
            assert trial.state == "failed" or trial.reason or trial.metrics.get("loss") is not None


def listened(state: SearchState) -> list[tuple[str, Outcome]]:
    """What the algorithm is told from now on."""
    told: list[tuple[str, Outcome]] = []
    tell = state.proposer.tell

    def keep(suggested: Any, outcome: Outcome) -> None:
        told.append((repr(suggested), outcome))
        tell(suggested, outcome)

    state.proposer.tell = keep  # type: ignore[method-assign]
    return told


def knowledge(state: SearchState) -> dict[str, Any]:
    """What does not depend on the order in which it came."""
    budget = state.budget
    return {
        "counts": (budget.started, budget.finished, budget.failures),
        "best": budget.best,
        "spent": budget.spent,
        "begun": {trial.id for trial in state.own if not trial.finished},
        "number": state._number,
        "repeats": sorted(group for _, group in state._repeats),
    }


def main() -> int:
    """Live until there were enough events."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began, events, worlds = time.monotonic(), 0, 0
    while events < options.events:
        world = World(random.Random(options.seed + worlds))
        try:
            world.live(400)
        except AssertionError:
            print(f"seed {options.seed + worlds}: {world.config}")
            raise
        worlds += 1
        events += world.events
    print(f"{events} events in {worlds} tasks, {time.monotonic() - began:.1f} s: all held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
