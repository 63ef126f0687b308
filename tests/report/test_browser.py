"""The pages in a real browser: everything drawn, no error, no request, and usable by all."""

from __future__ import annotations

import random
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hpogrid.report import save
from hpogrid.report.attached import Saved
from hpogrid.report.compare.page import save_comparison
from hpogrid.report.compare.standing import judge
from hpogrid.report.replay import Replay
from hpogrid.report.results import Objective, Origin, Results
from hpogrid.space.value import as_number
from hpogrid.study.events import Environment
from hpogrid.study.notes import Notes, Said
from hpogrid.study.study import Report
from tests.report.browser import browser, errors, open_page, requests
from tests.report.studies import LOSS, SPACE, make_study, make_trial, sampled_study
from tests.report.test_compare import entrant

pytestmark = pytest.mark.engine

PLOTS = {
    "history", "parallel", "importance", "slices", "contour", "distribution", "ranks", "curves",
    "timeline",
}  # fmt: skip


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    with browser() as driver:
        yield driver


def two_objectives() -> Results:
    first, second = sampled_study(150), sampled_study(60, jobs=2, seed=3)
    for index, trial in enumerate(second):
        if index % 10 == 0:
            trial.state, trial.ended, trial.metrics = "running", None, {}
        elif "acc" in trial.metrics:
            trial.metrics["acc"] = (index % 7) / 7
    parts = [(Origin(id=1, site="local"), first), (Origin(id=2, site="grid"), second)]
    objectives = (*LOSS, Objective("acc", "max"))
    return Results("two <b>objectives</b>", parts, objectives=objectives, space=SPACE)


@pytest.fixture
def page(chrome: Any, results: Results, tmp_path: Path) -> Any:
    open_page(chrome, save(results, "html", str(tmp_path / "out"))[0])
    return chrome


def one(driver: Any, selector: str) -> Any:
    return driver.find_element("css selector", selector)


def rows_shown(driver: Any) -> list[str]:
    cells = driver.find_elements("css selector", "#trials tbody tr td:first-child")
    return [cell.text for cell in cells]


def drawn(driver: Any) -> dict[str, list[int]]:
    """For each section the number of marks in each of its plots that are shown."""
    script = """return [...document.querySelectorAll(".plot")].filter((box) => box.clientWidth).map(
        (box) => [box.closest("section").id, Number(box.dataset.drawn)])"""
    frames(driver)
    found: dict[str, list[int]] = {}
    for section, marks in driver.execute_script(script):
        found.setdefault(section, []).append(marks)
    return found


def inked(driver: Any) -> list[bool]:
    """For each canvas whether anything was painted on it."""
    painted: list[bool] = driver.execute_script("""
        const shown = [...document.querySelectorAll("canvas")].filter((one) => one.clientWidth);
        return shown.map((canvas) => {
            const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return all.data.some((value) => value > 0);
        })""")
    return painted


def test_every_plot_is_drawn_without_error_or_request(page: Any) -> None:
    marks = drawn(page)
    assert set(marks) == PLOTS
    assert all(count > 0 for counts in marks.values() for count in counts)
    assert len(marks["slices"]) == 5
    assert all(inked(page))
    assert page.execute_script("return document.documentElement.dataset.ready") == "yes"
    assert errors(page) == []
    assert requests(page) == []


def test_two_objectives_have_a_front_and_a_choice(chrome: Any, tmp_path: Path) -> None:
    open_page(chrome, save(two_objectives(), "html", str(tmp_path / "out"))[0])
    assert set(drawn(chrome)) == PLOTS | {"pareto", "front"}
    assert one(chrome, "h1").text == "two <b>objectives</b>"
    assert one(chrome, "#history .legend").text.split() == ["worse", "better", "loss"]
    one(chrome, "#metric option[value='1']").click()
    assert one(chrome, "#history .legend").text.split() == ["worse", "better", "acc"]
    one(chrome, "#pareto input[type=checkbox]").click()
    front = len(rows_shown(chrome))
    assert 1 < front < 25
    assert f"{front} trials of 210" in one(chrome, "#shown").text
    assert errors(chrome) == []


