from __future__ import annotations

import io
import json
import posixpath
import shutil
from pathlib import Path
from typing import Any

import pytest

from hpogrid.errors import RunError, UserError
from hpogrid.report import writer
from hpogrid.report.attached import Saved
from hpogrid.report.export import exporter
from hpogrid.report.results import Objective, Origin, Results
from hpogrid.study.events import Environment
from hpogrid.study.mlflow_runs import short_name
from hpogrid.study.notes import Notes, Said
from hpogrid.study.series import series
from hpogrid.study.study import Report
from tests.report.studies import LOSS, SPACE, make_study, make_trial, sampled_study

TASK = Origin(id=3, site="local", name="hpogrid.p.3")


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of MLflow with its tables; to make them takes seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def tracking(empty_mlflow: Path, tmp_path: Path) -> str:
    shutil.copy(empty_mlflow, tmp_path / "store.db")
    return f"sqlite:///{tmp_path}/store.db"


def some(count: int = 12, **options: Any) -> Results:
    given = {"objectives": LOSS, "space": SPACE, **options}
    return Results("p", [(TASK, sampled_study(count))], **given)


def content(results: Results, name: str) -> bytes:
    stream = io.BytesIO()
    writer(name).write(results, stream)
    return stream.getvalue()


def mixed() -> Results:
    first = {"a": 1, "b": "=1+1", "c": [1], "d": True, "e": 1}
    second = {"a": 2.5, "b": "x\x00y", "c": None, "d": None, "e": 2**60}
    trials = [
        make_trial("0-0", applied=first, metrics={"loss": 1}),
        make_trial("0-1", applied=second, metrics={"loss": 2}),
    ]
    return Results("p", [(TASK, make_study(trials))], objectives=LOSS)


def test_the_series_of_a_trial_ends_with_its_result_once() -> None:
    reports = [Report(1, 5.0, {"loss": 3.0, "note": "x"}), Report(2, 6.0, {"loss": 2.0})]
    last = make_trial("0-0", reports=reports, metrics={"loss": 2.0}, ended=7.0)
    assert [(point.value, point.step) for point in series(last)] == [(3.0, 1), (2.0, 2)]
    best = make_trial("0-0", reports=reports, metrics={"loss": 1.5}, ended=7.0)
    assert [(point.value, point.step) for point in series(best)][-1] == (1.5, 3)
    only = make_trial("0-0", metrics={"loss": 1.0}, ended=7.0)
    assert list(series(only)) == [("loss", 1.0, 7.0, 1)]


# --- files ---------------------------------------------------------------------------------


def test_parquet_keeps_types() -> None:
    import pyarrow.parquet as parquet

    table = parquet.read_table(io.BytesIO(content(mixed(), "parquet")))

    def state(trial: str) -> dict[str, str]:
        return {"trial": trial, "state": "complete"}

    assert table.to_pylist() == [
        {"a": 1.0, "b": "=1+1", "c": "[1]", "d": True, "e": 1, "loss": 1, **state("0-0")},
        {"a": 2.5, "b": "x\x00y", "c": None, "d": None, "e": 2**60, "loss": 2, **state("0-1")},
    ]
    assert [str(field.type) for field in table.schema] == [
        "double", "string", "string", "bool", "int64", "int64", "string", "string",
    ]  # fmt: skip


def test_excel_has_values_and_no_formula() -> None:
    import openpyxl

    sheet = openpyxl.load_workbook(io.BytesIO(content(mixed(), "excel"))).active
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        ["a", "b", "c", "d", "e", "loss", "trial", "state"],
        [1, "=1+1", "[1]", True, 1, 1, "0-0", "complete"],
        [2.5, "xy", None, None, str(2**60), 2, "0-1", "complete"],
    ]
    assert sheet["B2"].data_type == "s"
    assert sheet.freeze_panes == "A2"


# --- Optuna --------------------------------------------------------------------------------


