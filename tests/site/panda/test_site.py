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
from hpogrid.site.panda.queues import Job
from hpogrid.site.panda.retry import lay_out
from hpogrid.site.panda.state import counted, note_retry, remember, see, take_number
from hpogrid.site.panda.submit import ARCHIVE, check_site
from hpogrid.site.tasks import Task, find_tasks, load_task, new_task
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
    assert check_site("LONG", Job()) == 7200
    assert check_site("FREE", Job()) is None
    assert check_site("ANY", Job()) is None


@pytest.mark.parametrize(
    ("site", "words"),
    [
        (
            "LONGG",
            "unknown queue 'LONGG': it is not, or no longer, on PanDA's list; the nearest "
            "that can do the job: LONG, SHORT, FREE; name one with --site",
        ),
        ("LONG,OFF", "queue OFF takes no jobs of users (offline)"),
    ],
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
        remember(task, status, info)
        return status

    assert told("finished") == "finished"
    note_retry(task)
    assert [told("finished"), told("finished")] == ["toretry", "toretry"]
    assert [told("running"), told("finished")] == ["running", "finished"]


@pytest.mark.parametrize(
    ("number", "seconds", "status"),
    [
        (77, 899, "registered"),
        (77, 901, "unknown"),
        (None, 899, "submitting"),
        (None, 901, "broken"),
    ],
)
def test_a_task_that_is_not_on_the_list(
    server: Server, monkeypatch: pytest.MonkeyPatch, number: int | None, seconds: float, status: str
) -> None:
    """The server needs its time to show what it took; what was never sent stays away."""
    task = new_task(store_project(), site="LONG", n_jobs=2)
    if number is not None:
        take_number(task, number)
    later = task.created + seconds
    monkeypatch.setattr(time, "time", lambda: later)
    assert see(task, None, details=False).status == status


@pytest.mark.parametrize(("seconds", "status"), [(299, "toretry"), (301, "failed")])
def test_a_retry_that_the_server_never_gets_to_is_told(
    server: Server, monkeypatch: pytest.MonkeyPatch, seconds: float, status: str
) -> None:
    store_project(grid={"site": "LONG"})
    ok("run", "p")
    task = load_task(77)
    remember(task, "failed", None)
    note_retry(task)
    later = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: later)
    info = TaskInfo(id=77, name=task.name, status="failed")
    assert see(task, info, details=False).status == status


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


def listed(number: int, **more: Any) -> dict[str, Any]:
    return {
        "jediTaskID": number, "reqID": number, "userName": "Me Myself", "status": "done",
        "taskName": f"user.me.hpogrid.q.out.{number}/", "creationDate": "2100-01-01 00:00:00",
        "modificationTime": "2100-01-01 00:00:00", "site": "LONG", "statistics": "finished*3",
        **more,
    }  # fmt: skip


def test_a_user_by_nickname_or_full_name(server: Server) -> None:
    """The server knows full names only, and names of tasks begin with the nickname."""
    store_project(grid={"site": "LONG"})
    ok("run", "p")
    own = panda(server).task | {"userName": "Me Myself"}
    boss = listed(5 * 10**7, userName="The Boss", taskName="user.boss.hpogrid.q.out.1/")

    def answer(endpoint: str, query: dict[str, Any]) -> Reply:
        if endpoint != "task/get_tasks_modified_since":
            return good([])
        if query.get("min_task_id", "None") != "None":
            return good({})
        whose = query.get("dn", "None")
        return good(
            {"None": {"77": own, "9": listed(4 * 10**7)}, "The Boss": {"3": boss}}.get(whose, {})
        )

    server.answer = answer

    def numbers(*words: str) -> list[int]:
        return [row["jeditaskid"] for row in parsed("tasks", "show", "--format", "json", *words)]

    both = [4 * 10**7, 77]
    for name in ("me", "m*", "Me Myself", "Me *"):
        assert numbers("--username", name) == both, name
    assert numbers("--username", "The Boss") == [5 * 10**7]
    assert numbers("--username", "nobody") == []


