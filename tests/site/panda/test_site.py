"""Tasks at a PanDA server that says whatever a test wants: submission, state, retry, readiness."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hpogrid.job.settings import SETTINGS
from hpogrid.site.panda import client as panda_client
from hpogrid.site.panda.client import TaskInfo
from hpogrid.site.panda.retry import lay_out
from hpogrid.site.panda.state import counted, note_retry, remember, see
from hpogrid.site.panda.submit import ARCHIVE, check_site
from hpogrid.site.tasks import Task, load_task, new_task
from tests.commands import hpogrid, ok, parsed, refused
from tests.projects import store_project
from tests.site.panda.server import Reply, Server, bad, good, serve
from tests.site.panda.test_auth import token

pytestmark = pytest.mark.engine  # the real client, a process for each call

TOKEN = token(name="Me Myself", preferred_username="me", exp=4e9)
QUEUES: dict[str, dict[str, Any]] = {
    "SHORT": {"maxtime": 3600},
    "LONG": {"maxtime": 7200},
    "FREE": {"maxtime": 0},
    "OFF": {"status": "offline"},
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A server and a list of queues."""
    common: dict[str, Any] = {"state": "ACTIVE", "status": "online", "type": "unified"}
    entries = {name: {**common, **entry} for name, entry in QUEUES.items()}
    with serve() as server:
        for name, value in server.environment(TOKEN).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(panda_client, "_last", panda_client._Listing())
        monkeypatch.setattr(panda_client, "_FRESH_SECONDS", 0.0)
        folder = tmp_path / "sw" / "local" / "etc"
        folder.mkdir(parents=True)
        (folder / "cric_pandaqueues.json").write_text(json.dumps(entries))
        monkeypatch.setenv("ALRB_cvmfs_repo", str(tmp_path))
        monkeypatch.delenv("CRIC_QUEUES_URL", raising=False)
        server.answer = Panda()
        yield server


class Panda:
    """A server that has one task, 77, or none yet."""

    def __init__(self) -> None:
        self.task: dict[str, Any] = {}
        self.submission: Reply = good(None, "succeeded. new jediTaskID=77")
        self.jobs: list[dict[str, Any]] = []
        self.metadata: dict[str, Any] = {}

    def __call__(self, endpoint: str, query: dict[str, Any]) -> Reply:
        if endpoint == "task/submit":
            name = query["task_parameters"]["taskName"]
            self.task = {"jediTaskID": 77, "taskName": name, "status": "running", "site": "LONG"}
            return self.submission
        if endpoint == "task/get_tasks_modified_since":
            return good({"77": self.task} if self.task else {})
        if endpoint.startswith("task/get_tasks"):
            return good([self.task] if self.task else [])
        if endpoint.startswith("job/get_description") or endpoint == "task/get_job_descriptions":
            return good(self.jobs)
        if endpoint == "job/get_metadata_for_analysis_jobs":
            return good(self.metadata)
        return good(None, "")


def panda(server: Server) -> Panda:
    assert isinstance(server.answer, Panda)
    return server.answer


def settings(task: Task) -> dict[str, Any]:
    """What a submitted task tells its jobs."""
    with tarfile.open(task.folder / ARCHIVE) as archive:
        member = archive.extractfile(SETTINGS)
        assert member is not None
        found: dict[str, Any] = json.load(member)
        return found


def test_a_task_has_the_servers_number_and_its_queues_time_limit(server: Server) -> None:
    store_project(grid={"site": "SHORT,LONG,FREE"})
    assert ok("run", "p", "--n_jobs", "2") == "77\n"
    task = load_task(77)
    assert settings(task)["seconds"] == 3600
    assert settings(task)["n_jobs"] == 2
    assert check_site("LONG") == 7200
    assert check_site("FREE") is None
    assert check_site("ANY") is None


@pytest.mark.parametrize(
    ("site", "words"),
    [("LONGG", "unknown queue 'LONGG': did you mean LONG?"), ("LONG,OFF", "OFF: offline")],
)
def test_a_queue_that_is_not_there(server: Server, site: str, words: str) -> None:
    store_project(grid={"site": site})
    outcome = hpogrid("run", "p")
    assert outcome.code != 0
    assert words in outcome.err
    assert not [endpoint for endpoint, _ in server.asked if endpoint == "task/submit"]
    assert parsed("tasks", "show", "--format", "json") == []