@pytest.mark.slow
def test_optuna_gets_every_trial_that_has_ended_once(store: str) -> None:
    import optuna

    results = some()
    results.trials[-1].state, results.trials[-1].ended = "running", None
    assert "11 trials added" in exporter("optuna").export(results, store)
    study = optuna.load_study(study_name="p", storage=store)
    assert len(study.trials) == 11
    assert study.direction.name == "MINIMIZE"
    assert study.best_value == min(
        trial.metrics["loss"] for trial in results.trials if trial.state == "complete"
    )
    results.trials[-1].state, results.trials[-1].ended = "failed", 2e9
    assert "1 trial added" in exporter("optuna").export(results, store)
    assert "0 trials added" in exporter("optuna").export(results, store)
    assert len(optuna.load_study(study_name="p", storage=store).trials) == 12


def test_optuna_gets_the_space_the_reports_and_the_reasons(store: str) -> None:
    import optuna

    results = some(25)
    exporter("optuna").export(results, store)
    frozen = {
        t.user_attrs["hpogrid_trial"]: t
        for t in optuna.load_study(study_name="p", storage=store).trials
    }
    for trial in results.trials:
        found = frozen[trial.id]
        assert found.params["lr"] == trial.suggested["lr"]
        assert json.loads(found.params["layers"]) == trial.suggested["layers"]
        assert found.user_attrs["applied"] == trial.applied
        if trial.state == "failed":
            assert (found.state.name, found.user_attrs["reason"]) == ("FAIL", trial.reason)
        else:
            assert found.state.name == {"complete": "COMPLETE", "pruned": "PRUNED"}[trial.state]
            assert found.intermediate_values == {r.step: r.metrics["loss"] for r in trial.reports}
            assert repr(found.distributions["lr"]).count("log=True") == 1


def test_optuna_without_a_space_and_with_two_objectives(store: str) -> None:
    import optuna

    trials = [
        make_trial("0-0", applied={"x": 1, "c": [1]}, metrics={"loss": 1, "acc": 0.5}),
        make_trial("0-1", applied={"x": 2.5, "c": None}, metrics={"loss": 2, "acc": 0.7}),
    ]
    objectives = (*LOSS, Objective("acc", "max"))
    exporter("optuna").export(
        Results("p", [(TASK, make_study(trials))], objectives=objectives), store
    )
    study = optuna.load_study(study_name="p", storage=store)
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert [trial.params for trial in study.trials] == [
        {"x": 1, "c": "[1]"},
        {"x": 2.5, "c": "none"},
    ]
    assert [trial.values for trial in study.trials] == [[1, 0.5], [2, 0.7]]


# --- MLflow --------------------------------------------------------------------------------


def runs(tracking: str) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=tracking)
    experiment = client.get_experiment_by_name("p")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], max_results=1000))


@pytest.mark.engine
def test_mlflow_gets_a_run_for_each_trial_below_one_for_the_project(tracking: str) -> None:
    results = some()
    assert "12 runs written" in exporter("mlflow").export(results, tracking)
    found = runs(tracking)
    (parent,) = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    children = {run.data.tags["hpogrid.trial"]: run for run in found if run is not parent}
    assert len(children) == 12
    assert parent.data.metrics["best_loss"] == results.value(results.trials[0])
    for trial in results.trials:
        run = children[f"p/hpogrid.p.3/{trial.id}"]
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.info.status == {"failed": "FAILED"}.get(trial.state, "FINISHED")
        assert float(run.data.params["lr"]) == trial.applied["lr"]
        assert run.data.params["activation"] == (trial.applied["activation"] or "null")
        if trial.state != "failed":
            assert run.data.metrics["loss"] == trial.metrics["loss"]
            assert run.info.end_time - run.info.start_time == pytest.approx(
                1000 * trial.duration, abs=2
            )


