"""What the page of a report costs a browser, and what remains after many live updates.

    python benchmarks/page.py [--trials 10000] [--updates 60]

The page with all its charts stands beside the peer, one chart of Plotly with a dot for each of the
same trials, in the same Chromium by turns: the bytes of the file, and the milliseconds from the
start of the page until the last mark is drawn, the median of some loads. Then the page follows a
study that grows, and after each update the garbage is collected and the memory of the scripts and
the elements of the document are counted.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the browser of the tests

from hpogrid.report import save
from hpogrid.report.live import serving
from hpogrid.report.results import Objective, Origin, Results
from hpogrid.space.value import Values
from hpogrid.study.events import State
from hpogrid.study.study import Report, Study, Trial
from tests.report.browser import browser

MOST_BYTES = 2e6
MOST_SECONDS = 2.0
MOST_RATIO = 2.5
"""All charts of the page are to be drawn in so many times what the peer needs for one."""
MOST_GROWTH = 1.1
WARM = 10
"""Updates before memory is compared: by then caches are full."""

OURS = "boxes.length && boxes.every((box) => box.dataset.drawn)"
PEER = "document.querySelectorAll('.scatterlayer .point').length >= {trials}"
STATES: tuple[State, ...] = ("complete", "pruned", "failed")
UPDATES = "return Number(document.documentElement.dataset.updates ?? 0)"
WATCH = """
const look = () => {{
  const boxes = [...document.querySelectorAll(".plot")].filter((box) => box.clientWidth);
  if ({done}) window.drawn = performance.now();
  else requestAnimationFrame(look);
}};
requestAnimationFrame(look);
"""


def study(trials: int) -> list[Trial]:
    """Trials of three jobs with six hyperparameters, of which some fail and some end early."""
    chance = random.Random(1)
    found = []
    for number in range(trials):
        point = {f"x{axis}": chance.random() for axis in range(5)}
        applied: Values = {**point, "kind": chance.choice(("relu", "tanh", "gelu"))}
        loss = 0.1 + sum((value - 0.3) ** 2 for value in point.values()) + chance.gauss(0, 0.02)
        state = chance.choices(STATES, (6, 3, 1))[0]
        begun = 1.7e9 + 10 * (number // 3)
        reports = [Report(step, begun + step, {"loss": loss + 1 / step}) for step in range(1, 9)]
        found.append(
            Trial(
                f"{number % 3}-{number}", state=state, suggested=applied, applied=applied,
                seed=number, job=number % 3, host=f"node{number % 3}", started=begun,
                ended=begun + chance.uniform(3, 10), metrics={} if state == "failed" else
                {"loss": loss, "accuracy": math.exp(-loss)}, reports=reports,
                reason="out of memory" if state == "failed" else None,
            )
        )  # fmt: skip
    return found


def results(trials: list[Trial], folder: str = "") -> Results:
    """A report of the first of them."""
    known = Study()
    known.trials = {trial.id: trial for trial in trials}
    origin = Origin(id=1, site="local", folder=folder)
    return Results("grows", [(origin, known)], objectives=(Objective("loss", "min"),))


def peer(trials: list[Trial], path: Path) -> Path:
    """A page of Plotly's with a dot a trial."""
    from plotly import graph_objects

    losses = [trial.metrics.get("loss", 0.0) for trial in trials]
    dots = graph_objects.Scatter(y=losses, mode="markers", marker={"color": losses})
    graph_objects.Figure(dots).write_html(path, include_plotlyjs=True)
    return path


def first_drawing(driver: Any, page: Path, done: str) -> float:
    """Milliseconds until all is drawn."""
    command = "Page.addScriptToEvaluateOnNewDocument"
    script = driver.execute_cdp_cmd(command, {"source": WATCH.format(done=done)})
    driver.get(page.as_uri())
    end = time.monotonic() + 120
    while (found := driver.execute_script("return window.drawn")) is None:
        if time.monotonic() > end:
            sys.exit(f"{page} was not drawn within two minutes")
        time.sleep(0.05)
    driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    return float(found)


def memory(driver: Any) -> tuple[float, int]:
    """Bytes of scripts and elements that are alive."""
    driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    found = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    known = {item["name"]: item["value"] for item in found}
    return known["JSHeapUsedSize"], int(known["Nodes"])


def updates(driver: Any, trials: list[Trial], count: int) -> list[tuple[float, int]]:
    """What is alive after each update of a live page."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder, "ledger")
        ledger.mkdir()
        sizes: Iterator[int] = iter(range(len(trials) - count, len(trials) + 1))

        def read() -> Results:
            return results(trials[: next(sizes, len(trials))], folder)

        with serving(read) as address:
            driver.execute_cdp_cmd("Performance.enable", {})
            driver.get(address)
            found = []
            for number in range(1, count + 1):
                with (ledger / "job-0000.001.jsonl").open("a") as stream:
                    stream.write("{}\n")
                while driver.execute_script(UPDATES) < number:
                    time.sleep(0.1)
                found.append(memory(driver))
                if number % 10 == 0:
                    size, nodes = found[-1]
                    print(f"  after {number}: {size / 1e6:.1f} MB, {nodes} elements", flush=True)
    return found


def main() -> None:
    """Measure, print, and exit with 1 where a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--loads", type=int, default=5)
    given = parser.parse_args()
    trials = study(given.trials)
    with tempfile.TemporaryDirectory() as folder, browser() as driver:
        [page] = save(results(trials), "html", str(Path(folder, "page")))
        other = peer(trials, Path(folder, "peer.html"))
        times: dict[str, list[float]] = {"page": [], "peer": []}
        for _ in range(given.loads):
            times["page"].append(first_drawing(driver, page, OURS))
            times["peer"].append(first_drawing(driver, other, PEER.format(trials=given.trials)))
        ours, theirs = (statistics.median(times[name]) for name in ("page", "peer"))
        sizes = page.stat().st_size, other.stat().st_size
        print(f"page: {sizes[0] / 1e6:.2f} MB, all charts drawn after {ours:.0f} ms")
        print(f"one chart of Plotly: {sizes[1] / 1e6:.2f} MB, drawn after {theirs:.0f} ms")
        print(f"ratio of the times {ours / theirs:.2f}")
        print(f"goals: {MOST_BYTES / 1e6:g} MB, {1000 * MOST_SECONDS:g} ms, ratio {MOST_RATIO:g}")
        met = sizes[0] <= MOST_BYTES and ours <= 1000 * MOST_SECONDS
        met = met and ours <= MOST_RATIO * theirs
        alive = updates(driver, trials, given.updates)
    if len(alive) > WARM:
        growth = alive[-1][0] / alive[WARM - 1][0]
        print(f"memory after {len(alive)} updates: {growth:.2f} of that after {WARM}")
        print(f"goal: {MOST_GROWTH:g}")
        met = met and growth <= MOST_GROWTH
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
