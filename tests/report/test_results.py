from __future__ import annotations

import pytest

from hpogrid.errors import UserError
from hpogrid.report.results import Objective, Origin, Results
from hpogrid.study.study import Trial
from tests.report.studies import LOSS, make_study, make_trial


def table(*trials: Trial, mode: str = "min", **options: object) -> Results:
    objectives = (Objective("loss", mode),)  # type: ignore[arg-type]
    given = {"objectives": objectives, **options}
    return Results("p", [(Origin(id=5, site="here"), make_study(trials))], **given)  # type: ignore[arg-type]


def trials_with_losses(*losses: float) -> list[Trial]:
    return [make_trial(f"0-{i}", metrics={"loss": loss}) for i, loss in enumerate(losses)]


@pytest.mark.parametrize(("mode", "order"), [("min", [1, 2, 3]), ("max", [3, 2, 1])])
def test_the_best_come_first(mode: str, order: list[int]) -> None:
    results = table(*trials_with_losses(2, 1, 3), mode=mode)
    assert [trial.metrics["loss"] for trial in results.trials] == order
    assert results.best is results.trials[0]


def test_running_trials_come_after_results_and_failed_ones_last() -> None:
    failed = make_trial("0-0", state="failed", reason="no memory")
    running = make_trial("0-1", state="running", ended=None, metrics={})
    good = make_trial("0-2", metrics={"loss": 1e308})
    assert [trial.id for trial in table(failed, running, good).trials] == ["0-2", "0-1", "0-0"]


def test_equal_results_keep_the_order_of_their_start() -> None:
    for mode in ("min", "max"):
        results = table(*trials_with_losses(1, 1, 1), mode=mode)
        assert [trial.id for trial in results.trials] == ["0-0", "0-1", "0-2"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "high", True])
def test_a_metric_that_is_no_number_is_no_result(value: object) -> None:
    results = table(make_trial("9-9", metrics={"loss": value}), *trials_with_losses(3))
    assert results.trials[0].metrics["loss"] == 3
    assert results.value(results.trials[1]) is None


def test_without_a_result_there_is_no_best() -> None:
    assert table().best is None
    assert table(make_trial("0-0", state="failed")).best is None


def test_columns_are_hyperparameters_then_metrics_then_extra() -> None:
    trial = make_trial("0-0", applied={"lr": 0.1}, metrics={"loss": 1.0, "acc": 0.5}, job=2)
    results = table(trial, extra=["site", "task_time_s", "time_s", "taskid", "acc", "job"])
    assert results.names == [
        "lr", "loss", "acc", "trial", "state", "site", "task_time_s", "time_s", "taskid", "job",
    ]  # fmt: skip
    assert list(results.rows()) == [[0.1, 1.0, 0.5, "0-0", "complete", "here", 0.0, 2.5, 5, 2]]


def test_a_column_that_a_trial_lacks_is_null() -> None:
    one = make_trial("0-0", applied={"a": 1}, metrics={"loss": 1})
    other = make_trial("0-1", applied={"b": 2}, state="failed")
    assert list(table(one, other).rows()) == [
        [1, None, 1, "0-0", "complete"],
        [None, 2, None, "0-1", "failed"],
    ]


def test_equal_names_get_a_prefix() -> None:
    trial = make_trial(
        "0-0", applied={"loss": 9, "seed": 8, "trial.seed": 7}, metrics={"loss": 1.0}, seed=3
    )
    results = table(trial, extra=["seed"])
    assert results.names == [
        "loss", "seed", "trial.seed", "metric.loss", "trial", "state", "trial.trial.seed",
    ]  # fmt: skip
    assert list(results.rows()) == [[9, 8, 7, 1.0, "0-0", "complete", 3]]


def test_an_unknown_extra_column_is_refused_with_close_matches() -> None:
    with pytest.raises(UserError, match=r"unknown extra column 'stie': did you mean site"):
        table(make_trial("0-0"), extra=["stie"])


def test_without_objectives_every_metric_is_shown_in_the_order_of_the_trials() -> None:
    trials = [make_trial("0-0", metrics={"a": 2}), make_trial("0-1", metrics={"a": 1, "b": 3})]
    results = table(*trials, objectives=())
    assert results.names == ["a", "b", "trial", "state"]
    assert [row[:2] for row in results.rows()] == [[2, None], [1, 3]]
    assert results.best is None


def test_trials_of_two_tasks_with_the_same_ids_are_all_there() -> None:
    parts = [
        (Origin(id=1, site="north"), make_study(trials_with_losses(2))),
        (Origin(id=2, site="south"), make_study(trials_with_losses(1))),
    ]
    results = Results("p", parts, objectives=LOSS, extra=["taskid", "site"])
    assert [row[-2:] for row in results.rows()] == [[2, "south"], [1, "north"]]
    assert results.states == {"complete": 2}


