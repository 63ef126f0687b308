"""The client against a server that is rude in every way: one sentence each."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.errors import RunError, UserError
from hpogrid.site.base import Unsure
from hpogrid.site.panda import client as panda_client
from hpogrid.site.panda import installed
from hpogrid.site.panda.call import Call
from hpogrid.site.panda.client import (
    JobInfo,
    TaskInfo,
    call,
    decode_all,
    job_metadata,
    kill_task,
    list_jobs,
    list_tasks,
    retry_task,
    submit,
)
from tests.commands import parsed
from tests.site.panda.server import Answer, Server, bad, good, serve
from tests.site.panda.test_auth import token

pytestmark = pytest.mark.engine  # the real client, a process for each call

TOKEN = token(name="Me Myself", preferred_username="me", exp=4e9)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serve() as server:
        for name, value in server.environment(TOKEN).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(panda_client, "_last", panda_client._Listing())
        yield server


def task(number: int, **more: Any) -> dict[str, Any]:
    return {"jediTaskID": number, "taskName": f"user.me.{number}/", "status": "done", **more}


def test_tasks_come_in_pages(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short ones, since two share a request or make no sense, until one is empty."""
    tasks = [task(number, reqID=number) for number in range(1, 8)]
    tasks[1]["reqID"] = 1
    tasks[4]["status"] = None

    def answer(endpoint: str, query: dict[str, Any]) -> tuple[int, bytes]:
        after = int(query["min_task_id"]) if query.get("min_task_id", "None") != "None" else 0
        page = [item for item in tasks if item["jediTaskID"] > after][:3]
        return good({str(item["reqID"]): item for item in page})

    server.answer = answer
    assert [item.id for item in list_tasks(0.0)] == [2, 3, 4, 6, 7]
    assert len(server.asked) == 4
    monkeypatch.setattr(panda_client, "_FRESH_SECONDS", 60)
    list_tasks(1.0)
    assert len(server.asked) == 4  # the same list serves who asks again within a moment


