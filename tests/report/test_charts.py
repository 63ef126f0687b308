from __future__ import annotations

import io
import itertools
import random
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from hpogrid.report import save
from hpogrid.report.charts import CHARTS, draw
from hpogrid.report.charts.as_text import text_chart
from hpogrid.report.charts.model import Bars, Heat, Line, Parallel, Points, Spans, ramp
from hpogrid.report.images import matplotlib_figure, write_pdf, write_picture
from hpogrid.report.page import page_data
from hpogrid.report.results import Objective, Origin, Results
from tests.report.studies import LOSS, SPACE, make_study, make_trial, sampled_study

TWO = (*LOSS, Objective("acc", "max"))


def simple(*trials: Any, objectives: Any = LOSS) -> Results:
    return Results("p", [(Origin(id=1), make_study(trials))], objectives=objectives)


def layer(results: Results, chart: str, kind: type[Any], objective: int = 0) -> Any:
    (found,) = [
        item for item in draw(results, chart, objective)[0].layers if isinstance(item, kind)
    ]
    return found


def ended(index: int, loss: float, **changes: Any) -> Any:
    return make_trial(f"0-{index}", metrics={"loss": loss}, ended=1010.0 + index, **changes)


def test_the_best_so_far_falls_in_steps() -> None:
    losses = [5, 7, 3, 4, 1]
    results = simple(*(ended(index, loss) for index, loss in enumerate(losses)))
    line = layer(results, "history", Line)
    assert list(zip(*line.corners(), strict=True)) == [
        (1, 5), (3, 5), (3, 3), (5, 3), (5, 1), (5, 1),
    ]  # fmt: skip


def test_the_best_so_far_rises_for_a_maximum() -> None:
    results = simple(
        *(ended(i, v) for i, v in enumerate([1, 3, 2])), objectives=[Objective("loss", "max")]
    )
    assert layer(results, "history", Line).corners()[1] == [1, 1, 3, 3]


def test_better_trials_have_larger_colours_and_come_last() -> None:
    trials = [ended(index, loss, applied={"x": loss}) for index, loss in enumerate([3.0, 1.0, 2.0])]
    for mode, order in (("min", [3, 2, 1]), ("max", [1, 2, 3])):
        points = layer(simple(*trials, objectives=[Objective("loss", mode)]), "slices", Points)  # type: ignore[arg-type]
        assert points.y == order
        assert points.color == sorted(points.color)


def test_early_stopped_trials_are_hollow_and_failed_ones_left_out() -> None:
    trials = [
        ended(0, 1.0, applied={"x": 1}, state="pruned"),
        ended(1, 2.0, applied={"x": 2}),
        make_trial("0-2", state="failed", applied={"x": 3}),
    ]
    points = layer(simple(*trials), "slices", Points)
    assert (points.y, points.hollow) == ([1.0, 2.0], [True, False])


