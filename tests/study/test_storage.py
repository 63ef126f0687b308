from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from hpogrid.config.project import Project, draft_project, publish_project
from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
from hpogrid.engine.assignment import JobSpec
from hpogrid.engine.run import Run
from hpogrid.errors import UserError
from hpogrid.site.studies import create_study
from hpogrid.site.tasks import Task, new_task
from hpogrid.space.dialects import read_space
from hpogrid.space.space import Space
from hpogrid.space.value import Values
from hpogrid.study.optuna_view import distributions, from_params, to_params
from hpogrid.study.storage import check_url, open_storage, open_study
from hpogrid.study.study import read_study
from tests.projects import wait_for
from tests.study.services import free_port, postgres_server, redis_server, running

SPACE = {
    "x": {"method": "uniformint", "dimension": {"low": 1, "high": 6}},
    "kind": {"method": "categorical", "dimension": {"categories": ["a", None, [1, 2], 1]}},
}
SCRIPT = "import time\ndef train(config):\n    time.sleep(0.5)\n    return float(config['x'])\n"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))


def make_project(tmp_path: Path, url: str, trials: int = 50, metric: str = "loss") -> Project:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    space, _ = read_space(SPACE, "space")
    project = Project(
        name="p",
        hpo_config=HpoConfig(
            metric=metric,
            mode="min",
            trials=trials,
            storage=url,
            scheduler_param={"max_concurrent": 1},
        ),
        grid_config=GridConfig(site="local"),
        model_config=ModelConfig(script="train.py", model="train"),
        search_space=space.to_json(),
        scripts={},
        scripts_path="",
        created=1.0,
    )
    with draft_project(project, {"train.py": script}) as (drafted, folder):
        publish_project(drafted, folder)
    return drafted


@contextlib.contextmanager
def journal(folder: Path) -> Iterator[str]:
    yield f"journal://{folder / 'journal.log'}"


@contextlib.contextmanager
def running_jobs(task: Task) -> Iterator[list[subprocess.Popen[bytes]]]:
    """All jobs of a task at once; they see each other in the storage, and have to succeed."""
    processes = [
        subprocess.Popen([sys.executable, "-m", "hpogrid.job.here", str(task.folder), str(job)])
        for job in range(task.n_jobs)
    ]
    try:
        yield processes
        assert [process.wait(120) for process in processes] == [0] * task.n_jobs
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def dashboard(storage: str, folder: Path) -> Iterator[str]:
    """Optuna's dashboard, as it is, on a storage that is in use; gives its address."""
    port = free_port()
    if storage.startswith("journal://"):
        storage = storage.removeprefix("journal://")
    program = str(Path(sys.executable).parent / "optuna-dashboard")
    with running([program, storage, "--host", "127.0.0.1", "--port", str(port)], port):
        yield f"http://127.0.0.1:{port}"


def shown(url: str) -> Counter[str]:
    """How many trials of the study the dashboard shows in which state."""
    with urllib.request.urlopen(f"{url}/api/studies", timeout=30) as answer:
        studies = json.load(answer)["study_summaries"]
    if not studies:
        return Counter()
    assert [study["study_name"] for study in studies] == ["p"]
    address = f"{url}/api/studies/{studies[0]['study_id']}?after=0"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return Counter(trial["state"] for trial in json.load(answer)["trials"])


@pytest.mark.engine
def test_a_variable_may_hold_any_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    password = "p@ss/w:rd%41#?ü"
    monkeypatch.setenv("DB_PASSWORD", password)
    with postgres_server(tmp_path, password) as url:
        wanted = url.replace("tester@", "tester:${DB_PASSWORD}@")
        check_url(wanted)
        open_study(wanted, "p", ["loss"], ["min"])
        monkeypatch.setenv("DB_PASSWORD", password + "no")
        monkeypatch.setattr("hpogrid.study.storage._ATTEMPTS", 1)
        with pytest.raises(UserError) as refused:
            open_study(wanted, "p", ["loss"], ["min"])
    assert "password authentication failed" in str(refused.value)
    assert "p@ss" not in str(refused.value)


