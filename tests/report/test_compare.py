from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import hpogrid
from hpogrid.cli.main import run
from hpogrid.errors import UserError
from hpogrid.report.compare.charts import band, comparison_charts
from hpogrid.report.compare.model import Budget, Entrant, Replicate, Step, quantile, replicates
from hpogrid.report.compare.page import page_data
from hpogrid.report.compare.standing import (
    holm,
    judge,
    judge_pairs,
    read_budget,
    seeds_needed,
    smallest_p,
)
from hpogrid.report.load import Source
from hpogrid.report.results import Objective, Origin
from hpogrid.site.tasks import new_task
from hpogrid.study.events import Closed
from hpogrid.study.study import Source as Writer
from tests.report.studies import make_study, make_trial, store, submit, write_ledger

LOSS = Objective("loss", "min")


def replicate(
    losses: Sequence[float], task: int = 1, seed: int | None = None, over: bool = False
) -> Replicate:
    """One trial a second, each with the next loss."""
    trials = [
        make_trial(f"0-{index}", started=100.0 + index, ended=101.0 + index, metrics={"loss": loss})
        for index, loss in enumerate(losses)
    ]
    study = make_study(trials)
    study.apply(Closed(time=200.0, reason="", over=over), Writer(job=0))
    source = Source("p", Origin(id=task, seed=seed), study)
    ((found,), _) = replicates([source], LOSS)
    return found


def entrant(name: str, *searches: Sequence[float], seeded: bool = False) -> Entrant:
    made = [replicate(one, i, i if seeded else None) for i, one in enumerate(searches)]
    return Entrant(name, made)


# --- what a replicate is ---------------------------------------------------------------------


def test_new_best_values_of_complete_trials_are_steps_and_every_ended_trial_counts() -> None:
    trials = [
        make_trial("0-0", ended=1003.0, metrics={"loss": 5}),
        make_trial("0-1", ended=1001.0, metrics={"loss": 7}),
        make_trial("0-2", ended=1002.0, state="failed", metrics={"loss": 1}),
        make_trial("0-3", ended=1004.0, state="pruned", metrics={"loss": 4}),
        make_trial("0-4", ended=None, state="running"),
        make_trial("0-5", ended=1005.0, metrics={"loss": math.inf}),
    ]
    ((found,), notes) = replicates([Source("p", Origin(id=3), make_study(trials))], LOSS)
    assert found.steps == [Step(1, 1.0, 7.0), Step(3, 3.0, 5.0)]
    assert (found.name, found.trials, found.seconds, found.running) == ("3", 5, 5.0, True)
    assert [found.best(Budget("trials", n)) for n in (0, 2, 3, 9)] == [None, 7, 5, 5]
    assert found.best(Budget("seconds", 3.5)) == 5
    assert notes == []


def test_where_every_trial_ended_early_a_comparison_says_so() -> None:
    trials = [make_trial("0-0", ended=1004.0, state="pruned", metrics={"loss": 4})]
    ((found,), notes) = replicates([Source("p", Origin(id=3), make_study(trials))], LOSS)
    assert found.steps == [Step(1, 4.0, 4.0)]
    assert notes == [
        "p: no trial of task 3 is complete; its values are of trials that ended early, after "
        "less training"
    ]


def test_jobs_that_search_together_are_one_replicate_and_independent_ones_are_several() -> None:
    trials = [make_trial(f"{job}-0", job=job, metrics={"loss": float(job)}) for job in (0, 1, 2)]
    together = Source("p", Origin(id=1, shared=True), make_study(trials))
    apart = Source("p", Origin(id=2, shared=False), make_study(trials))
    found, _ = replicates([together, apart], LOSS)
    assert [one.name for one in found] == ["1", "2, job 0", "2, job 1", "2, job 2"]
    assert [one.trials for one in found] == [3, 1, 1, 1]


def test_the_same_seed_twice_is_one_replicate() -> None:
    def source(number: int, seed: int, count: int) -> Source:
        trials = [make_trial(f"0-{i}", metrics={"loss": i}) for i in range(count)]
        return Source("p", Origin(id=number, seed=seed), make_study(trials))

    found, notes = replicates([source(1, 7, 2), source(2, 7, 3), source(3, 8, 1)], LOSS)
    assert [one.task for one in found] == [2, 3]
    assert "tasks 1 and 2 have the same seed 7" in notes[0]