def test_slices_and_contour_begin_with_the_most_important() -> None:
    results = Results("p", [(Origin(), sampled_study(150))], objectives=LOSS, space=SPACE)
    assert draw(results, "slices")[0].title == "lr"
    (contour,) = draw(results, "contour")
    assert contour.x.name == "lr"
    heat = layer(results, "contour", Heat)
    middle = [row[len(heat.x) // 2] for row in heat.color if row[len(heat.x) // 2] is not None]
    edge = [row[0] for row in heat.color if row[0] is not None]
    assert min(middle) > max(edge)


def test_importance_has_bars_inside_their_ranges(results: Results) -> None:
    bars = layer(results, "importance", Bars)
    assert bars.values == sorted(bars.values)
    for value, low, high in zip(bars.values, bars.low, bars.high, strict=True):
        assert low <= value <= high


def test_the_pareto_front_is_what_no_trial_beats() -> None:
    rng = random.Random(2)
    trials = [
        make_trial(f"0-{i}", metrics={"loss": rng.random(), "acc": rng.random()}) for i in range(60)
    ]
    results = simple(*trials, objectives=TWO)

    def beats(one: Any, other: Any) -> bool:
        a, b = one.metrics, other.metrics
        return bool(a["loss"] <= b["loss"] and a["acc"] >= b["acc"] and a != b)

    expected = [
        row
        for row, trial in enumerate(results.trials)
        if not any(beats(other, trial) for other in trials)
    ]
    assert sorted(results.front) == expected
    assert 1 < len(expected) < 20


def test_equal_trials_are_both_on_the_front() -> None:
    trials = [make_trial(f"0-{i}", metrics={"loss": 1, "acc": 1}) for i in range(2)]
    assert simple(*trials, objectives=TWO).front == {0, 1}


def test_trials_that_ran_at_once_do_not_overlap_in_the_timeline() -> None:
    trials = [
        make_trial("0-0", started=0.0, ended=10.0), make_trial("0-1", started=2.0, ended=5.0),
        make_trial("0-2", started=5.0, ended=8.0), make_trial("1-0", job=1, started=0.0, ended=4.0),
    ]  # fmt: skip
    (chart,) = draw(simple(*trials), "timeline")
    assert chart.y.categories == ["job 1", "job 0"]  # the first one on top
    spans = layer(simple(*trials), "timeline", Spans)
    boxes = list(zip(spans.y, spans.height, spans.start, spans.end, strict=True))
    assert len(boxes) == 4
    for (y1, h1, s1, e1), (y2, h2, s2, e2) in itertools.combinations(boxes, 2):
        assert y1 + h1 <= y2 + 1e-9 or y2 + h2 <= y1 + 1e-9 or e1 <= s2 or e2 <= s1


@pytest.mark.parametrize("name", list(CHARTS))
def test_every_chart_takes_little(name: str) -> None:
    for trials in ([], [make_trial("0-0", state="failed")], [ended(0, 1.0, applied={"x": 1})]):
        for objectives in ((), LOSS, TWO):
            charts = draw(simple(*trials, objectives=objectives), name)
            if charts:
                assert matplotlib_figure(charts).axes


def test_the_mean_of_the_contour_is_that_of_all_trials_not_of_the_best() -> None:
    """Where only a sample is drawn, half of which are the best, the far corners stay filled."""
    rng = random.Random(0)
    trials = []
    for index in range(4000):
        x, y = rng.random(), rng.random()
        trials.append(ended(index, (x - 0.5) ** 2 + (y - 0.5) ** 2, applied={"x": x, "y": y}))
    results = simple(*trials)
    heat = layer(results, "contour", Heat)
    assert all(color is not None for row in heat.color for color in row)
    assert heat.color[0][0] < 0.3
    (chart,) = draw(results, "contour")
    assert chart.note.startswith("3000 of 4000 trials are drawn")


def test_the_contour_has_room_around_categories() -> None:
    trials = [ended(i, float(i % 2), applied={"a": "uv"[i % 2], "b": i / 40}) for i in range(40)]
    heat = layer(simple(*trials), "contour", Heat)
    side = heat.x if max(heat.x) > 1 else heat.y
    assert (min(side) < -0.4, max(side) > 1.4) == (True, True)


def test_the_timeline_has_every_trial() -> None:
    trials = [ended(i, 1.0, started=1000.0 + i) for i in range(4000)]
    spans = layer(simple(*trials), "timeline", Spans)
    assert len(spans.start) == 4000
    assert draw(simple(*trials), "timeline")[0].note == ""


def test_the_importance_is_drawn(results: Results) -> None:
    assert matplotlib_figure(draw(results, "importance")).axes


def test_a_history_in_letters() -> None:
    results = simple(*(ended(index, loss) for index, loss in enumerate([5.0, 7.0, 1.0, 3.0])))
    (chart,) = draw(results, "history")
    lines = text_chart(chart, width=60, height=14).splitlines()
    assert lines[0] == "p: optimisation history"
    assert max(map(len, lines)) <= 60
    assert sum(line.count("*") for line in lines) >= 1
    assert "-----" in lines[-3]
    assert lines[-1].split() == ["1", "trials", "that", "ended", "4"]


def test_a_history_in_letters_tells_numbers_apart_that_lie_close_together() -> None:
    results = simple(*(ended(index, -1076.0234 + index * 1e-7) for index in range(4)))
    (chart,) = draw(results, "history")
    labels = [line.split("|")[0].strip() for line in text_chart(chart).splitlines()[1:-2]]
    known = [*filter(None, labels)]
    assert len(set(known)) == len(known) >= 3


def test_colours_are_dark_for_good_and_grey_for_unknown() -> None:
    assert ramp(0) == "#f5e626"
    assert ramp(1) == "#440154"
    assert ramp(None) == "#7a8490"
    assert ramp(0.5) == "#21918c"


def test_the_page_finds_the_trials_of_a_chart_in_its_table() -> None:
    losses, accuracies = (1.0, 2.0, 3.0, 4.0), (0.1, 0.5, 0.3, 0.9)
    trials = [
        make_trial(f"0-{i}", applied={"loss": i}, metrics={"loss": loss, "acc": acc})
        for i, (loss, acc) in enumerate(zip(losses, accuracies, strict=True))
    ]
    results = simple(*trials, objectives=TWO)
    page = page_data(results)["charts"]
    [beaten, stairs, front] = page["pareto"][0][1]["layers"]
    assert [page["pareto"][0][1][side]["column"] for side in "xy"] == ["metric.loss", "acc"]
    assert (beaten["rows"], beaten["plain"]) == (None, True)
    assert (stairs["rows"], front["rows"]) == ([0, 1, 3], [3, 1, 0])
    assert page["pareto"][1][0]["layers"][1]["rows"] == [3, 1, 0]
    assert [chart["x"]["column"] for chart in page["slices"][0]] == ["loss"]


def test_the_distribution_rises_over_the_results_that_count() -> None:
    trials = [ended(index, loss) for index, loss in enumerate([4.0, 1.0, 3.0, 2.0])]
    trials += [ended(4, 0.5, state="pruned"), make_trial("0-5", state="failed")]
    line = layer(simple(*trials), "distribution", Line)
    assert (line.x, line.y) == ([1, 2, 3, 4], [25, 50, 75, 100])
    assert draw(simple(*trials[:1]), "distribution") == []


def test_the_most_important_axes_are_shown_beside_the_metric() -> None:
    names = [f"x{number:02d}" for number in range(20)]
    chance = random.Random(0)
    points = [{name: chance.random() for name in names} for _ in range(60)]
    trials = [
        ended(number, point["x07"], applied={**point, "kind": "a"})
        for number, point in enumerate(points)
    ]
    results = simple(*trials, make_trial("1-0", state="failed", applied={**points[0], "kind": "a"}))
    [chart] = draw(results, "parallel")
    shown = [axis.name for axis in layer(results, "parallel", Parallel).shown]
    assert len(shown) == 15
    assert shown[-2:] == ["x07", "loss"]
    assert chart.note.startswith(
        "Without a line: 1 failed trials. The same in all trials: kind = a."
    )
    assert "14 of 20 hyperparameters are shown" in chart.note
    described = page_data(results)["charts"]["parallel"]
    [only] = described["layers"]
    assert [only["columns"][place] for place in only["hidden"]] == only["columns"][:6]
    assert described["note"] == "Dotted: failed trials. The same in all trials: kind = a."


def test_ranks_fall_when_a_search_gets_better_on_any_scale() -> None:
    losses = [10.0**power for power in range(40, 0, -1)]
    trials = [ended(index, loss, applied={"x": loss}) for index, loss in enumerate(losses)]
    failed = make_trial("1-0", state="failed", ended=2000.0)
    [chart] = draw(simple(*trials, failed), "ranks")
    points, half, mean = chart.layers
    assert isinstance(points, Points)
    places = dict(zip(points.x, points.y, strict=True))
    assert (places[1], places[40]) == (98.75, 1.25)
    assert isinstance(half, Line)
    assert half.y == [50.0, 50.0]
    assert isinstance(mean, Line)
    assert mean.y == sorted(mean.y, reverse=True)
    assert (mean.x[0], mean.x[-1]) == (10, 40)
    assert mean.y[-1] == pytest.approx(12.5)


def test_equal_results_share_a_rank_and_a_maximum_is_the_best() -> None:
    trials = [ended(index, value) for index, value in enumerate([1.0, 1.0, 2.0, 3.0])]
    points = layer(simple(*trials, objectives=[Objective("loss", "max")]), "ranks", Points)
    ranks = dict(zip(points.x, points.y, strict=True))
    assert ranks == {1: 75.0, 2: 75.0, 3: 37.5, 4: 12.5}
    assert draw(simple(trials[0]), "ranks") == []


def test_equal_results_are_all_the_best() -> None:
    for trials in ([ended(0, 1.0)], [ended(index, 1.0) for index in range(30)]):
        assert set(layer(simple(*trials), "history", Points).color) == {1.0}


def test_there_is_no_picture_of_results_that_nobody_has() -> None:
    failed = [make_trial(f"0-{n}", state="failed", applied={"x": n}) for n in range(3)]
    assert draw(simple(*failed), "history") == draw(simple(*failed), "slices") == []
    assert page_data(simple(*failed))["charts"]["slices"][0]  # where they are crosses


def test_a_clock_that_was_set_back_gives_no_negative_times() -> None:
    trials = [
        make_trial("0-0", started=1000.0, ended=1050.0, metrics={"loss": 1}),
        make_trial("0-1", started=1060.0, ended=1020.0, metrics={"loss": 2}, before=3.0),
    ]
    results = simple(*trials)
    spans = layer(results, "timeline", Spans)
    assert all(end >= start for start, end in zip(spans.start, spans.end, strict=True))
    assert [trial.duration for trial in results.trials] == [50.0, 3.0]
    assert page_data(results)["spent"]["work"] == 53.0


@pytest.mark.slow
def test_a_drawing_has_words_that_can_be_searched(few: Results, tmp_path: Path) -> None:
    few.name = "a <b> & c"
    paths = save(few, "svg", str(tmp_path / "x"))
    assert tmp_path / "x_history.svg" in paths
    for path in paths:
        words = "".join(ElementTree.parse(path).getroot().itertext())
        assert "a <b> & c" in words or "slices" in path.name


@pytest.mark.parametrize("form", ["svg", "png", "pdf"])
def test_names_that_read_like_formulas_are_drawn_as_they_are(form: str) -> None:
    metric = "cost $x^{2$ and $\\frac$"
    trials = [
        make_trial(f"0-{index}", applied={"$lr$": index, "k": "$_{$"}, metrics={metric: index})
        for index in range(3)
    ]
    charts = draw(simple(*trials, objectives=[Objective(metric, "min")]), "history")
    stream = io.BytesIO()
    if form == "pdf":
        write_pdf("$x^{$", [charts], stream)
    else:
        write_picture(charts, f".{form}", stream)
    assert form != "svg" or metric in stream.getvalue().decode()


def test_long_names_do_not_run_into_the_next_panel() -> None:
    name = "a name with a very long tail " * 5
    trials = [
        ended(index, 1.0 * index, applied={name: index, "b": "long category" * index})
        for index in range(9)
    ]
    figure = matplotlib_figure(draw(simple(*trials), "slices"))
    for panel in figure.axes[:2]:
        assert len(panel.get_title(loc="left")) <= 36
        assert len(panel.get_xlabel()) <= 36
    words = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert sum(map(len, words)) <= 50
