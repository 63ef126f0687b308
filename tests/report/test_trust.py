"""How sure an answer is: the statistics, and the command that evaluates the best again."""

from __future__ import annotations

import random
import re
import statistics

import pytest

from hpogrid.config.project import remove_project
from hpogrid.report.load import load_sources, make_results
from hpogrid.report.page import page_data
from hpogrid.report.results import Origin, Results
from hpogrid.report.trust import entrants, judge, redrawn, sentences, student
from hpogrid.site.tasks import load_task
from tests.commands import hpogrid, ok, refused
from tests.projects import run_project, store_project, trials_of
from tests.report.studies import LOSS, make_study, make_trial

SEEDED = """
import random
def train(config):
    return (config["x"] - 0.3) ** 2 + random.gauss(0, 0.02)
"""
APART = "import random\ndef train(config):\n    return config['x'] + random.gauss(0, 1e-6)\n"


def test_students_distribution() -> None:
    from scipy.stats import t

    for freedom in (3, 4, 10, 100):
        for share in (0.9, 0.95, 0.99):
            assert student(share, freedom) == pytest.approx(t.ppf(share, freedom), rel=0.03)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_best_of_equals_is_moved_to_the_middle(mode: str) -> None:
    chance = random.Random(0)
    off, raw, held = [], [], 0
    for _ in range(300):
        groups = [[chance.gauss(1, 0.1) for _ in range(5)] for _ in range(5)]
        verdict = judge(groups, mode)  # type: ignore[arg-type]
        assert verdict is not None
        off.append(verdict.value - 1)
        best = (min if mode == "min" else max)(map(statistics.fmean, groups))
        raw.append(best - 1)
        held += verdict.low <= 1 <= verdict.high
    assert abs(statistics.fmean(off)) < 0.6 * abs(statistics.fmean(raw))
    assert 0.85 <= held / 300 <= 0.97


def test_who_has_clearly_lost_is_given_up_and_not_before_three_values() -> None:
    verdict = judge([[1.0, 1.1, 0.9], [5.0, 5.1, 4.9], [1.05, 0.95, 1.1]], "min")
    assert verdict is not None
    assert verdict.going == [0, 2]
    early = judge([[1.0, 1.1], [5.0, 5.1]], "min")
    assert early is not None
    assert early.going == [0, 1]
    decided = judge([[1.0, 1.1, 0.9], [5.0, 5.1, 4.9]], "max")
    assert decided is not None
    assert decided.decided
    assert decided.winner == 1


def test_without_two_values_of_one_nothing_is_said() -> None:
    assert judge([], "min") is None
    assert judge([[1.0], [], [2.0]], "min") is None
    same = judge([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], "min")
    assert same is not None
    assert (same.low, same.high, same.decided) == (1.0, 1.0, True)


def test_a_bootstrap_over_trials() -> None:
    chance = random.Random(1)
    values = sorted(chance.random() for _ in range(40))
    low, high = redrawn(values)
    drawn = sorted(min(chance.choices(values, k=40)) for _ in range(4000))
    assert low == drawn[200]
    assert high == drawn[3800]


def test_the_first_configuration_is_always_among_the_entrants() -> None:
    trials = [
        make_trial(f"0-{n}", applied={"x": n}, metrics={"loss": 1 / n}, started=float(n))
        for n in range(1, 9)
    ]
    results = Results("p", [(Origin(), make_study(trials))], objectives=LOSS)
    assert [trial.id for trial in entrants(results, 3)] == ["0-8", "0-7", "0-6", "0-1"]
    assert [trial.id for trial in entrants(results, 8)][-1] == "0-1"
    assert len(entrants(results, 8)) == 8


def test_repetitions_say_how_much_of_the_best_mean_is_selection() -> None:
    chance = random.Random(3)
    trials = [
        make_trial(
            f"0-{3 * n + k}",
            applied={"x": n},
            metrics={"loss": chance.gauss(1, 0.1)},
            group=f"0-{3 * n}",
        )
        for n in range(20)
        for k in range(3)
    ]
    results = Results("p", [(Origin(), make_study(trials))], objectives=LOSS, project="p")
    (said,) = sentences(results)
    assert "is selection" in said
    assert "'hpogrid confirm p'" in said


def test_an_interval_has_as_many_digits_as_it_takes() -> None:
    trials = [
        make_trial(f"0-{n}", applied={"x": n}, metrics={"loss": n * 1e-7 - 1076}) for n in range(40)
    ]
    (said,) = sentences(Results("p", [(Origin(), make_study(trials))], objectives=LOSS))
    assert "between -1076 and -1075.9999998 (90%)" in said