def test_a_task_without_an_ended_trial_is_left_out_and_named() -> None:
    found, notes = replicates([Source("p", Origin(id=4), make_study([]))], LOSS)
    assert found == []
    assert notes == ["p: task 4 has no trial that ended; left out"]


# --- budget, rank ----------------------------------------------------------------------------


def test_studies_are_compared_after_as_many_trials_as_the_shortest_replicate_has() -> None:
    one = entrant("one", [5, 4, 1, 0], [6, 3, 3])
    two = entrant("two", [4, 2], [9, 8, 7])
    found = judge([one, two], LOSS)
    assert found.budget == Budget("trials", 2)
    assert [item.study for item in found.standings] == ["one", "two"]
    assert [item.values for item in found.standings] == [[4, 3], [2, 8]]
    assert [item.median for item in found.standings] == [3.5, 5]
    assert [item.rank for item in found.standings] == [1, 2]


def test_a_larger_value_is_better_for_a_maximum() -> None:
    one, two = entrant("one", [1, 2, 1]), entrant("two", [3, 1, 0])
    for item in (one, two):
        for made in item.replicates:
            made.steps = [Step(1, 1.0, 1.0 if item is one else 3.0)]
    found = judge([one, two], Objective("loss", "max"))
    assert [item.study for item in found.standings] == ["two", "one"]
    assert found.standings[0].low == found.standings[0].high == 3


def test_equal_medians_share_a_rank() -> None:
    found = judge([entrant("a", [1]), entrant("b", [1]), entrant("c", [2])], LOSS)
    assert [item.rank for item in found.standings] == [1, 1, 3]


def test_other_budgets() -> None:
    studies = [entrant("one", [5, 4, 1, 0], [6, 3]), entrant("two", [4, 2, 2])]
    after = judge(studies, LOSS, at="3")
    assert after.standings[0].values == [1]
    assert "one: 1 replicates have not come to 3 trials; left out" in after.notes
    timed = judge(studies, LOSS, at="2.5s")
    assert sorted(timed.standings, key=lambda item: item.study)[0].values == [4, 3]
    with pytest.raises(UserError, match="no replicate of two has come to 4 trials"):
        judge(studies, LOSS, at="4")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50", Budget("trials", 50)),
        ("1.5m", Budget("seconds", 90)),
        ("2h", Budget("seconds", 7200)),
    ],
)
def test_budgets_are_read(text: str, expected: Budget) -> None:
    assert read_budget(text) == expected