@pytest.mark.engine
def test_mlflow_keeps_every_report_with_its_step_and_the_files(
    tracking: str, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    results = some(3)
    exporter("mlflow").export(results, tracking)
    client = MlflowClient(tracking_uri=tracking)
    for run in runs(tracking):
        if "hpogrid.trial" not in run.data.tags:
            names = {item.path for item in client.list_artifacts(run.info.run_id)}
            assert names == {"report.csv", "report.html"}
            continue
        name = run.data.tags["hpogrid.trial"].rpartition("/")[2]
        trial = next(trial for trial in results.trials if trial.id == name)
        history = client.get_metric_history(run.info.run_id, "loss")
        assert [(item.step, item.value) for item in history] == [
            (report.step, report.metrics["loss"]) for report in trial.reports
        ]
    assert (tmp_path / "store_artifacts").is_dir()


@pytest.mark.engine
def test_mlflow_twice_changes_nothing_and_brings_running_trials_up_to_date(tracking: str) -> None:
    from mlflow import MlflowClient

    results = some()
    trial = results.trials[3]
    ended, trial.ended, trial.state = trial.ended, None, "running"
    exporter("mlflow").export(results, tracking)
    before = sorted(run.info.run_id for run in runs(tracking))
    assert sum(run.info.status == "RUNNING" for run in runs(tracking)) == 1
    trial.ended, trial.state = ended, "complete"
    assert "1 runs written" in exporter("mlflow").export(results, tracking)
    after = runs(tracking)
    assert sorted(run.info.run_id for run in after) == before
    (same,) = [run for run in after if run.data.tags.get("hpogrid.trial", "").endswith(trial.id)]
    assert (same.info.status, same.data.tags["hpogrid.state"]) == ("FINISHED", "complete")
    history = MlflowClient(tracking_uri=tracking).get_metric_history(same.info.run_id, "loss")
    assert [point.step for point in history] == [report.step for report in trial.reports]
    assert "0 runs written" in exporter("mlflow").export(results, tracking)
    assert len(runs(tracking)) == 13


@pytest.mark.engine
def test_mlflow_takes_names_that_it_does_not_allow(tracking: str) -> None:
    trial = make_trial("0-0", applied={"a[0]": "x" * 9000, "b,c": None}, metrics={"loss%": 1.0})
    objectives = (Objective("loss%", "min"),)
    exporter("mlflow").export(
        Results("p", [(TASK, make_study([trial]))], objectives=objectives), tracking
    )
    (run,) = [run for run in runs(tracking) if "hpogrid.trial" in run.data.tags]
    assert {name.rpartition("_")[0] for name in run.data.params} == {"a_0_", "b_c"}
    (metric,) = run.data.metrics
    assert metric.startswith("loss__")


def test_two_names_stay_two_in_mlflow() -> None:
    names = ["précision", "pr\xeecision", "a[0]", "a(0)", "é", "x" * 300, "x" * 299, "", ".", "..",
             "a/../b", "a//b", "a/./b", "/a", "a/", "a_0_", "a/b", "loss"]  # fmt: skip
    short = [short_name(name) for name in names]
    assert len(set(short)) == len(names)
    assert short[-3:] == ["a_0_", "a/b", "loss"]
    assert all(posixpath.normpath(name) == name and name[0] not in "./" for name in short)
    assert all(len(name) <= 250 and name.isascii() for name in short)


@pytest.mark.engine
def test_an_mlflow_server_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RunError, match=r"MLflow at http://127\.0\.0\.1:9 refused"):
        exporter("mlflow").export(some(1), "http://127.0.0.1:9")


# --- TensorBoard ---------------------------------------------------------------------------


def test_tensorboard_reads_values_and_states(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
    from tensorboard.plugins.hparams import metadata

    results = some(30)
    assert "30 of 30 trials" in exporter("tensorboard").export(results, str(tmp_path / "tb"))
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(tmp_path / "tb")).Reload()
    names = multiplexer.Runs()
    assert len(names) == 31
    for trial in results.trials:
        (name,) = [name for name in names if name.split(".")[0] == trial.id]
        contents = multiplexer.SummaryMetadata(name, metadata.SESSION_START_INFO_TAG)
        start = metadata.parse_session_start_info_plugin_data(contents.plugin_data.content)
        assert start.hparams["lr"].number_value == trial.applied["lr"]
        assert start.hparams["activation"].string_value == (trial.applied["activation"] or "none")
        if trial.state != "failed":
            values = [item.value for item in multiplexer.Scalars(name, "loss")]
            expected = [report.metrics["loss"] for report in trial.reports]
            assert values == pytest.approx(expected, rel=1e-6)