def test_rows_can_be_taken_in_part() -> None:
    results = table(*trials_with_losses(3, 1, 2))
    assert [row[0] for row in results.rows(1)] == [2, 3]
    assert [row[0] for row in results.rows(0, 1)] == [1]


def test_the_summary_says_why_most_trials_failed() -> None:
    failed = [make_trial(f"0-{n}", state="failed", reason="too hot", metrics={}) for n in (1, 2)]
    other = make_trial("0-3", state="failed", reason="too cold", metrics={})

    assert table(other, *failed, make_trial("0-4")).summary.endswith("; 2 failed because: too hot")
    assert table(*failed).summary.endswith("; all failed because: too hot")


def test_repetitions_have_a_mean_and_a_spread() -> None:
    trials = [
        make_trial(name, group=group, metrics={"loss": loss}, state=state)
        for name, group, loss, state in (
            ("0-1", "0-1", 1.0, "complete"),
            ("0-2", "0-1", 7.0, "complete"),
            ("0-3", "0-3", 3.0, "complete"),
            ("0-4", "0-3", 4.0, "failed"),
            ("0-5", "0-5", 2.0, "complete"),
            ("0-6", "0-5", 3.0, "complete"),
        )
    ]
    results = table(*trials)
    assert results.names[-4:] == ["trial", "state", "mean", "spread"]
    cells = {row[-4]: row[-2:] for row in results.rows()}
    assert cells["0-1"] == cells["0-2"] == [4.0, pytest.approx(18**0.5)]
    assert cells["0-3"] == cells["0-4"] == [3.0, None]
    assert "best mean 2.5 ± 0.71 (2 repetitions)" in results.summary


def test_a_mean_of_those_that_survived_wins_only_where_there_is_no_other() -> None:
    lucky = [
        make_trial("0-1", group="0-1", metrics={"loss": 0.5}),
        make_trial("0-2", group="0-1", metrics={}, state="failed"),
    ]
    whole = [make_trial(f"0-{n}", group="0-3", metrics={"loss": 1.0}) for n in (3, 4)]
    assert "best mean 1 ± 0 (2 repetitions)" in table(*lucky, *whole).summary
    assert "best mean 0.5 (1 repetitions, 1 more failed)" in table(*lucky).summary


def test_the_mean_column_is_there_where_there_are_repetitions() -> None:
    trials = [make_trial("0-1", group="0-1", metrics={"loss": 1.0})]
    assert "mean" in table(*trials).names
    assert "mean" not in table(*trials_with_losses(1, 2)).names


def test_a_failed_trial_has_no_value_and_its_last_report_stands_elsewhere() -> None:
    trials = [
        make_trial("0-0", metrics={"loss": 2.0, "acc": 0.1}),
        make_trial("0-1", state="failed", metrics={"loss": 1.0, "acc": 0.9}),
    ]
    results = table(*trials, extra=["acc", "last_report"])
    assert results.names[-5:] == ["loss", "acc", "trial", "state", "last_report"]
    assert [row[-5:] for row in results.rows()] == [
        [2.0, 0.1, "0-0", "complete", {"loss": 2.0, "acc": 0.1}],
        [None, None, "0-1", "failed", {"loss": 1.0, "acc": 0.9}],
    ]


def test_what_ended_early_is_the_best_only_where_nothing_is_complete_and_it_is_said() -> None:
    early = make_trial("0-0", state="pruned", metrics={"loss": 1.0})
    complete = make_trial("0-1", metrics={"loss": 2.0})
    failed = make_trial("0-2", state="failed", metrics={"loss": 0.0})
    results = table(early, complete, failed)
    assert [trial.id for trial in results.trials] == ["0-1", "0-0", "0-2"]
    assert results.summary.startswith("3 trials: 1 complete, 1 pruned, 1 failed; best loss 2 (min)")
    alone = table(early, failed)
    assert alone.best is early
    assert "best loss 1 (min, of a trial that ended early)" in alone.summary


def test_what_ended_early_is_not_on_the_front_beside_complete_trials() -> None:
    two = (Objective("a", "min"), Objective("b", "max"))
    trials = [
        make_trial("0-0", state="pruned", metrics={"a": 0, "b": 9}),
        make_trial("0-1", metrics={"a": 1, "b": 1}),
    ]
    assert [
        table(*trials, objectives=two).trials[row].id
        for row in table(*trials, objectives=two).front
    ] == ["0-1"]
    assert len(table(trials[0], objectives=two).front) == 1


def test_versions_are_a_column_where_there_are_several() -> None:
    parts = [
        (Origin(id=number, version=version), make_study(trials_with_losses(number)))
        for number, version in ((1, "aaa"), (2, "bbb"))
    ]
    results = Results("p", parts, objectives=LOSS)
    assert results.names == ["loss", "trial", "state", "version"]
    assert [row[-1] for row in results.rows()] == ["aaa", "bbb"]
    assert "version" not in Results("p", parts[:1], objectives=LOSS).names