def test_a_task_that_is_refused_leaves_nothing(server: Server, home: Path) -> None:
    store_project(grid={"site": "LONG"})
    panda(server).submission = bad("duplicate outDS", 2)
    assert "PanDA refuses the task" in hpogrid("run", "p").err
    assert not list((home / "tasks").glob("[0-9]*"))


def test_a_name_that_another_task_of_the_same_second_has(server: Server) -> None:
    store_project(grid={"site": "LONG"})
    names: list[str] = []
    there = panda(server)

    def answer(endpoint: str, query: dict[str, Any]) -> Reply:
        if endpoint != "task/submit":
            return there(endpoint, query)
        names.append(query["task_parameters"]["taskName"].rstrip("/"))
        if len(names) == 1:
            return bad(f"jediTaskID=8 is already queued for outDS={names[0]}/", 2)
        return good(None, "succeeded. new jediTaskID=77")

    server.answer = answer
    ok("run", "p")
    assert names[1] == f"{names[0]}.1"
    assert load_task(77).name == load_task(77).native["outDS"] == names[1]

    ok("grid_config", "create", "fixed", "--site", "LONG", "--outDS", "user.me.fixed")
    ok("project", "update", "p", "--grid_config", "fixed")
    names.clear()
    assert "already queued for outDS=user.me.fixed" in hpogrid("run", "p").err
    assert names == ["user.me.fixed"]


def test_a_submission_of_which_nobody_knows_whether_it_worked(server: Server, home: Path) -> None:
    store_project(grid={"site": "LONG"})
    panda(server).submission = (502, b"bad gateway")
    outcome = hpogrid("run", "p")
    assert outcome.code != 0
    assert "'hpogrid tasks show' will tell" in outcome.err
    [row] = parsed("tasks", "show", "--format", "json")
    assert (row["jeditaskid"], row["status"]) == (77, "running")
    assert load_task(77).native["jediTaskID"] == 77


def test_a_broken_task_says_why(server: Server) -> None:
    store_project(grid={"site": "LONG"})
    ok("run", "p")
    panda(server).task |= {"status": "broken", "errorDialog": "<b>no site</b> takes it"}
    shown = ok("tasks", "show", "77")
    assert "broken" in shown
    assert "no site takes it" in shown
    assert "job 0 of" not in shown


def test_states_of_jobs(server: Server) -> None:
    store_project(grid={"site": "LONG"})
    ok("run", "p", "--n_jobs", "2")
    panda(server).task["status"] = "finished"
    pseudo = {"type": "pseudo_input", "dataset": "seq_number"}
    panda(server).jobs = [
        {"PandaID": 1, "jobStatus": "failed", "Files": [{**pseudo, "lfn": "1"}],
         "pilotErrorDiag": "out of memory", "computingSite": "LONG"},
        {"PandaID": 2, "jobStatus": "finished", "Files": [{**pseudo, "lfn": "2"}]},
        {"PandaID": 3, "jobStatus": "cancelled", "Files": [{**pseudo, "lfn": "1"}],
         "attemptNr": 2, "taskBufferErrorDiag": "killed by me"},
    ]  # fmt: skip
    shown = ok("tasks", "show", "77")
    assert "PanDA 3, attempt 2: killed by me" in shown
    assert "out of memory" not in shown  # the newest attempt counts
    assert "would retry task 77, job 0" in hpogrid("tasks", "retry", "77", "--dry_run").err
    assert "--n" not in refused("tasks", "show", "78", code=2)


def test_a_retried_task_has_its_old_status_no_longer(server: Server) -> None:
    """The server tells the old one until it gets to the retry."""
    store_project(grid={"site": "LONG"})
    ok("run", "p")
    task = load_task(77)

    def told(status: str) -> str:
        info = TaskInfo(id=77, name=task.name, status=status)
        status = see(task, info, details=False).status
        remember(task, status)
        return status

    assert told("finished") == "finished"
    note_retry(task)
    assert [told("finished"), told("finished")] == ["toretry", "toretry"]
    assert [told("running"), told("finished")] == ["running", "finished"]