@pytest.mark.parametrize("text", ["", "0", "1.5", "5x", "-3", "s"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="neither trials nor a time"):
        read_budget(text)


def test_a_replicate_without_result_counts_as_worst() -> None:
    bad = replicate([math.inf, math.inf])
    found = judge([Entrant("a", [bad, replicate([3, 2])]), entrant("b", [4, 4], [5, 5])], LOSS)
    by_name = {item.study: item for item in found.standings}
    assert by_name["a"].values == [None, 2]
    assert by_name["a"].median is None
    assert "a: 1 of 2 without a result; they count as worst" in found.notes
    json.dumps(page_data(found)["notes"])


def test_quantiles() -> None:
    assert [quantile([1, 2, 3, 4, 9], share) for share in (0, 0.25, 0.5, 1)] == [1, 2, 3, 9]
    assert quantile([1, 2], 0.5) == 1.5
    assert quantile([1, math.inf], 0.5) == math.inf
    assert quantile([math.inf, math.inf], 0.5) == math.inf


# --- significance ----------------------------------------------------------------------------


def test_clear_differences_are_shown_and_none_is_made_up() -> None:
    rng = random.Random(1)
    losses = {
        "good": [rng.gauss(0, 1) for _ in range(12)],
        "same": [rng.gauss(0, 1) for _ in range(12)],
        "bad": [rng.gauss(4, 1) for _ in range(12)],
    }
    verdicts = {(p.first, p.second): p.verdict for p in judge_pairs(losses, 0.05)}
    assert verdicts == {
        ("good", "same"): "no difference shown",
        ("good", "bad"): "better",
        ("same", "bad"): "better",
    }


def test_p_is_that_of_scipy_and_corrected_by_holm() -> None:
    from scipy.stats import mannwhitneyu

    losses = {"a": [1.0, 2, 3, 4, 5.5], "b": [3.5, 4.5, 5, 6, 7], "c": [8.0, 9, 10, 11, 12]}
    pairs = {(p.first, p.second): p for p in judge_pairs(losses, 0.05)}
    for (first, second), pair in pairs.items():
        assert pair.p == pytest.approx(mannwhitneyu(losses[first], losses[second]).pvalue)
    assert pairs["a", "c"].adjusted == pytest.approx(3 * 2 / math.comb(10, 5))
    assert pairs["a", "b"].adjusted == pairs["a", "b"].p
    assert pairs["a", "b"].wins == pytest.approx(21 / 25)


def test_holm() -> None:
    measured = {("a", "b"): 0.01, ("a", "c"): 0.04, ("b", "c"): 0.03}
    assert holm(measured) == {("a", "b"): 0.03, ("b", "c"): 0.06, ("a", "c"): 0.06}


@pytest.mark.parametrize(("count", "few"), [(1, True), (3, True), (4, False)])
def test_too_few_seeds_are_called_that(count: int, few: bool) -> None:
    losses = {"a": [float(i) for i in range(count)], "b": [100.0 + i for i in range(count)]}
    (pair,) = judge_pairs(losses, 0.05)
    assert (pair.verdict == "too few seeds") is few
    assert (pair.p is None) is few


def test_more_pairs_need_more_seeds() -> None:
    losses = {name: [place + i / 10 for i in range(4)] for place, name in enumerate("abc")}
    assert {pair.verdict for pair in judge_pairs(losses, 0.05)} == {"too few seeds"}
    assert smallest_p(4, 4, False) == pytest.approx(2 / 70)
    assert (seeds_needed(1, 0.05, False), seeds_needed(3, 0.05, False)) == (4, 5)
    assert seeds_needed(1, 0.05, True) == 6


def test_equal_values_never_give_less_than_the_smallest_possible_p() -> None:
    (pair,) = judge_pairs({"a": [1.0] * 4, "b": [2.0] * 4}, 0.05)
    assert pair.p is not None
    assert pair.p >= 2 / 70


def test_the_note_says_how_many_seeds_are_needed() -> None:
    found = judge([entrant("a", [1], [1]), entrant("b", [2], [2])], LOSS)
    assert "it takes 4 replicates of each study" in found.notes[-1]
    assert "too few seeds" in found.summary


def test_pairs_by_seed() -> None:
    first = entrant("a", *[[i, i] for i in range(8)], seeded=True)
    second = entrant("b", *[[i + 0.5 + i / 100] for i in range(8)], seeded=True)
    second.replicates.reverse()
    found = judge([first, second], LOSS, paired=True)
    assert found.pairs[0].p == pytest.approx(2 / 2**8)
    assert found.pairs[0].verdict == "better"
    assert judge([first, second], LOSS).pairs[0].verdict == "no difference shown"


def test_only_the_seeds_that_all_have_are_pairs() -> None:
    first = entrant("a", *[[i, i] for i in range(8)], seeded=True)
    other = entrant("c", [1], [2], seeded=True)
    found = judge([first, other], LOSS, paired=True)
    assert {item.study: item.values for item in found.standings} == {"a": [0, 1], "c": [1, 2]}
    assert "a: 6 replicates have no partner of the same seed; left out" in found.notes
    with pytest.raises(UserError, match="no seed is common to a and d"):
        judge([first, entrant("d", [1], [2])], LOSS, paired=True)


def test_the_verdict_on_pairs_follows_the_signed_ranks() -> None:
    """11 of 12 pairs are for the first one, by little; in one it diverged."""
    first = entrant("a", *[[100.0 if i == 0 else i - i / 100] for i in range(12)], seeded=True)
    second = entrant("b", *[[i] for i in range(12)], seeded=True)
    for studies in ([first, second], [second, first]):
        (pair,) = judge(studies, LOSS, paired=True).pairs
        assert pair.p == pytest.approx(0.034, abs=0.001)
        assert {"better": pair.first, "worse": pair.second}[pair.verdict] == "a"
    assert pair.wins == pytest.approx(11 / 12 if pair.first == "a" else 1 / 12)


def test_a_search_that_is_over_keeps_its_best_value() -> None:
    reached = [replicate([5, 0], over=True) for _ in range(4)]
    fast = Entrant("fast", [*reached, replicate([9] * 6)])
    slow = entrant("slow", *[[5.5] * 6 for _ in range(5)])
    found = judge([fast, slow], LOSS, at="6")
    assert [(item.study, item.replicates, item.median) for item in found.standings] == [
        ("fast", 5, 0),
        ("slow", 5, 5.5),
    ]
    cut_off = Entrant("cut", [replicate([5, 0])])
    with pytest.raises(UserError, match="no replicate of cut has come to 6 trials"):
        judge([cut_off, slow], LOSS, at="6")


# --- bands -----------------------------------------------------------------------------------


def test_a_band_goes_from_the_last_first_result_to_the_shortest_end() -> None:
    item = entrant("a", [5, 4, 3, 2], [9, 1, 0])
    found = band(item, "trials", "min")
    assert found.x == [1, 2, 3]
    assert found.median == [7, 2.5, 1.5]
    assert (found.least, found.most) == ([5, 1, 0], [9, 4, 3])
    timed = band(item, "seconds", "min")
    assert timed.x == [1, 2, 3]


def test_a_band_of_a_maximum_has_its_low_edge_below() -> None:
    item = entrant("a", [1], [2], [3])
    found = band(item, "trials", "max")
    assert (found.low, found.median, found.high) == ([1.5], [2], [2.5])


def test_long_bands_are_thinned() -> None:
    item = entrant("a", [1000 - i for i in range(1000)])
    found = band(item, "trials", "min")
    assert len(found.x) == 300
    assert (found.x[0], found.x[-1]) == (1, 1000)


def test_charts_of_three_studies_and_of_one_search_each() -> None:
    many = [entrant(n, *[[i + k, i] for i in range(3)]) for k, n in enumerate("abc")]
    assert set(comparison_charts(judge(many, LOSS))) == {"trials", "time", "values"}
    single = judge([entrant("a", [3, 2]), entrant("b", [4])], LOSS)
    assert set(comparison_charts(single)) == {"trials", "time", "values"}


# --- as a user -------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    one, two = store("one"), store("two")
    for index in range(4):
        submit(one, [5 + index / 9, 2 + index / 9])
        submit(two, [6 + index / 9, 3 + index / 9])
    return tmp_path


Output = pytest.CaptureFixture[str]


def test_the_table_says_who_is_better(home: Path, capsys: Output) -> None:
    assert run(["compare", "two", "one", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    rows = json.loads(out)
    assert [(row["rank"], row["study"], row["verdict"]) for row in rows] == [
        (1, "one", None), (2, "two", "worse"),
    ]  # fmt: skip
    assert rows[0]["replicates"] == 4
    assert rows[1]["p"] == pytest.approx(2 / 70)
    assert err.startswith("after 2 trials: best median loss of one (2.16667, min); better than")


def test_results_that_lie_close_together_are_told_apart(tmp_path: Path, capsys: Output) -> None:
    for name, losses in (("a", [-1076.0233998]), ("b", [-1076.0233995])):
        (tmp_path / name).mkdir()
        write_ledger(tmp_path / name, losses)
    names = [str(tmp_path / name) for name in "ab"]
    assert run(["compare", *names, "--metric", "loss", "--mode", "min"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [line[3] for line in lines] == ["-1076.0233998", "-1076.0233995"]


@pytest.mark.slow
def test_every_file_is_written(home: Path, capsys: Output) -> None:
    options = ["--to_html", "--to-png", "--to_svg", "--to_pdf", "--to_json",
               "--outname", "out/c"]  # fmt: skip
    assert run(["compare", "one", "two", *options]) == 0
    names = sorted(path.name for path in Path("out").iterdir())
    pictures = [
        f"c_{chart}.{form}" for chart in ("time", "trials", "values") for form in ("png", "svg")
    ]
    assert names == ["c.html", "c.json", "c.pdf", *pictures]
    printed = capsys.readouterr().out.splitlines()[-len(names) :]
    assert sorted(Path(line).name for line in printed) == names
    numbers = json.loads(Path("out/c.json").read_text())
    assert numbers["pairs"][0]["verdict"] == "better"
    assert len(numbers["studies"][0]["replicates"][0]["steps"]) == 2
    assert Path("out/c.pdf").read_bytes().startswith(b"%PDF")
    svg = "http://www.w3.org/2000/svg"
    assert "http" not in Path("out/c.html").read_text().replace("http-equiv", "").replace(svg, "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["one"], "compare needs two or more studies"),
        (["one", "one"], "'one' cannot be compared with itself"),
        (["one", "other"], "one optimises loss (min), other acc (max): these cannot be compared"),
        (["one", "turned"], "one optimises loss (min), turned loss (max)"),
        (["both", "both2"], "optimise loss (min) and acc (max); name one with --metric"),
        (["one", "nothing"], "project 'nothing' has no tasks yet"),
        (["one", "home/tasks/99"], "no file home/tasks/99"),
        (["one", "two", "--metric", "acc", "--mode", "max"], "has no result of 'acc'"),
        (["one", "two", "--metric", "loss"], "give --metric and --mode together"),
        (["one", "two", "--at", "soon"], "--at 'soon' is neither trials nor a time"),
        (["one", "two", "--paired"], "no seed is common to"),
        (["one", "two", "--outname", "train.py/x", "--to_json"], "cannot write"),
    ],
)
def test_mistakes_are_explained(
    home: Path, capsys: Output, arguments: list[str], sentence: str
) -> None:
    store("nothing")
    submit(store("other", "acc", "max"), [1])
    submit(store("turned", "loss", "max"), [1])
    for name in ("both", "both2"):
        submit(store(name, "loss,acc", "min,max"), [1])
    before = {path.name for path in Path().iterdir()}
    assert run(["compare", *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert {path.name for path in Path().iterdir()} == before


def test_tasks_of_one_project_are_compared_by_their_folders(home: Path, capsys: Output) -> None:
    first, second = (str(home / "home" / "tasks" / number) for number in "12")
    assert run(["compare", first, second, "--format", "csv"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert "too few seeds" in err


def test_independent_jobs_of_a_folder_are_replicates(home: Path, capsys: Output) -> None:
    task = new_task(store("apart"), site="local", n_jobs=2, shared=False)
    for job in (0, 1):
        write_ledger(task.ledgers, [3.0, 2.0 + job], job)
    assert run(["compare", "one", str(task.folder), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["study"]: row["replicates"] for row in rows} == {"one": 4, "apart": 2}


def test_from_python(home: Path) -> None:
    found = hpogrid.compare("one", "two", at=1)
    assert "better than every other one" in repr(found)
    assert list(found.table["study"]) == ["one", "two"]
    assert list(found.pairs["verdict"]) == ["better"]
    assert found.notes == []
    figure = found.plot_trials()
    names = [trace.name for trace in figure.data if trace.showlegend]
    assert names == ["one (4 replicates)", "two (4 replicates)"]
    assert len(found.plot_time().data) > 2
    assert len(found.plot_values().data) == 4
    assert [path.name for path in found.save("json", home / "x")] == ["x.json"]


def test_a_missing_library_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(UserError, match=r"pip install 'hpogrid\[compare\]'"):
        hpogrid.compare("one", "two")


def test_large_studies_are_quick() -> None:
    rng = random.Random(0)
    made: list[Any] = [
        entrant(name, *[[rng.random() for _ in range(2000)] for _ in range(5)]) for name in "ab"
    ]
    found = judge(made, LOSS)
    assert found.budget == Budget("trials", 2000)
    assert len(json.dumps(page_data(found)["charts"]["trials"])) < 100_000
