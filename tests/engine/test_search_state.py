"""The search state: whatever happens in whatever order, and however often a job is killed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.config.schemas import HpoConfig, SearchStop
from hpogrid.engine.assignment import JobSpec, Start
from hpogrid.engine.search_state import SearchState
from hpogrid.search.base import Outcome
from hpogrid.space.parameter import Categorical
from hpogrid.space.space import Space
from hpogrid.study.study import Study
from hpogrid.trial.session import VERDICT
from tests.engine.lives import WIDE, World


@pytest.mark.parametrize("most", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_whatever_happens(most: int) -> None:
    """``python -m tests.engine.lives`` goes on from here."""
    events, seed = 0, 0
    while events < most:
        world = World(random.Random(seed))
        world.live(400)
        events, seed = events + world.events, seed + 1


@given(st.randoms(use_true_random=False), st.integers(1, 400))
def test_whatever_happens_in_few_events(rng: random.Random, actions: int) -> None:
    """Hypothesis draws each decision, so that it can show the shortest life that goes wrong."""
    World(rng).live(actions)


# --- one trial at a time --------------------------------------------------------------------------


class Search:
    """A search of one job, without a ledger."""

    def __init__(self, **hpo: Any) -> None:
        self.now = 0.0
        config = HpoConfig(**{"metric": "loss", "mode": "min", "trials": 20, "stop": {}, **hpo})
        spec = JobSpec(0, 7, Path(), Path())
        self.state = SearchState(config, WIDE, spec, Study())

    def start(self) -> str:
        step = self.state.next()
        assert isinstance(step, Start)
        self.state.apply(step.event(self.now))
        return step.trial

    def report(self, trial: str, **metrics: Any) -> str:
        self.now += 1
        return self.state.report(trial, metrics, self.now)

    def end(self, trial: str, failure: str | None = None) -> tuple[str, str | None]:
        for event in self.state.finish(trial, failure, self.now):
            self.state.apply(event)
        found = self.state.study.trials[trial]
        return found.state, found.reason

    def run(self, *reports: dict[str, Any], failure: str | None = None) -> tuple[str, str | None]:
        """A trial that reports until it is told to end."""
        trial = self.start()
        for metrics in reports:
            if self.report(trial, **metrics) != "continue":
                break
        return self.end(trial, failure)


def test_a_metric_that_nobody_reports_ends_a_trial_at_its_first_report() -> None:
    search = Search(metric="val_accuracy")
    trial = search.start()
    assert search.report(trial, val_acc=1, epoch=0) == "complete"
    state, reason = search.end(trial)
    assert state == "failed"
    assert str(reason).startswith(
        "the metric 'val_accuracy' was not reported; metrics seen: epoch, val_acc"
    )


@pytest.mark.parametrize("said", [{"max_failures": 9}, {"metric": "epoch,loss", "mode": "min,min"}])
def test_a_metric_may_come_late_where_that_is_said(said: dict[str, Any]) -> None:
    search = Search(**{"algorithm": "random", **said})
    assert search.run({"epoch": 1}, {"loss": 1.0})[0] == "complete"


TWO: dict[str, Any] = {
    "metric": "loss,speed", "mode": "min,max", "algorithm": "random",
    "scheduler_param": {"max_t": 9, "grace_period": 2},
}  # fmt: skip


def test_a_trial_is_judged_by_all_metrics() -> None:
    search = Search(**TWO)
    assert search.run(*[{"loss": 1.0, "speed": 5}] * 9) == ("complete", None)
    assert search.run(*[{"loss": 1.5, "speed": 6}] * 9) == ("complete", None)
    assert search.run(*[{"loss": 1.5, "speed": 4}] * 9) == ("pruned", None)


def test_a_metric_that_a_report_leaves_out_is_as_it_was_last_reported() -> None:
    search = Search(**TWO)
    search.run(*[{"loss": 1.0, "speed": 5}] * 9)
    trial = search.start()
    assert search.report(trial, speed=4) == "continue"
    assert search.report(trial, accuracy=1) == "continue", "it says nothing of either"
    assert search.report(trial, loss=2.0) == "stop"


def test_nothing_is_decided_before_each_metric_was_reported() -> None:
    search = Search(**TWO)
    search.run(*[{"loss": 1.0, "speed": 5}] * 9)
    trial = search.start()
    assert [search.report(trial, loss=2.0) for _ in range(3)] == ["continue"] * 3
    assert search.report(trial, speed=4) == "stop"


@pytest.mark.parametrize("scheduler", ["asynchyperband", "none"])
def test_that_a_metric_comes_too_late_to_compare_by_is_said(scheduler: str) -> None:
    said = TWO if scheduler == "asynchyperband" else {**TWO, "scheduler_param": {}}
    search = Search(**said, scheduler=scheduler)
    search.run(*[{"loss": 1.0}] * 4, {"loss": 1.0, "speed": 4})
    note = (
        "speed came with the last report only: scheduler asynchyperband compares trials by all "
        "metrics, and ends none before"
    )
    assert search.state.notes == ([note] if scheduler == "asynchyperband" else [])
    search.run(*[{"loss": 1.0}] * 4, {"loss": 1.0, "speed": 4})
    assert len(search.state.notes) <= 1


def test_what_a_trial_reported_after_its_checkpoint_counts_no_more() -> None:
    search = Search(**TWO)
    search.run(*[{"loss": 1.0, "speed": 5}] * 9)
    trial = search.start()
    search.report(trial, speed=4)
    for event in search.state.interrupt(trial, "cut off", search.now):
        search.state.apply(event)
    search.start()
    assert search.report(trial, accuracy=1) == "continue"
    assert search.report(trial, loss=2.0) == "continue"


def test_a_metric_that_was_reported_before_may_come_late() -> None:
    search = Search(scheduler="none")
    search.run({"loss": 1.0})
    assert search.run({"epoch": 1}, {"loss": 1.0})[0] == "complete"


def test_settings_that_name_what_nobody_reports_are_told_after_the_first_trial() -> None:
    search = Search(
        stop={"epochs": 5, "training_iteration": 9},
        scheduler_param={"time_attr": "epochs"},
        stop_search=SearchStop(max_cost=1, min_metric_value={"auc": 1, "loss": 0}),
    )
    search.run({"loss": 1.0, "epoch": 1}, failure="it broke")
    assert search.state.notes == []
    search.run({"loss": 1.0, "epoch": 1})
    search.run({"loss": 1.0, "epoch": 1})
    assert [note.partition(", which")[0] for note in search.state.notes] == [
        "no trial reports a number 'epochs', named by stop and time_attr",
        "no trial reports a number 'auc', named by min_metric_value",
        "no trial reports a number 'cost', named by cost_metric",
    ]
    assert "which has no effect; reported: epoch, loss" in search.state.reason


@pytest.mark.parametrize(
    ("first", "failure", "hpo", "stops"),
    [
        (False, "no memory for {} bytes", {}, True),
        (False, "no memory for {} bytes", {"max_failures": 10}, False),
        (False, "no {:c}", {}, False),
        (True, "no memory for {} bytes", {}, False),
    ],
)
def test_when_the_first_trials_fail_for_one_reason_the_job_stops(
    first: bool, failure: str, hpo: dict[str, Any], stops: bool
) -> None:
    search = Search(**hpo)
    if first:
        search.run({"loss": 1.0})
    for number in range(4):
        assert not search.state.over
        search.run(failure=failure.format(65 + number))
    assert search.state.over == stops
    assert str(search.state.stopped).startswith("the first 4 trials failed") == stops


@pytest.mark.parametrize(
    ("metrics", "state"),
    [
        ({"loss": 9.0, VERDICT: "ok"}, "complete"),
        ({"loss": 9.0}, "pruned"),
        ({VERDICT: "pruned"}, "pruned"),
        ({"loss": 9.0, "status": "ok", VERDICT: "ok"}, "complete"),
        ({"loss": 0.0, "status": "fail", VERDICT: "ok"}, "failed"),
        ({"status": "fail"}, "failed"),
        ({"loss": "nan", VERDICT: "ok"}, "failed"),
    ],
)
def test_the_script_has_the_last_word(metrics: dict[str, Any], state: str) -> None:
    """Whatever the scheduler says, which would stop a trial as bad as this."""
    search = Search(scheduler="asynchyperband", scheduler_param={"grace_period": 1})
    for _ in range(9):
        search.run({"loss": 1.0, VERDICT: "ok"})
    assert search.run(metrics)[0] == state
    assert VERDICT not in next(reversed(search.state.study.trials.values())).metrics


def test_a_mean_over_what_is_no_number_is_no_result() -> None:
    search = Search(aggregate="mean:2", scheduler="none")
    reports: list[dict[str, Any]] = [{"loss": 2.0}, {"loss": 0.5}, {"loss": "nan"}, {"loss": 1.0}]
    assert search.run(*reports)[0] == "failed"
    assert search.run(*reports[:2]) == ("complete", None)


def test_a_bracket_does_not_wait_for_what_another_job_has_taken_over() -> None:
    search = Search(scheduler="bohbhyperband", scheduler_param={"max_t": 3}, trials=4)
    names = [search.start() for _ in range(3)]
    for name in names[1:]:
        search.report(name, loss=1.0)
        search.end(name)
    for event in search.state.interrupt(names[0], "told to end", search.now):
        search.state.apply(event)
    for trial in search.state.cut_off:
        if trial.id == names[0]:
            assert search.state.lose(trial, search.now) == []
    step = search.state.next()
    assert isinstance(step, Start)
    assert step.trial == names[1]


def test_nobody_copies_a_trial_that_has_come_to_its_end() -> None:
    """Also not in the moment between its last report and its end."""
    param = {"perturbation_interval": 1, "max_concurrent": 2}
    search = Search(scheduler="pbt", scheduler_param=param, trials=2, stop={"loss": 0.5})
    worse, better = search.start(), search.start()
    assert search.report(worse, loss=9.0) == "continue"
    assert search.report(worse, loss=9.0) == "continue"
    assert search.report(better, loss=0.1) == "complete"
    assert search.report(worse, loss=9.0) == "continue"


def test_the_worse_of_a_population_goes_on_from_where_the_better_is() -> None:
    param = {"perturbation_interval": 2, "max_concurrent": 2}
    search = Search(scheduler="pbt", scheduler_param=param, trials=2)
    better, worse = search.start(), search.start()
    for _ in range(3):
        assert search.report(better, loss=0.1) == "continue"
    for event in list(search.state.unwritten(better)):
        search.state.apply(event)
    assert search.report(worse, loss=9.0) == "continue"
    assert not search.state.needs_checkpoint(worse)
    assert search.report(worse, loss=9.0) == "pause"
    assert search.state.needs_checkpoint(worse)
    assert not search.state.needs_checkpoint(better)
    seed = search.state.study.trials[worse].seed
    assert search.end(worse)[0] == "interrupted"
    step = search.state.next()
    assert isinstance(step, Start)
    assert (step.trial, step.source, step.reported) == (worse, better, 3)
    assert step.point.applied != search.state.study.trials[worse].applied
    assert (step.attempt, step.seed != seed) == (2, True)


def test_what_is_believed_is_tried_first_by_one_of_the_jobs() -> None:
    config = HpoConfig(metric="loss", mode="min", scheduler="none", prior={"a": 0.25})
    other = WIDE.apply({"a": 0.75})

    def begun(job: int, study: Study) -> object:
        spec = JobSpec(job, 7, Path(), Path(), True, 2)
        step = SearchState(config, WIDE, spec, study, first=[other]).next()
        assert isinstance(step, Start)
        return step.point.applied["a"]

    assert [begun(0, Study()), begun(1, Study())] == [0.25, 0.75]
    search = Search(scheduler="none", prior={"a": 0.25})
    search.start()
    assert begun(0, search.state.study) not in (0.25, 0.75)
    assert begun(1, search.state.study) == 0.75


def test_all_is_tried_when_nothing_runs_any_more() -> None:
    search = Search(algorithm="random", scheduler="none")
    space = Space({"x": Categorical(choices=("a", "b"))})
    spec = JobSpec(0, 7, Path(), Path())
    search.state = SearchState(search.state.config, space, spec, Study())
    first, second = search.start(), search.start()
    search.report(first, loss=1.0)
    search.end(first)
    for stopped in (False, True):
        assert search.state.next() == "look"
        search.state.offer([], more=False)  # nobody has left anything
        assert search.state.next() is None
        assert (search.state.stopped is not None) == stopped
        if not stopped:
            search.report(second, loss=1.0)
            search.end(second)


def test_the_budget_of_hyperband_comes_to_the_model() -> None:
    """What was reached at a rung is told with the rung, once, also where it was stepped over."""
    search = Search(scheduler="bohbhyperband", scheduler_param={"max_t": 9, "time_attr": "e"})
    search.state._rungs = search.state._scheduler.rungs  # as for an algorithm that listens
    heard: list[tuple[float, Any]] = []

    def hear(suggested: Any, outcome: Outcome, resource: float) -> None:
        heard.append((resource, outcome.values))

    search.state.proposer.report = hear  # type: ignore[method-assign]
    trial = search.start()
    for step, value in ((1, 0.9), (2, 0.8), (4, 0.7), (5, 0.6), (9, 0.5)):
        search.report(trial, loss=value, e=step)
    assert heard == [(1, (0.9,)), (3, (0.7,)), (9, (0.5,))]


def test_what_is_told_of_a_trial_ends_where_it_ended() -> None:
    """Also of one whose first report was its last, which stands in the last line only."""
    brief = {"max_t": 4, "grace_period": 1}
    search = Search(scheduler_param=brief, stop={"training_iteration": 4}, algorithm="random")
    told: list[Outcome] = []
    search.state.proposer.tell = lambda suggested, outcome: told.append(outcome)  # type: ignore[method-assign]
    trial = search.start()
    for loss in (4.0, 3.0, 2.0, 1.0):
        search.report(trial, loss=loss)
        for event in list(search.state.unwritten(trial)):
            search.state.apply(event)
    search.end(trial)
    assert search.run({"loss": 9.0}, {"loss": 0.0})[0] == "pruned"

    first = Outcome((1.0,), ((1, (4.0,)), (2, (3.0,)), (4, (1.0,))))
    assert told == [first, Outcome((9.0,), ((1, (9.0,)),), cut=True)]


def test_a_configuration_is_repeated_with_other_seeds_as_one_group() -> None:
    search = Search(repeat=2, trials=4, algorithm="random", scheduler="none")
    for _ in range(4):
        search.run({"loss": 1.0})
    trials = list(search.state.study.trials.values())
    assert [trial.group for trial in trials] == ["0-1", "0-1", "0-3", "0-3"]
    assert trials[0].applied == trials[1].applied != trials[2].applied
    assert len({trial.seed for trial in trials}) == 4
    alone = Search(trials=1)
    alone.run({"loss": 1.0})
    assert [trial.group for trial in alone.state.study.trials.values()] == [None]


def test_the_seconds_of_a_trial_are_without_what_it_waited_for_or_lost() -> None:
    search = Search(stop={"time_total_s": 100}, scheduler="none", algorithm="random")
    search.now = 50.0
    trial = search.start()
    search.state.prepared(trial, 3.0)
    search.now = 59.0
    search.report(trial, loss=1.0)  # at 60
    assert search.state.running[trial].reports[-1]["time_total_s"] == 7.0
    for event in search.state.interrupt(trial, "the job ends", search.now):
        search.state.apply(event)
    search.now = 200.0
    again = search.state.next()
    assert isinstance(again, Start)
    assert (again.trial, again.attempt) == (trial, 2)
    search.state.apply(again.event(search.now))
    search.now = 203.0
    search.report(trial, loss=1.0)
    search.end(trial)
    assert search.state.study.trials[trial].metrics["time_total_s"] == 4.0  # it began anew