def test_the_time_limit_is_not_for_a_whole_list(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server takes its time for each page: they are had with as many calls as it needs."""
    calls: list[Call] = []

    def noted(*items: Call) -> list[Any]:
        calls.extend(items)
        return call(*items)

    monkeypatch.setattr(panda_client, "call", noted)
    monkeypatch.setattr(panda_client, "_PAGES_SECONDS", 0)

    def answer(endpoint: str, query: dict[str, Any]) -> tuple[int, bytes]:
        after = int(query["min_task_id"]) if query.get("min_task_id", "None") != "None" else 0
        return good({str(number): task(number) for number in range(after + 1, min(after + 3, 6))})

    server.answer = answer
    assert [item.id for item in list_tasks(0.0)] == [1, 2, 3, 4, 5]
    assert len(calls) == len(server.asked) == 4


def test_ten_thousand_tasks_are_shown_after_a_few_questions(server: Server) -> None:
    tasks = {
        number: task(number, creationDate="2100-01-01 00:00:00", site="Q")
        for number in range(10**7, 10**7 + 10_000)
    }

    def answer(endpoint: str, query: dict[str, Any]) -> tuple[int, bytes]:
        after = int(query["min_task_id"]) if query.get("min_task_id", "None") != "None" else 0
        page = [item for number, item in tasks.items() if number > after][:500]
        return good({str(item["jediTaskID"]): item for item in page})

    server.answer = answer
    rows = parsed("tasks", "show", "--limit", "20000", "--format", "json")
    assert {row["jeditaskid"] for row in rows} == set(tasks)
    assert len(server.asked) == 21
    ours = ("--taskname", "user.me.1000000*", "--range", "10000005-", "--format", "json")
    assert parsed("tasks", "show", "--username", "bo*", "--format", "json") == []
    assert [row["jeditaskid"] for row in parsed("tasks", "show", "--username", "m*", *ours)] == [
        10**7 + 9, 10**7 + 8, 10**7 + 7, 10**7 + 6, 10**7 + 5,
    ]  # fmt: skip


def test_entries_that_make_no_sense_are_left_out(server: Server) -> None:
    entries: dict[str, Any] = {
        "1": task(1),
        "2": {"jediTaskID": "x"},
        "3": None,
        "4": [],
        "5": task(5, site=None),
    }
    server.answer = lambda endpoint, query: good(entries)
    assert [item.id for item in list_tasks(0.0)] == [1, 5]
    server.answer = lambda endpoint, query: good(
        [{"PandaID": 1, "jobStatus": "x"}, {"PandaID": {}}]
    )
    assert [job.id for job in list_jobs(1)] == [1]
    server.answer = lambda endpoint, query: good({"1": {"user_job_metadata": {"a": 1}}, "2": "x"})
    assert job_metadata(1) == {"1": {"a": 1}, "2": None}


FAULTS: list[tuple[Answer, str]] = [
    (lambda e, q: (403, b"Token authentication failed"), "refuses the credentials: Token auth"),
    (lambda e, q: (500, b"<html><h1>Oops</h1></html>"), "answered with error 500 .*Oops"),
    (lambda e, q: (404, b"nothing"), "answered with error 404"),
    (lambda e, q: (200, b"<html>Welcome</html>"), "no PanDA server .*check PANDA_URL_SSL"),
    (lambda e, q: (200, b""), "no PanDA server"),
    (lambda e, q: (200, b"[1, 2"), "no PanDA server"),
    (lambda e, q: (200, b"3"), "refuses getTaskStatus"),
    (lambda e, q: (200, b'{"success": false}'), "refuses getTaskStatus"),
]


@pytest.mark.parametrize(("answer", "words"), FAULTS)
def test_one_sentence_for_each_fault(server: Server, answer: Answer, words: str) -> None:
    server.answer = answer
    with pytest.raises(RunError, match=words) as error:
        call(Call("getTaskStatus", [1]))
    assert "\n" not in str(error.value)
    assert TOKEN not in str(error.value)
    assert error.value.exit_code == 1


def test_a_server_that_repeats_the_token_does_not_get_it_printed(server: Server) -> None:
    server.answer = lambda endpoint, query: (403, f"Bearer {TOKEN} is not good: {TOKEN}".encode())
    with pytest.raises(RunError) as error:
        call(Call("getTaskStatus", [1]))
    assert TOKEN not in str(error.value)
    assert "***" in str(error.value)


def test_nobody_listens(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANDA_URL_SSL", "http://127.0.0.1:9/server/panda")
    with pytest.raises(RunError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        call(Call("getTaskStatus", [1]))


def test_a_slow_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPOGRID_PANDA_TIMEOUT", "1")
    server.delay = 5
    with pytest.raises(RunError, match="did not answer within 1 s"):
        call(Call("getTaskStatus", [1]))


def test_refusals_in_the_servers_words(server: Server) -> None:
    server.answer = lambda endpoint, query: bad("not the task owner")
    with pytest.raises(RunError, match="PanDA does not kill task 3: not the task owner"):
        kill_task(3)
    with pytest.raises(RunError, match="PanDA does not retry task 3: not the task owner"):
        retry_task(3)
    server.answer = lambda endpoint, query: good(0, "registered")
    kill_task(3)
    retry_task(3)


def test_a_submission(server: Server, tmp_path: Path) -> None:
    def answer(endpoint: str, query: dict[str, Any]) -> tuple[int, bytes]:
        if endpoint == "task/submit":
            return good(None, "succeeded. new jediTaskID=77")
        return good(None, "")

    server.answer = answer
    words = ["--outDS", "user.me.x", "--exec", "true", "--noBuild"]
    assert submit("prun", words, tmp_path) == 77
    [sent] = [query for endpoint, query in server.asked if endpoint == "task/submit"]
    assert sent["task_parameters"]["taskName"] == "user.me.x/"
    assert TOKEN not in json.dumps(server.asked)

    server.answer = lambda e, q: bad("duplicate outDS", 2) if e == "task/submit" else good(None)
    with pytest.raises(RunError, match=r"PanDA refuses the task: .*duplicate outDS") as error:
        submit("prun", words, tmp_path)
    assert not isinstance(error.value, Unsure)

    server.answer = lambda e, q: (502, b"gateway") if e == "task/submit" else good(None)
    with pytest.raises(Unsure, match="'hpogrid tasks show' will tell"):
        submit("prun", words, tmp_path)


def test_a_dataset_of_somebody_else(server: Server, tmp_path: Path) -> None:
    words = ["--outDS", "user.you.x", "--exec", "true", "--noBuild"]
    with pytest.raises(RunError, match=r"PanDA refuses the task: .*'user\.me\."):
        submit("prun", words, tmp_path)


def test_the_client_changes_nothing_here(server: Server, tmp_path: Path) -> None:
    before = (list(sys.argv), Path.cwd(), set(sys.modules))
    call(Call("getTaskStatus", [1]))
    assert (list(sys.argv), Path.cwd()) == before[:2]
    assert not {name for name in set(sys.modules) - before[2] if name == "pandaclient.Client"}


def test_no_client(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "clients", list)
    with pytest.raises(UserError, match=re.escape("pip install 'hpogrid[panda]'")):
        call(Call("getTaskStatus", [1]))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["jediTaskID", "taskName", "status", "PandaID", "jobStatus", "Files", "lfn"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(VALUES)
def test_whatever_a_server_says(value: Any) -> None:
    for kind in (TaskInfo, JobInfo):
        for item in decode_all(value, kind):
            assert isinstance(item, kind)
            if isinstance(item, JobInfo):
                assert item.index is None or item.index >= -1
                assert item.reason is None or isinstance(item.reason, str)