@pytest.mark.parametrize("kind", ["empty", "failed", "single", "unknown"])
def test_studies_with_little_in_them(chrome: Any, tmp_path: Path, kind: str) -> None:
    trials = {
        "empty": [],
        "failed": [make_trial("0-0", state="failed", applied={"x": 1}, reason="no memory")],
        "single": [make_trial("0-0", applied={"x": 1}, metrics={"loss": 1})],
        "unknown": [make_trial("0-0", applied={"x": 1}, metrics={"a": 1})],
    }[kind]
    objectives = () if kind == "unknown" else LOSS
    results = Results("little", [(Origin(), make_study(trials))], objectives=objectives)
    open_page(chrome, save(results, "html", str(tmp_path / "out"))[0])
    assert chrome.execute_script("return document.documentElement.dataset.ready") == "yes"
    assert len(rows_shown(chrome)) == len(trials)
    assert errors(chrome) == []


def numbers(chrome: Any, folder: Path, losses: list[float]) -> None:
    """A page of trials with these results."""
    trials = [
        make_trial(f"0-{place}", applied={"x": 1234567 + place}, metrics={"loss": loss})
        for place, loss in enumerate(losses)
    ]
    results = Results("numbers", [(Origin(), make_study(trials))], objectives=LOSS)
    open_page(chrome, save(results, "html", str(folder / "out"))[0])


SIZES = [-1e300, -1e-300, 0.0, 5e-324, 1e-300, 1e-10, 1.0, 2.0**60, 1e300, 1.7e308]


@pytest.mark.parametrize("losses", [SIZES, SIZES[:6], [*SIZES, *[1e-305] * 20]])
def test_any_size_of_numbers_is_drawn(chrome: Any, tmp_path: Path, losses: list[float]) -> None:
    numbers(chrome, tmp_path, losses)
    for scale in range(4):
        chrome.execute_script(
            "const all = document.getElementById('value-scale'); all.value = arguments[0];"
            "all.dispatchEvent(new Event('change'));",
            scale,
        )
        frames(chrome)
        assert marks(chrome, "history") == len(losses)
        assert one(chrome, "#history text").is_displayed()
    assert errors(chrome) == []


def test_numbers_that_lie_close_together_are_drawn_apart(chrome: Any, tmp_path: Path) -> None:
    numbers(chrome, tmp_path, [-1076.0234 + 1e-9 * place for place in range(20)])
    frames(chrome)
    texts = [node.text for node in chrome.find_elements("css selector", "#history svg text")]
    labels = [text for text in texts if text.startswith("-1076")]
    assert len(set(labels)) == len(labels) >= 3
    ends = [float(label) for label in (labels[0], labels[-1])]
    assert abs(ends[0] - ends[1]) < 2e-8


def test_whole_numbers_have_all_their_digits(chrome: Any, tmp_path: Path) -> None:
    numbers(chrome, tmp_path, [1.5, 12345678.9, 2e20])
    cells = table_cells(chrome)
    assert [row[0] for row in cells] == ["1234567", "1234568", "1234569"]
    assert [row[1] for row in cells] == ["1.5", "12345679", "2e+20"]


def mixed(chrome: Any, folder: Path, parameters: int = 2) -> None:
    """A page of trials of which some failed, some ended early, and all reported two metrics."""
    chance = random.Random(1)
    trials = []
    for number in range(1, 61):
        point = {f"p{place}": chance.random() for place in range(parameters)}
        state = "failed" if point["p0"] > 0.8 else "pruned" if number % 3 == 0 else "complete"
        loss = chance.expovariate(1) ** 6 - 1
        reports = [
            Report(step, 1000.0 + step, {"loss": loss + 1 / step, "acc": step / 7})
            for step in range(1, 4)
        ]
        trials.append(
            make_trial(
                f"0-{number}", state=state, applied=point,
                metrics={} if state == "failed" else {"loss": loss, "acc": chance.random()},
                reports=reports, reason="no memory" if state == "failed" else None,
            )
        )  # fmt: skip
    results = Results("mixed", [(Origin(id=4, site="local"), make_study(trials))], objectives=LOSS)
    open_page(chrome, save(results, "html", str(folder / "out"))[0])


