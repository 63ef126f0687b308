"""What notebooks show, in a real kernel and in Chromium."""

from __future__ import annotations

import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from hpogrid import compare
from hpogrid.report.api import load_study
from hpogrid.report.notebook import in_notebook
from tests.projects import run_project, store_project
from tests.report.browser import browser, errors, open_page

SCRIPT = """
import argparse, hpogrid
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--kind")
parser.add_argument("--epochs", type=int)
args = parser.parse_args()
for epoch in range(args.epochs):
    hpogrid.report(val_loss=args.lr / (epoch + 1), epoch=epoch + 1)
"""
RUN = """
from hpogrid import Experiment
from hpogrid.space.dialects.python_types import choice, loguniform
experiment = Experiment(
    script="train.py", metric="val_loss", trials=25, n_workers=2, max_resource_attr="epochs",
    config_space={"lr": loguniform(1e-4, 1), "kind": choice(["<b>", "c&d"]), "epochs": 3},
    scheduler="none", seed=1)
result = experiment.run()
"""


class Text(HTMLParser):
    """The text of the cells, by the tag that they are in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: dict[str, list[str]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.tags.remove(tag)

    def handle_data(self, data: str) -> None:
        self.cells.setdefault(self.tags[-1], []).append(data)


def test_the_table() -> None:
    space = {"x<y": {"method": "uniform", "dimension": {"low": 0, "high": 1}}}
    script = "def train(config):\n    return config['x<y']\n"
    run_project(store_project(script, space=space, trials=25))
    study = load_study("p")
    found = Text(study._repr_html_()).cells
    assert found["th"] == ["x<y", "loss", "trial", "state"]
    assert len(found["td"]) == 80
    assert found["td"][1] == f"{study.best_value:.6g}"
    assert found["caption"][0].startswith("p: 25 trials: 25 complete; best loss ")
    assert found["div"][0] == "and 5 more"
    assert "too good" in found["div"][1]
    assert '<img src="data:image/png;base64,' in study._repr_html_()


def test_a_picture_that_cannot_be_drawn_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    run_project(store_project(trials=3))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'hpogrid[images]'" in unescape(load_study("p")._repr_html_())


def test_a_comparison_is_a_table() -> None:
    for name in ("a", "b"):
        run_project(store_project(name=name, trials=4))
    cells = Text(compare("a", "b")._repr_html_()).cells
    assert {"a", "b"} <= set(cells["td"])
    assert cells["caption"][0].startswith("comparison ")


def test_this_is_no_notebook() -> None:
    assert not in_notebook()


def run_cells(folder: Path, monkeypatch: pytest.MonkeyPatch, *cells: str) -> list[list[Any]]:
    """Run cells in a kernel of their own; the outputs of each."""
    import nbclient
    import nbformat

    (folder / "train.py").write_text(SCRIPT)
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "run"))
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbclient.NotebookClient(
        notebook, kernel_name="python3", timeout=120, allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    ).execute()  # fmt: skip
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.engine
def test_run_submit_and_results_in_a_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = "task = experiment.submit(n_jobs=2)\n"
    wait = "from hpogrid.cli.main import run\nassert run(['tasks', 'show', '--watch']) == 0\ntask"
    ran, shown, drawn, sent, refused, result, experiment = run_cells(
        tmp_path, monkeypatch, RUN, "experiment.results()", "experiment.results().plot_history()",
        submit + wait, "experiment.results().plot_pareto()", "result", "experiment",
    )  # fmt: skip
    (bar,) = [output.data for output in ran if output.output_type == "display_data"]
    assert "25 of 25 trials done" in bar["text/plain"]
    assert "best val_loss " in bar["text/plain"]
    assert 'value="25" max="25"' in bar["text/html"]
    table = shown[0].data["text/html"]
    assert "&lt;b&gt;" in table
    assert "application/vnd.plotly.v1+json" in drawn[0].data
    assert sent[-1].data["text/plain"] == "2"
    assert refused[0].traceback == [
        "hpogrid: there is nothing to draw for 'pareto': only one metric is optimised"
    ]
    assert "<p>done: 25 trials finished: all 25 trials are done</p>" in result[0].data["text/html"]
    assert result[0].data["text/html"].endswith(table)
    assert experiment[0].data["text/plain"] == "<experiment train: min of val_loss, 25 trials>"
    look_at(tmp_path, bar["text/html"], table)


def look_at(folder: Path, bar: str, table: str) -> None:
    """Both are seen in a browser, in light and in dark, and nothing is wider than its place."""
    page = folder / "page.html"
    for colours in ("", "background:#111;color:#ddd;color-scheme:dark"):
        page.write_text(
            f'<meta charset="utf-8"><body style="{colours}"><main style="width:600px">{bar}{table}'
        )
        with browser() as driver:
            open_page(driver, page)
            script = "return [...document.querySelectorAll(arguments[0])].map(e => {0})"
            wide = driver.execute_script(script.replace("{0}", "e.offsetWidth"), "progress")
            texts = driver.execute_script(script.replace("{0}", "e.innerText"), "tbody tr")
            over = driver.execute_script(
                "return document.documentElement.scrollWidth > window.innerWidth"
            )
            assert wide[0] > 200
            assert len(texts) == 20
            assert {text.split("\t")[1] for text in texts} <= {"<b>", "c&d"}
            assert not over
            assert errors(driver) == []


@pytest.mark.engine
def test_interrupting_the_kernel_ends_a_run_in_good_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = RUN.replace("trials=25", "trials=10000")
    kill = "threading.Timer(3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
    interrupt = f"import os, signal, threading\n{kill}"
    _, told = run_cells(
        tmp_path, monkeypatch, interrupt + slow, "(result.state, result.reason, result.failed)"
    )
    assert told[0].data["text/plain"] == "('interrupted', 'interrupted by SIGINT', 0)"