@pytest.mark.engine
@pytest.mark.parametrize("server", [journal, redis_server, postgres_server])
def test_four_jobs_cover_a_finite_space_once_and_the_dashboard_shows_it(
    tmp_path: Path, server: Callable[[Path], AbstractContextManager[str]]
) -> None:
    with server(tmp_path) as url:
        task = new_task(make_project(tmp_path, url), site="local", n_jobs=4)
        create_study("p", None)  # the dashboard makes no tables in a database
        with dashboard(url, tmp_path) as page:
            with running_jobs(task) as jobs:
                states = wait_for(lambda: shown(page), 60)
                assert None in [job.poll() for job in jobs], "the jobs had ended by then"
                assert states["Complete"] < 24
            wait_for(lambda: shown(page)["Complete"] == 24)
        study, _ = read_study(task.ledgers)
        points = Counter(repr(trial.applied) for trial in study.finished)
        assert len(points) == 24
        assert set(points.values()) == {1}
        assert len({trial.job for trial in study}) > 1
        import optuna

        stored = optuna.load_study(study_name="p", storage=open_storage(url))
        complete = [t for t in stored.trials if t.state.name == "COMPLETE"]
        assert len(complete) == 24
        assert stored.best_value == 1.0


def test_a_job_learns_from_another_tool(tmp_path: Path) -> None:
    import optuna

    url = f"journal://{tmp_path / 'j.log'}"
    project = make_project(tmp_path, url)
    study = optuna.create_study(study_name="p", storage=open_storage(url), direction="minimize")
    shapes = distributions(project.space)
    params = to_params(project.space, {"x": 2, "kind": [1, 2]})
    study.add_trial(optuna.trial.create_trial(value=2.0, params=params, distributions=shapes))
    run = Run(project, JobSpec(0, 1, tmp_path / "ledger", tmp_path / "trials", True, 1))
    run._exchange._polled = -10.0
    run.poll()
    assert [trial.applied for trial in run.study] == [{"x": 2, "kind": [1, 2]}]
    seen = set()
    while (assignment := run.next()) is not None:
        seen.add(repr(assignment.config))
        run.report(assignment.trial, {"loss": 1.0})
        run.finish(assignment.trial)
    assert len(seen) == 23
    assert repr({"x": 2, "kind": [1, 2]}) not in seen


def test_jobs_see_the_reports_of_each_other(tmp_path: Path) -> None:
    url = f"journal://{tmp_path / 'j.log'}"
    project = make_project(tmp_path, url)
    first, second = (
        Run(project, JobSpec(job, 1, tmp_path / str(job), tmp_path, True, 2)) for job in range(2)
    )
    assignment = first.next()
    assert assignment is not None

    def steps_seen() -> list[tuple[str, list[int], list[float]]]:
        for run in (first, second):
            run.poll(now=True)
        return [
            (
                trial.state,
                [r.step for r in trial.reports],
                [r.metrics["loss"] for r in trial.reports],
            )
            for trial in second.study
        ]

    first.report(assignment.trial, {"loss": 5.0})
    first.report(assignment.trial, {"loss": 4.0})
    assert steps_seen() == [("running", [1, 2], [5.0, 4.0])]
    first.report(assignment.trial, {"loss": 3.0})
    first.finish(assignment.trial)
    assert steps_seen() == [("complete", [1, 2, 3], [5.0, 4.0, 3.0])]