def marks(driver: Any, section: str) -> int:
    return sum(drawn(driver)[section])


def frames(driver: Any) -> None:
    """Wait until what was asked for is drawn."""
    driver.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))"
    )


def test_failed_trials_and_those_that_ended_early_are_drawn_unless_switched_off(
    chrome: Any, tmp_path: Path
) -> None:
    mixed(chrome, tmp_path)
    for section in ("history", "slices", "contour", "parallel"):
        every = marks(chrome, section)
        for state in ("failed", "pruned"):
            one(chrome, f"#show-{state}").click()
            frames(chrome)
            assert marks(chrome, section) < every, (section, state)
            one(chrome, f"#show-{state}").click()
            frames(chrome)
        assert marks(chrome, section) == every
    assert "Crosses: failed" in one(chrome, "#slices .note").text
    assert errors(chrome) == []


def test_every_reported_metric_can_be_looked_at(chrome: Any, tmp_path: Path) -> None:
    mixed(chrome, tmp_path)
    assert one(chrome, "#metric").text.split("\n") == ["loss", "acc (reported)"]
    one(chrome, "#metric option[value='1']").click()
    frames(chrome)
    assert one(chrome, "#history .legend").text.split() == ["lower", "higher", "acc"]
    assert "for acc, which is not optimised" in one(chrome, "#importance .note").text
    assert "for acc, which is not optimised" in one(chrome, "#ranks .note").text
    assert marks(chrome, "curves") > 10
    names = one(chrome, "#slices").get_attribute("innerHTML")
    assert ">acc<" in names
    assert errors(chrome) == []


def test_the_scale_of_values_is_chosen(chrome: Any, tmp_path: Path) -> None:
    mixed(chrome, tmp_path)

    def labels() -> list[str]:
        texts = chrome.find_elements("css selector", "#history svg text[text-anchor=end]")
        return [text.text for text in texts]

    automatic = labels()
    for number, name in enumerate(("automatic", "linear", "logarithmic", "symmetric log"), 0):
        one(chrome, f"#value-scale option[value='{number}']").click()
        frames(chrome)
        assert (labels() == automatic) == (name != "linear"), name
    one(chrome, "#value-scale option[value='4']").click()
    frames(chrome)
    assert max(map(float, labels())) < 100
    assert errors(chrome) == []