def test_tensorboard_has_a_column_for_every_number_that_was_reported(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
    from tensorboard.plugins.hparams import metadata

    trial = make_trial("0-0", applied={"x": 1}, metrics={"acc": 0.5, "loss": 1.0, "note": "text"})
    results = Results("p", [(TASK, make_study([trial]))], objectives=LOSS)
    exporter("tensorboard").export(results, str(tmp_path / "tb"))
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(tmp_path / "tb")).Reload()
    found = multiplexer.SummaryMetadata(".", metadata.EXPERIMENT_TAG)
    told = metadata.parse_experiment_plugin_data(found.plugin_data.content)
    assert [item.name.tag for item in told.metric_infos] == ["loss", "acc"]


def told(tmp_path: Path) -> Results:
    """A trial with everything that hangs on one."""
    (tmp_path / "curve.png").write_bytes(b"picture")
    said = Said(1.0, "me", "0-0", note="jumps")
    task = Origin(
        id=3,
        site="local",
        name="hpogrid.p.3",
        environments={(0, 1): Environment(python="3.12.1", packages={"numpy": "2.0"})},
        notes={"0-0": Notes([said], ["good", "look"])},
        files={"0-0": [Saved(str(tmp_path / "curve.png"), 7)]},
    )
    trial = make_trial("0-0", applied={"x": 1}, metrics={"loss": 1.0}, run=1)
    return Results("p", [(task, make_study([trial]))], objectives=LOSS)


def test_tables_have_what_hangs_on_trials(tmp_path: Path) -> None:
    results = told(tmp_path)
    assert results.names == ["x", "loss", "trial", "state", "note", "tags", "files"]
    row = next(results.with_extra(["python", "packages", "commit"]).rows())
    assert row[4:] == ["jumps", "good, look", "curve.png", "3.12.1", {"numpy": "2.0"}, None]


def test_optuna_has_what_hangs_on_trials(store: str, tmp_path: Path) -> None:
    import optuna

    exporter("optuna").export(told(tmp_path), store)
    (trial,) = optuna.load_study(study_name="p", storage=store).trials
    assert trial.user_attrs["tags"] == "good, look"
    assert trial.user_attrs["notes"].startswith("jumps (me, ")
    assert trial.user_attrs["packages"] == "numpy 2.0"


def test_tensorboard_has_what_hangs_on_trials(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

    exporter("tensorboard").export(told(tmp_path), str(tmp_path / "tb"))
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(tmp_path / "tb")).Reload()
    (name,) = [name for name in multiplexer.Runs() if name.startswith("0-0")]
    (event,) = multiplexer.Tensors(name, "about/tags")
    assert event.tensor_proto.string_val[0] == b"good, look"


@pytest.mark.engine
def test_mlflow_has_what_hangs_on_trials_and_what_comes_later(
    tracking: str, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    results = told(tmp_path)
    client = MlflowClient(tracking_uri=tracking)
    for tags in (["good", "look"], ["other"]):
        results.parts[0].notes["0-0"].tags = tags
        exporter("mlflow").export(results, tracking)
        (run,) = [run for run in runs(tracking) if "hpogrid.trial" in run.data.tags]
        assert run.data.tags["hpogrid.tags"] == ", ".join(tags)
        assert run.data.tags["mlflow.note.content"].startswith("jumps (me, ")
        assert run.data.tags["hpogrid.Python"] == "3.12.1"
        assert [item.path for item in client.list_artifacts(run.info.run_id)] == ["curve.png"]


def test_tensorboard_replaces_its_own_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "tb"
    exporter("tensorboard").export(some(5), str(folder))
    exporter("tensorboard").export(some(2), str(folder))
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    with pytest.raises(UserError, match="was not written by hpogrid"):
        exporter("tensorboard").export(some(2), str(tmp_path / "mine"))
    assert (tmp_path / "mine" / "file").exists()


def test_numbers_that_a_float_cannot_hold_are_text_in_parquet() -> None:
    import pyarrow.parquet as parquet

    numbers = [0.5, 2**60 + 1, 10**400]
    trials = [make_trial(f"0-{i}", applied={"a": item}) for i, item in enumerate(numbers)]
    results = Results("p", [(Origin(), make_study(trials))])
    table = parquet.read_table(io.BytesIO(content(results, "parquet")))
    assert table.column("a").to_pylist() == [str(item) for item in numbers]