def test_rounding_is_no_spread() -> None:
    value = 0.0008326935330010229
    trials = [
        make_trial(f"0-{n}", applied={"x": n // 3}, metrics={"loss": value + n // 3}, seed=n)
        for n in range(60)
    ]
    (said,) = sentences(Results("p", [(Origin(), make_study(trials))], objectives=LOSS))
    assert "between 0.0008327 and 0.0008327" in said


def test_the_same_search_twice_is_no_repetition() -> None:
    chance = random.Random(3)
    losses = [chance.gauss(1, 0.1) for _ in range(20)]
    trials = [
        make_trial(f"0-{n}", applied={"x": n}, metrics={"loss": loss}, seed=n)
        for n, loss in enumerate(losses)
    ]
    twice = [(Origin(id=task), make_study(trials)) for task in (1, 2)]
    (once,) = sentences(Results("p", twice[:1], objectives=LOSS))
    (said,) = sentences(Results("p", twice, objectives=LOSS))
    assert said == once
    assert "single evaluations" in said


def confirmed(values: list[list[float]], seconds: list[list[float]]) -> list[str]:
    """What is said of configurations that were evaluated again, with so long an evaluation."""
    trials = [
        make_trial(
            f"0-{n}", applied={"x": n}, metrics={"loss": each[0]}, started=n, ended=n + 100.0
        )
        for n, each in enumerate(values)
    ]
    fresh = [
        make_trial(f"1-{n}-{k}", applied={"x": n}, metrics={"loss": value}, started=0.0, ended=time)
        for n, (each, times) in enumerate(zip(values, seconds, strict=True))
        for k, (value, time) in enumerate(zip(each, times, strict=True))
    ]
    parts = [(Origin(), make_study(trials))]
    return sentences(Results("p", parts, objectives=LOSS, confirmed=fresh))


def test_what_comes_to_the_same_is_neither_too_good_nor_too_bad() -> None:
    said = confirmed([[0.1 + 0.2] * 3, [5.0] * 3], [[1.0] * 3] * 2)
    assert said[1] == "the search had 0.3 for it: the same"


def test_what_takes_less_time_is_what_does_so_again() -> None:
    alike = [[1.0, 1.1, 0.9], [1.0, 1.1, 0.91]]
    assert not any("of its time" in one for one in confirmed(alike, [[9.0, 2.0, 2.0], [2.0] * 3]))
    said = confirmed(alike, [[2.0] * 3, [9.0, 1.0, 1.0]])
    assert said[-1] == "trial 0-1 takes 50% of its time"


def test_confirm_names_the_winner_with_an_interval_and_stays_out_of_the_search() -> None:
    run_project(store_project(SEEDED, trials=12, prior={"x": 0.31}))
    before = make_results(load_sources("p"))
    (said,) = sentences(before)
    assert "hpogrid confirm p" in said
    outcome = hpogrid("confirm", "p", "--top", "3", "--seeds", "4")
    assert outcome.code == 0, outcome.err
    assert "fresh evaluations: trial " in outcome.out
    assert "(90% confidence)" in outcome.out
    assert re.search("than the first (configuration|one)", outcome.out)  # as chance has it
    after = make_results(load_sources("p"))
    assert len(after) == 12
    assert after.notes == before.notes
    assert 9 <= len(after.confirmed) <= 16
    assert sum(trial.applied["x"] == 0.31 for trial in after.trials) == 1
    assert {trial.applied["x"] for trial in after.confirmed} <= {
        trial.applied["x"] for trial in after.trials
    }
    seeds = [trial.seed for trial in (*after.trials, *after.confirmed)]
    assert len(set(seeds)) == len(seeds)
    assert "confirmed by" in hpogrid("report", "p").err
    again = hpogrid("confirm", "p", "--top", "3", "--seeds", "4")  # nothing is left to do
    assert again.out == outcome.out
    assert "fresh evaluations each" not in again.err


def test_a_version_that_is_no_more_is_not_confirmed_with_another_script() -> None:
    run_project(store_project(SEEDED, trials=12))
    remove_project("p")
    store_project(APART, trials=12)
    assert "are of an earlier version than it has now" in refused("confirm", "p")
    results = make_results(load_sources("p"))
    assert not any("hpogrid confirm" in sentence for sentence in sentences(results))
    best = page_data(results)["best"]
    assert best["command"] == f"hpogrid replay 1 {best['trial']}"


def test_a_race_ends_when_it_is_decided() -> None:
    run_project(store_project(APART, trials=6))
    ok("confirm", "p", "--top", "2", "--seeds", "30", "--site", "local")
    assert len(trials_of(load_task(2))) in (6, 9)  # the first one may be among the best two
    said = hpogrid("report", "p").err
    assert "better than the first" in said
    assert "as good, for all that is known" not in said
    refused("tasks", "show", "3")  # one round was enough


def test_what_cannot_be_confirmed_is_refused() -> None:
    run_project(store_project(trials=1))
    assert "two are needed" in refused("confirm", "p")