def test_a_frame_that_is_dragged_is_looked_at_closer(chrome: Any, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains

    mixed(chrome, tmp_path)
    svg = one(chrome, "#history svg")
    chrome.execute_script("arguments[0].scrollIntoView({block: 'center'})", svg)
    every = marks(chrome, "history")
    actions = ActionChains(chrome).move_to_element_with_offset(svg, -200, -100)
    actions.click_and_hold().move_by_offset(300, 160).release().perform()
    frames(chrome)
    assert 0 < marks(chrome, "history") < every
    one(chrome, "#history .whole").click()
    frames(chrome)
    assert marks(chrome, "history") == every
    assert errors(chrome) == []


def test_axes_that_are_left_out_are_named_and_can_be_chosen(chrome: Any, tmp_path: Path) -> None:
    mixed(chrome, tmp_path, parameters=25)
    said = one(chrome, "#axes-left-out").text
    assert said.startswith("14 of 25 hyperparameters are shown")
    assert len(chrome.find_elements("css selector", "#parallel .zone")) == 15
    one(chrome, "#choose-axes summary").click()
    for box in chrome.find_elements("css selector", "#choose-axes input:not(:checked)"):
        box.click()
    frames(chrome)
    assert len(chrome.find_elements("css selector", "#parallel .zone")) == 27  # loss and acc too
    assert not one(chrome, "#axes-left-out").is_displayed()
    assert errors(chrome) == []


def test_one_trial_is_looked_at(chrome: Any, tmp_path: Path) -> None:
    mixed(chrome, tmp_path)
    one(chrome, "#trials tbody tr:first-child button").click()
    frames(chrome)
    card = one(chrome, "#chosen").text
    assert "acc" in card
    assert "machine" in card
    assert "hpogrid tasks logs 4 --trial " in card
    curve = one(chrome, "#chosen-curve .plot")
    wait(chrome, 60).until(lambda _: curve.get_attribute("data-drawn") == "1")
    one(chrome, "#metric option[value='1']").click()
    wait(chrome, 60).until(lambda _: "acc" in curve.get_attribute("textContent"))
    one(chrome, "#chosen button").click()
    assert one(chrome, "#chosen").text == ""
    assert not curve.is_displayed()
    assert errors(chrome) == []


def with_asides(folder: Path) -> Results:
    """Trials with notes, tags, files, environments and a repetition."""
    picture = folder / "curve.svg"
    picture.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60"><rect width="9"/>'
        "<script>document.title='run'</script></svg>"
    )
    files = [Saved(str(picture), picture.stat().st_size), Saved(str(folder / "a <b>.txt"), 12)]
    packages = {f"package-{number}": "1.2.3" for number in range(40)}
    environment = Environment(python="3.12.1", program="/opt/python", packages=packages)
    logs = folder / "jobs" / "0" / "log"
    logs.mkdir(parents=True)
    (logs / "0-0.log").write_text("<i>epoch 3</i>\n")
    task = Origin(
        id=7,
        site="local",
        folder=str(folder),
        logs="log",
        environments={(0, 1): environment, (1, 1): replace(environment, python="3.13.0")},
        notes={"0-0": Notes([Said(1.0, "me", "0-0", note="<b>jumps</b>\nat 3")], ["good", "look"])},
        files={"0-0": files},
    )
    study = sampled_study(30, jobs=2)
    for trial in study:
        trial.run = 1
    again = Replay(7, "0-0", 8, study.trials["0-0"], environment)
    return Results("p", [(task, study)], objectives=LOSS, space=SPACE, replays=[again])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 500])
def test_what_hangs_on_a_trial_is_shown(
    chrome: Any, tmp_path: Path, theme: str, width: int
) -> None:
    chrome.set_window_size(width, 1000)
    try:
        open_page(chrome, save(with_asides(tmp_path), "html", str(tmp_path / "out"))[0])
        one(chrome, f"#theme option[value={theme}]").click()
        one(chrome, "#search").send_keys("0-0")
        one(chrome, "#trials tbody tr:first-child button").click()
        one(chrome, "#environment-of-trial summary").click()
        one(chrome, "#environments summary").click()
        frames(chrome)
        card = one(chrome, "#chosen").text
        for words in ("good", "look", "<b>jumps</b>", "at 3 (me, ", "a <b>.txt", "package-39 1.2.3",
                      "task 8: ", "<i>epoch 3</i>", "hpogrid replay 7 0-0"):  # fmt: skip
            assert words in card
        assert "two of them differ in: Python 3.12.1, 3.13.0" in one(chrome, "#summary").text
        sizes = "const i = document.querySelector('#chosen img'); return [i.naturalWidth, i.alt]"
        assert chrome.execute_script(sizes) == [90, "curve.svg, saved by trial 0-0"]
        assert chrome.title == "p"
        assert chrome.execute_script("return document.documentElement.scrollWidth") <= width
        assert issues(chrome) == {}
        assert errors(chrome) == []
        assert requests(chrome) == []
    finally:
        chrome.set_window_size(1400, 1000)