def test_jobs_see_all_objectives_of_each_other(tmp_path: Path) -> None:
    project = make_project(tmp_path, f"journal://{tmp_path / 'j.log'}", metric="loss,size")
    first, second = (
        Run(project, JobSpec(job, 1, tmp_path / str(job), tmp_path, True, 2)) for job in range(2)
    )
    assignment = first.next()
    assert assignment is not None
    reports: list[Values] = [{"size": 7}, {"loss": 5.0}, {"loss": 4.0, "size": 8}]
    for metrics in reports:
        first.report(assignment.trial, metrics)
    for run in (first, second):
        run.poll(now=True)
    [trial] = second.study
    assert [(report.step, report.metrics) for report in trial.reports] == [
        (2, {"loss": 5.0, "size": 7}),
        (3, {"loss": 4.0, "size": 8}),
    ]


def test_a_job_that_loses_its_storage_delivers_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna

    url = f"journal://{tmp_path / 'j.log'}"
    project = make_project(tmp_path, url)
    run = Run(project, JobSpec(0, 1, tmp_path / "ledger", tmp_path / "t"))
    exchange = run._exchange
    storage = exchange._storage  # type: ignore[attr-defined]

    def gone(*args: object, **named: object) -> None:
        raise ConnectionError("gone")

    def finish_one(loss: float) -> None:
        with monkeypatch.context() as patch:
            for name in ("create_new_trial", "set_trial_state_values", "get_all_trials"):
                patch.setattr(storage, name, gone)
            assignment = run.next()
            assert assignment is not None
            run.report(assignment.trial, {"loss": loss})
            run.finish(assignment.trial)

    def values() -> list[float | None]:
        return [trial.value for trial in optuna.load_study(study_name="p", storage=storage).trials]

    finish_one(3.0)
    exchange._retry_at = 0.0  # type: ignore[attr-defined]
    exchange._polled = -10.0
    run.poll()
    assert values() == [3.0]
    finish_one(4.0)
    run._exchange.deliver()  # the last chance
    assert values() == [3.0, 4.0]
    finish_one(5.0)
    run._writer.close()  # killed; the next attempt delivers it
    again = Run(project, run.spec)
    again.poll(now=True)
    assert values() == [3.0, 4.0, 5.0]
    again.close()


@pytest.mark.parametrize(
    ("url", "jobs", "says"),
    [
        ("redis", 1, "is no URL"),
        ("sqlite:///x.db", 2, "SQLite"),
        ("postgresql://me:secret@host/db", 1, "keep the password out"),
    ],
)
def test_refusals(url: str, jobs: int, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        check_url(url, jobs)
    assert "secret" not in str(caught.value)


def test_a_study_has_the_names_of_its_metrics_unless_it_had_others(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    for metrics in (["loss", "size"], ["other", "names"]):
        storage, study = open_study(url, "s", metrics, ["min", "max"])
        assert storage.get_study_system_attrs(study)["study:metric_names"] == ["loss", "size"]


def test_a_password_comes_from_the_environment() -> None:
    check_url("postgresql://me:${DB_PASSWORD}@host/db", 4)
    with pytest.raises(UserError, match="DB_PASSWORD is not set"):
        open_storage("postgresql://me:${DB_PASSWORD}@host/db")


def test_values_survive_optuna() -> None:
    space = Space.from_json(
        {
            "version": 1,
            "parameters": {
                "n": {"type": "float", "scale": {"kind": "normal", "mu": 0, "sigma": 1}},
                "q": {
                    "type": "float",
                    "scale": {"kind": "linear", "low": 0.05, "high": 1},
                    "lattice": {"step": 0.1},
                },
                "c": {"type": "categorical", "choices": [1, True, None, "x", [1]]},
                "i": {"type": "integer", "scale": {"kind": "log", "low": 1, "high": 64}},
            },
        }
    )
    shapes = distributions(space)
    for choice in (1, True, None, "x", [1]):
        suggested: Values = {"n": 0.3, "q": 0.7, "c": choice, "i": 8}
        params = to_params(space, suggested)
        for name, value in params.items():
            assert shapes[name]._contains(shapes[name].to_internal_repr(value))
        back = from_params(space, params)
        assert back == suggested
        assert type(back["c"]) is type(choice)
