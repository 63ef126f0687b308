"""The page that follows a study, in a real browser."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from hpogrid.report.live import serving
from hpogrid.report.results import Origin, Results
from hpogrid.site.tasks import find_tasks, new_task
from hpogrid.study.serve.tokens import make_token, read_or_make_token
from tests.commands import hpogrid, refused
from tests.projects import (
    GATED,
    finished_in,
    gated,
    open_gate,
    run_project,
    store_project,
    wait_for,
)
from tests.report.browser import browser, errors, open_url
from tests.report.studies import LOSS, SPACE, make_study, sampled_study
from tests.report.test_browser import issues
from tests.study.services import free_port, running

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    with browser() as driver:
        yield driver


def growing(folder: Path, sizes: Iterator[int]) -> Callable[[], Results]:
    """Reads a study that has another size each time; its files change as a ledger does."""
    (folder / "ledger").mkdir(exist_ok=True)
    every = list(sampled_study(10_000))

    def read() -> Results:
        study = make_study(every[: next(sizes)])
        origin = Origin(id=1, site="local", folder=str(folder))
        return Results("grows", [(origin, study)], objectives=LOSS, space=SPACE)

    return read


def grow(folder: Path) -> None:
    with (folder / "ledger" / "job-0000.001.jsonl").open("a") as stream:
        stream.write("{}\n")


def updates(driver: Any) -> int:
    return int(driver.execute_script("return document.documentElement.dataset.updates ?? 0"))


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_page_follows_and_keeps_what_was_chosen(chrome: Any, tmp_path: Path) -> None:
    with serving(growing(tmp_path, iter((50, 120, 200)))) as address:
        open_url(chrome, address)
        assert "50 trials of 50" in chrome.find_element("id", "shown").text
        until(lambda: chrome.execute_script("return document.getElementById('foot').dataset.live"))
        chrome.find_element("id", "search").send_keys("loss<100")
        chrome.find_element("css selector", "#value-scale option[value='3']").click()
        chrome.find_element("css selector", "#show-failed").click()
        chrome.find_element("css selector", "#trials tbody tr:nth-child(3) button").click()
        marked = chrome.find_element("css selector", "#chosen h3").text
        for number, size in ((1, 120), (2, 200)):
            grow(tmp_path)
            until(lambda number=number: updates(chrome) == number)  # type: ignore[misc]
            assert f"of {size}" in chrome.find_element("id", "shown").text
        assert chrome.find_element("css selector", "#chosen h3").text == marked
        assert chrome.find_element("id", "search").get_attribute("value") == "loss<100"
        assert chrome.find_element("id", "value-scale").get_attribute("value") == "3"
        assert not chrome.find_element("id", "show-failed").is_selected()
        assert len(chrome.find_elements("css selector", "#main > section")) == len(
            chrome.find_elements("css selector", "#contents li")
        )
        assert len(chrome.find_elements("id", "value-scale")) == 1
        assert errors(chrome) == []


def test_the_page_follows_while_one_looks_closer_and_types(chrome: Any, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains

    def one(selector: str) -> Any:
        return chrome.find_element("css selector", selector)

    with serving(growing(tmp_path, iter((100, 120, 200)))) as address:
        open_url(chrome, address)
        until(lambda: chrome.execute_script("return document.getElementById('foot').dataset.live"))
        plot = one("#history svg")
        chrome.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)
        drag = ActionChains(chrome).move_to_element_with_offset(plot, -100, -60).click_and_hold()
        drag.move_by_offset(200, 120).release().perform()
        assert one("#history .plot").get_attribute("data-zoomed") == "yes"
        labels = [node.text for node in chrome.find_elements("css selector", "#history svg text")]
        for key in ("sort units", "sort units"):
            one(f'button[data-key="{key}"]').click()
        one("#trials .tools:last-of-type button:last-of-type").click()
        one("#type-ranges summary").click()
        one('input[aria-label="units from"]').send_keys("4")
        grow(tmp_path)
        until(lambda: updates(chrome) == 1)
        assert chrome.switch_to.active_element.get_attribute("aria-label") == "units from"
        chrome.switch_to.active_element.send_keys("0")
        grow(tmp_path)
        until(lambda: updates(chrome) == 2)
        assert one('input[aria-label="units from"]').get_property("value") == "40"
        assert "page 2 of" in one("#trials").text
        assert one("#trials th[aria-sort]").text.startswith("units")
        assert one("#trials th[aria-sort]").get_attribute("aria-sort") == "descending"
        until(lambda: one("#history .plot").get_attribute("data-zoomed") == "yes")
        again = [node.text for node in chrome.find_elements("css selector", "#history svg text")]
        assert again == labels
        one("#search").click()  # what was typed counts when one leaves the field
        rows = chrome.find_elements("css selector", "#trials tbody tr")
        assert all(int(row.text.split()[2]) >= 40 for row in rows)
        assert int(one("#shown").text.split()[0]) < 200
        assert errors(chrome) == []


def test_nobody_else_gets_it_and_nothing_can_be_changed(tmp_path: Path) -> None:
    with serving(growing(tmp_path, iter((5, 5)))) as address:
        parts = urlsplit(address)

        def status(method: str, path: str, host: str = parts.netloc) -> int:
            connection = http.client.HTTPConnection(parts.netloc, timeout=10)
            connection.request(method, path, headers={"Host": host})
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status

        assert status("GET", parts.path) == 200
        assert status("GET", "/") == 404
        assert status("GET", "/events") == 404
        assert status("GET", parts.path, "evil.example") == 403
        assert status("POST", parts.path) == 501
        assert parts.hostname == "127.0.0.1"
        with socket.socket() as other, pytest.raises(OSError):
            other.bind(("127.0.0.1", parts.port or 0))


PROGRAM = str(Path(sys.executable).parent / "hpogrid")


@contextlib.contextmanager
def live(*words: str, **variables: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of ``report --live``, and its process, which is ended by Ctrl-C."""
    page = subprocess.Popen(
        [PROGRAM, "report", *words, "--live"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
        # Tests that run in the background of a shell have it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert page.stdout is not None
        yield next(line for line in page.stdout if line.startswith("http")).strip(), page
        page.send_signal(signal.SIGINT)
        assert page.wait(20) == 0
    finally:
        page.kill()
        page.wait()


def test_report_live_shows_trials_as_they_end(chrome: Any) -> None:
    project = store_project(GATED, trials=4, param=gated(1))
    search = subprocess.Popen([PROGRAM, "local_run", project.name], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: any(finished_in(task) == 1 for task in find_tasks()))
        with live(project.name) as (address, _):
            open_url(chrome, address)
            assert "1 complete" in chrome.find_element("id", "lead").text
            open_gate()
            until(lambda: "4 complete" in chrome.find_element("id", "lead").text)
            assert issues(chrome) == {}
    finally:
        open_gate()
        search.wait(60)


def test_report_live_follows_a_server_with_a_token_to_read(
    chrome: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from selenium.webdriver import Keys

    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setenv("HPOGRID_TOKEN", read_or_make_token())
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    space = {"x": {"method": "uniform", "dimension": {"low": 0, "high": 1}}}
    project = store_project(GATED, space=space, trials=6, param=gated(2), storage=url)
    task = new_task(project, site="local", n_jobs=1)
    job = [sys.executable, "-m", "tests.study.far_job", str(task.id), "0", str(tmp_path / "away")]
    laptop = {"HPOGRID_HOME": str(tmp_path / "laptop"),
              "HPOGRID_TOKEN": make_token("laptop", "read", None, 1.0)}  # fmt: skip
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(contextlib.ExitStack())
        server.enter_context(running([PROGRAM, "serve", "--port", str(port)], port))
        search = subprocess.Popen(job)
        stack.callback(search.wait, 60)
        stack.callback(open_gate)
        wait_for(lambda: finished_in(task) == 2, 60)
        address, page = stack.enter_context(live(project.name, "--server", url, **laptop))
        open_url(chrome, address)
        assert "2 complete" in chrome.find_element("id", "lead").text
        chrome.find_element("css selector", "#trials tbody tr:last-child button").click()
        marked = chrome.find_element("css selector", "#chosen h3").text
        chrome.find_element("css selector", "#history .tools option[value='1']").click()
        chrome.find_element("css selector", "#type-ranges summary").click()
        field = chrome.find_element("css selector", 'input[aria-label="x from"]')
        field.send_keys("-1", Keys.TAB)
        open_gate()
        until(lambda: "6 complete" in chrome.find_element("id", "lead").text)
        assert updates(chrome) > 0
        assert chrome.find_element("css selector", "#chosen h3").text == marked
        over = chrome.find_element("css selector", "#history .tools select")
        assert over.get_attribute("value") == "1"
        field = chrome.find_element("css selector", 'input[aria-label="x from"]')
        assert field.get_attribute("value") == "-1"
        assert issues(chrome) == {}
        assert errors(chrome) == []
        assert laptop["HPOGRID_TOKEN"] not in chrome.page_source
        assert not (tmp_path / "laptop" / "tasks").exists()
        server.close()
        assert page.stderr is not None
        assert any("the page stays as it is" in line for line in page.stderr)


def test_a_port_that_is_taken_is_said() -> None:
    run_project(store_project(trials=1))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        outcome = hpogrid("report", "p", "--live", "--port", port)
    assert outcome.code == 1
    assert f"port {port} cannot be used" in outcome.err
    refused("report", "p", "--live", "--port", "70000")