def test_dragging_along_an_axis_filters_the_table(page: Any, results: Results) -> None:
    from selenium.webdriver import ActionChains

    assert "200 trials of 200" in one(page, "#shown").text
    zone = one(page, '#parallel .zone[data-column="lr"]')
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", zone)
    height = zone.size["height"]
    ActionChains(page).move_to_element_with_offset(zone, 0, int(0.2 * height)).click_and_hold(
    ).move_by_offset(0, int(0.25 * height)).release().perform()  # fmt: skip
    shown = int(one(page, "#shown").text.split()[0])
    assert 20 < shown < 100
    low = [float(row[0]) for row in table_cells(page)]
    assert all(1e-5 <= value <= 10**-2.8 for value in low)
    one(page, "#clear-brushes").click()
    assert "200 trials of 200" in one(page, "#shown").text
    assert errors(page) == []


def table_cells(driver: Any) -> list[list[str]]:
    """The cells of the table, without the trial's own."""
    script = """return [...document.querySelectorAll("#trials tbody tr")].map(
        (row) => [...row.querySelectorAll("td")].slice(1).map((cell) => cell.textContent))"""
    found: list[list[str]] = driver.execute_script(script)
    return found


def test_a_range_can_be_typed(page: Any, results: Results) -> None:
    from selenium.webdriver import Keys

    one(page, "#parallel summary").click()
    field = one(page, 'input[aria-label="units from"]')
    field.send_keys("400", Keys.TAB)
    expected = sum(as_number(trial.applied["units"]) >= 400 for trial in results.trials)
    assert one(page, "#shown").text.startswith(f"{expected} trials of")
    box = one(page, "#parallel fieldset input[type=checkbox]")
    box.click()
    assert int(one(page, "#shown").text.split()[0]) < expected
    one(page, "#clear-brushes").click()
    assert one(page, "#shown").text.startswith("200 trials")
    assert box.is_selected()


def test_a_typed_range_is_what_was_typed(page: Any, results: Results) -> None:
    from selenium.webdriver import Keys

    one(page, "#parallel summary").click()
    values = sorted(as_number(trial.applied["lr"]) for trial in results.trials)
    low, high = f"{values[9]:.7g}", "0.05"
    one(page, 'input[aria-label="lr from"]').send_keys(low, Keys.TAB)
    one(page, 'input[aria-label="lr to"]').send_keys(high, Keys.TAB)
    assert one(page, 'input[aria-label="lr from"]').get_property("value") == low
    expected = sum(float(low) <= float(f"{value:.7g}") <= 0.05 for value in values)
    assert one(page, "#shown").text.startswith(f"{expected} trials of")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("failed", lambda trial: trial.state == "failed"),
        ("units<100", lambda trial: trial.applied["units"] < 100),
        ("loss<=0.5 tanh", lambda trial: trial.metrics.get("loss", 9) <= 0.5
         and trial.applied["activation"] == "tanh"),
        ("0-3", lambda trial: trial.id == "0-3"),
        ("nothing-has-this", lambda trial: False),
    ],
)  # fmt: skip
def test_the_table_is_filtered_by_words(
    page: Any, results: Results, words: str, expected: Any
) -> None:
    one(page, "#search").send_keys(words)
    count = sum(map(expected, results.trials))
    assert one(page, "#shown").text.split()[0] == str(count)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("val loss<0.5", 5), ("val loss < 0.5, failed", 0), ("a+(b)>=8,  val loss>0.75", 2),
        ("val", 0), ("time in s>1", 10), ("loss<0.5", 0),
    ],
)  # fmt: skip
def test_names_with_spaces_can_be_filtered_by(
    chrome: Any, tmp_path: Path, words: str, expected: int
) -> None:
    trials = [
        make_trial(f"0-{n}", applied={"a+(b)": n}, metrics={"val loss": n / 10}) for n in range(10)
    ]
    objectives = (Objective("val loss", "min"),)
    results = Results("p", [(Origin(), make_study(trials))], objectives=objectives)
    open_page(chrome, save(results, "html", str(tmp_path / "out"))[0])
    one(chrome, "#search").send_keys(words)
    assert one(chrome, "#shown").text.split()[0] == str(expected)