def test_jobs_are_counted_from_what_the_list_says() -> None:
    found = counted("finished*2,ready*1,bogus,failed*x,running*1")
    assert [job.state for job in found] == ["done", "done", "queued", "running"]
    assert counted(None) == []
    assert counted("finished*999999") == []  # nobody has a million jobs


def test_what_a_retried_job_finds(home: Path) -> None:
    task = new_task(store_project(), site="LONG", n_jobs=2)
    for name in ("job-0000.001", "job-0001.001", "job-0001.002"):
        (task.ledgers / f"{name}.jsonl").write_text(name)
    (task.ledgers / "job-0000.002.jsonl").touch()
    sent: list[bytes] = []
    found = lay_out(task, [1], "sources.x", lambda path: sent.append(path.read_bytes()))
    assert [path.name for path in found] == ["job-0001.001.jsonl", "job-0001.002.jsonl"]
    with tarfile.open(fileobj=io.BytesIO(sent[0])) as archive:
        assert archive.getnames() == ["job-0001.001.jsonl", "job-0001.002.jsonl"]
    assert lay_out(task, [5], "sources.x", lambda path: pytest.fail("there is nothing")) == []


def test_what_is_ready(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    store_project(grid={"site": "LONG", "container": "busybox"})

    def states() -> dict[str, str]:
        found = json.loads(hpogrid("check", "p", "--format", "json").out)
        return {row["item"]: row["state"] for row in found}

    seen = states()
    for item in ("panda-client", "credentials", "PanDA server", "scripts", "queue"):
        assert seen[item] == "good", item
    assert seen["container"] == "bad"  # neither below /cvmfs nor of a registry
    assert seen["Rucio"] == "bad"  # nobody has set it up
    monkeypatch.setenv("PANDA_AUTH_ID_TOKEN", token(name="x", preferred_username="me", exp=1))
    seen = states()
    assert (seen["credentials"], seen["PanDA server"]) == ("bad", "unknown")


def test_a_task_that_was_never_sent(server: Server) -> None:
    task = new_task(store_project(), site="LONG")
    task.native["outDS"] = "user.me.x"
    task.created = time.time() - 3600
    task.save()
    [row] = parsed("tasks", "show", "--format", "json")
    assert row["status"] == "broken"
    assert "it was never sent" in ok("tasks", "show", str(task.id))


def test_a_task_that_was_submitted_elsewhere_is_reported(server: Server) -> None:
    store_project(grid={"site": "LONG"})
    assert "project 'p' has no tasks yet" in refused("report", "p")
    panda(server).task = {
        "jediTaskID": 77, "taskName": "user.me.hpogrid.p.out.20300101/", "status": "done",
        "site": "LONG", "creationDate": "2100-01-01 00:00:00", "statistics": "finished*1",
    }  # fmt: skip
    panda(server).jobs = [
        {"PandaID": 5, "jobStatus": "finished", "Files": [
            {"type": "pseudo_input", "dataset": "seq_number", "lfn": "1"},
            {"type": "output", "lfn": "user.me.77._1.hpogrid_ledger.jsonl", "scope": "user.me"},
        ]},
    ]  # fmt: skip
    row = {"x": 0.5, "loss": 0.25, "time_s": 1.0, "timestamp": 4e9}
    panda(server).metadata = {"5": {"user_job_metadata": {
        "project_name": "p", "hyperparameters": ["x"], "result": {"0": row},
    }}}  # fmt: skip
    outcome = hpogrid("report", "p", "--format", "json", "--extra", "taskid")
    assert [(row["x"], row["loss"], row["taskid"]) for row in json.loads(outcome.out)] == [
        (0.5, 0.25, 77)
    ]
    assert "1 trials are taken from the metadata instead" in outcome.err
    panda(server).task = {}
    store_project(name="other", grid={"site": "local"})
    before = len(server.asked)
    refused("report", "other")
    assert len(server.asked) == before  # it is not for the grid


def test_the_server_is_down_when_a_report_is_made(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_project(grid={"site": "LONG"})
    monkeypatch.setenv("PANDA_URL_SSL", "http://127.0.0.1:9/server/panda")
    words = refused("report", "p")
    assert "project 'p' has no tasks here, and the PanDA server" in words
    assert "cannot be reached" in words