def test_the_jobs_of_a_task_when_the_server_is_away(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_project(grid={"site": "LONG"})
    ok("run", "p", "--n_jobs", "3")
    panda(server).task |= listed(77, taskName=panda(server).task["taskName"])
    assert "3/3" in ok("tasks", "show")
    monkeypatch.setenv("PANDA_URL_SSL", "http://127.0.0.1:9/server/panda")
    outcome = hpogrid("tasks", "show")
    assert "cannot be reached" in outcome.err
    assert "3/3" in outcome.out


def test_a_number_that_a_task_has_for_a_while_is_free_for_panda(server: Server) -> None:
    store_project(grid={"site": "LONG"})
    panda(server).submission = (502, b"bad gateway")
    hpogrid("run", "p")
    [(unsure, _)] = [(task.id, task) for task in find_tasks()]
    panda(server).task = {}
    panda(server).submission = good(None, f"succeeded. new jediTaskID={unsure}")
    assert ok("run", "p") == f"{unsure}\n"
    assert load_task(unsure).native["jediTaskID"] == unsure
    [moved] = [task for task in find_tasks() if task.id != unsure]
    assert "jediTaskID" not in moved.native


def test_what_pbook_does(server: Server) -> None:
    store_project(grid={"site": "LONG"})
    ok("run", "p")
    seq = {"type": "pseudo_input", "dataset": "seq_number", "lfn": "1"}
    panda(server).jobs = [{"PandaID": 1, "jobStatus": "failed", "Files": [seq]}]
    there = panda(server)
    server.answer = lambda e, q: good(0, "done") if e == "task/retry" else there(e, q)

    def asked(*words: str) -> tuple[str, dict[str, Any]]:
        server.asked.clear()
        ok("tasks", *words)
        found = [(e, q) for e, q in server.asked if e.startswith("task/") and "get" not in e]
        [one] = found
        return one

    for words, endpoint in (
        (["finish", "77"], "finish"), (["pause", "77"], "pause"), (["resume", "77"], "resume"),
        (["reload", "77"], "reload_input"),
    ):  # fmt: skip
        assert asked(*words) == (f"task/{endpoint}", {"task_id": 77})
    assert asked("finish", "77", "--soft") == ("task/finish", {"task_id": 77, "soft": True})
    options = ["--new_site", "FREE", "--new_memory", "4000", "--new_options", '{"nFilesPerJob": 2}']
    assert asked("retry", "77", *options) == (
        "task/retry",
        {"task_id": 77, "new_parameters": {"site": "FREE", "ramCount": 4000, "nFilesPerJob": 2}},
    )
    assert "unknown option 'colour'" in refused(
        "tasks", "retry", "77", "--new_options", '{"colour": 1}'
    )
    server.answer = lambda e, q: bad("not the task owner") if "pause" in e else there(e, q)
    assert "PanDA does not pause task 77: not the task owner" in hpogrid("tasks", "pause", "77").err
    panda_status = ["tasks", "show", "--format", "json", "--status"]
    assert parsed(*panda_status, "done,finished") == []
    assert len(parsed(*panda_status, "done,toretry,running")) == 1


def test_what_only_a_server_does(home: Path) -> None:
    task = new_task(store_project(), site="local")
    assert "it is for the grid" in refused("tasks", "pause", str(task.id))
    assert "it is for the grid" in refused("tasks", "retry", str(task.id), "--new_site", "A")


def test_trials_that_all_failed(home: Path) -> None:
    store_project("def train(config):\n    raise ValueError\n")
    hpogrid("local_run", "p")
    assert (
        "task 1: all 3 trials failed; 'hpogrid report p' shows why" in hpogrid("tasks", "show").err
    )


def test_a_column_that_does_not_exist(home: Path) -> None:
    words = refused("tasks", "show", "-o", "x.json", "-c", "jeditaskid,nonsense")
    assert "--outcol: unknown column 'nonsense'" in words


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
    assert "1 trial is taken from the metadata instead" in outcome.err
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