def test_the_table_is_sorted_by_a_heading(page: Any) -> None:
    def column() -> list[float]:
        return [float(cells[1]) for cells in table_cells(page)]

    one(page, 'button[data-key="sort units"]').click()
    assert column() == sorted(column())
    assert one(page, 'th[aria-sort="ascending"]').text.startswith("units")
    one(page, 'button[data-key="sort units"]').click()
    assert column() == sorted(column(), reverse=True)


def test_a_trial_is_marked_in_the_plots(page: Any, results: Results) -> None:
    one(page, "#trials tbody button").click()
    assert one(page, "#trials tr.focus td").text == results.trials[0].id
    page.execute_script("return new Promise((done) => requestAnimationFrame(() => done()))")
    assert page.find_elements("css selector", "#history svg circle")
    assert page.switch_to.active_element.text == results.trials[0].id


def test_the_best_configuration_is_there_and_can_be_copied(page: Any, results: Results) -> None:
    import json

    from selenium.webdriver import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    text = one(page, "#best-config").text
    assert json.loads(text) == results.trials[0].applied
    button = one(page, "#summary button")
    button.click()
    WebDriverWait(page, 5).until(lambda _: button.text == "Copied")
    one(page, "#search").send_keys(Keys.CONTROL, "v")
    pasted = page.execute_script("return document.getElementById('search').value")
    assert json.loads(pasted) == results.trials[0].applied


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_accessibility_issue(chrome: Any, tmp_path: Path, theme: str) -> None:
    open_page(chrome, save(two_objectives(), "html", str(tmp_path / "out"))[0])
    one(chrome, f"#theme option[value={theme}]").click()
    one(chrome, "#parallel summary").click()
    assert chrome.execute_script("return document.documentElement.dataset.theme") == theme
    assert issues(chrome) == {}


def issues(driver: Any) -> dict[str, list[str]]:
    """What axe-core finds that is more than minor, with the elements."""
    driver.execute_script(files("axe_core_python").joinpath("axe.min.js").read_text())
    found = driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    assert found["passes"]
    return {
        item["id"]: [node["html"][:120] for node in item["nodes"]]
        for item in found["violations"]
        if item["impact"] in ("serious", "critical", "moderate")
    }


def test_everything_can_be_reached_with_the_keyboard(page: Any) -> None:
    from selenium.webdriver import ActionChains, Keys

    reached = set()
    for _ in range(60):
        ActionChains(page).send_keys(Keys.TAB).perform()
        element = page.switch_to.active_element
        reached.add(element.get_attribute("id") or element.text or element.tag_name)
    assert {"theme", "Copy configuration", "clear-brushes", "search", "trial"} <= reached


def test_a_narrow_window_does_not_scroll_sideways(chrome: Any, tmp_path: Path) -> None:
    path = save(two_objectives(), "html", str(tmp_path / "out"))[0]
    chrome.set_window_size(500, 900)
    try:
        open_page(chrome, path)
        widths = "return [document.documentElement.scrollWidth, window.innerWidth]"
        wide, window = chrome.execute_script(widths)
        assert wide <= window
        frames(chrome)
        boxes = chrome.execute_script("""return [...document.querySelectorAll(".plot")].filter(
            (box) => box.clientWidth).map(
            (box) => [box.clientWidth, box.querySelector("svg").viewBox.baseVal.width])""")
        assert all(shown == made for shown, made in boxes)
    finally:
        chrome.set_window_size(1400, 1000)


def test_what_is_printed_is_drawn_for_paper(page: Any) -> None:
    widths = """const drawn = (box) => box.querySelector("canvas").width / devicePixelRatio;
        return [...document.querySelectorAll(".plot")].filter((box) => box.clientWidth)
            .map((box) => [box.clientWidth, Math.round(drawn(box))])"""
    theme = "return document.documentElement.dataset.theme"
    one(page, "#theme option[value=dark]").click()
    frames(page)
    before = page.execute_script(widths)
    page.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        on_paper = page.execute_script(widths)
        assert on_paper != before
        assert all(box == canvas <= 700 for box, canvas in on_paper)
        assert page.execute_script(theme) == "light"
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    page.execute_script("window.dispatchEvent(new Event('afterprint'))")
    frames(page)
    assert page.execute_script(theme) == "dark"
    assert page.execute_script(widths) == before
    assert errors(page) == []


def test_the_parallel_coordinate_plot_is_drawn(
    chrome: Any, results: Results, tmp_path: Path
) -> None:
    [path] = save(results, "pcp", str(tmp_path / "out"))
    open_page(chrome, path)
    assert one(chrome, "h1").text == f"{results.name}: parallel coordinates"
    names = [item.text for item in chrome.find_elements("css selector", "#parallel svg .name")]
    assert set(names) == {"lr", "units", "momentum", "activation", "layers", "loss"}
    assert drawn(chrome)["parallel"][0] > 100
    assert all(inked(chrome))
    assert path.stat().st_size < 200_000
    assert issues(chrome) == {}
    one(chrome, "#trials tbody button").click()
    assert "machine" in one(chrome, "#chosen").text
    assert errors(chrome) == []
    assert requests(chrome) == []


# --- the page of a comparison ----------------------------------------------------------------


@pytest.fixture
def comparison(chrome: Any, tmp_path: Path) -> Any:
    rng = random.Random(0)
    studies = [
        entrant(name, *[[rng.random() + place for _ in range(30)] for _ in range(6)])
        for place, name in enumerate(("good", "<b>bad</b>"))
    ]
    found = judge(studies, LOSS[0], notes=["a note"])
    open_page(chrome, save_comparison(found, "html", str(tmp_path / "c"))[0])
    return chrome


def test_a_comparison_of_close_results_tells_them_apart(chrome: Any, tmp_path: Path) -> None:
    studies = [entrant(name, [-1076 - at * 1e-7]) for at, name in enumerate("ab")]
    open_page(chrome, save_comparison(judge(studies, LOSS[0]), "html", str(tmp_path / "c"))[0])
    rows = chrome.find_elements("css selector", "#standing tbody tr")
    assert [row.text.split()[3] for row in rows] == ["-1076.0000001", "-1076"]


def test_every_plot_of_a_comparison_is_drawn(comparison: Any) -> None:
    assert drawn(comparison) == {"trials": [2], "time": [2], "values": [12]}
    assert all(inked(comparison))
    assert "better than every other one (p < 0.05" in one(comparison, "#lead").text
    assert one(comparison, "#standing tbody tr:nth-child(2)").text.split()[:2] == [
        "2",
        "<b>bad</b>",
    ]
    assert "good is better than <b>bad</b>" in one(comparison, "#tests tbody").text
    assert len(comparison.find_elements("css selector", "#replicates tbody tr")) == 12
    assert one(comparison, ".notes li").text == "a note"
    assert errors(comparison) == []
    assert requests(comparison) == []


def wait(driver: Any, seconds: float) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, seconds)


def test_a_study_can_be_hidden_and_an_axis_made_log(comparison: Any) -> None:
    boxes = comparison.find_elements("css selector", "#trials .tools input")
    assert len(boxes) == 4
    boxes[1].click()
    boxes[2].click()
    assert not one(comparison, "#time .tools input[data-study='1']").is_selected()
    wait(comparison, 5).until(lambda page: drawn(page)["time"] == [1])
    assert errors(comparison) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_comparison_has_no_serious_accessibility_issue(comparison: Any, theme: str) -> None:
    one(comparison, f"#theme option[value={theme}]").click()
    assert issues(comparison) == {}
