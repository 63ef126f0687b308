from __future__ import annotations

import json
from pathlib import Path

import pytest

from hpogrid.errors import UserError
from hpogrid.space.dialects import read_space
from hpogrid.space.space import Space
from hpogrid.study.events import Ended, Opened, Started
from hpogrid.study.history import Past, read_history
from hpogrid.study.ledger import LedgerWriter, ledger_name


@pytest.fixture
def space() -> Space:
    found, _ = read_space(
        {
            "lr": {"method": "loguniform", "dimension": {"low": 1e-5, "high": 1e-1}},
            "layers": {"method": "categorical", "dimension": {"categories": [1, 2, None, [3, 4]]}},
            "fixed": {"method": "fixed", "dimension": {"value": 7}},
        },
        "space",
    )
    return found


GOOD = Past({"lr": 0.01, "layers": [3, 4]}, (0.5,))


def test_csv_as_the_report_writes_it(tmp_path: Path, space: Space) -> None:
    path = tmp_path / "r.csv"
    path.write_text(
        "lr,layers,fixed,loss,state\n"
        '0.01,"[3,4]",7,0.5,complete\n'
        "0.01,,7,0.5,complete\n"
        "0.5,1,7,0.1,complete\n"
        "0.6,1,7,0.1,complete\n"
        "0.02,2,7,,failed\n"
        "0.02,2,7,,complete\n"
    )
    history = read_history(str(path), space, ["loss"])
    assert history.points == [
        GOOD,
        Past({"lr": 0.01, "layers": None}, (0.5,)),
        Past({"lr": 0.02, "layers": 2}, None),
    ]
    assert list(history.dropped.values()) == [2, 1], "one reason is one sentence"
    sentence = history.sentence("r.csv")
    assert "3 results" in sentence
    assert "no metric 'loss'" in sentence
    assert "outside the space (lr:" in sentence


@pytest.mark.parametrize(
    "wrap",
    [
        lambda row: [row],
        lambda row: {"project_name": "p", "result": {"0": row}},
        lambda row: {"0": {"result": {"0": row}}},
    ],
)
def test_json_forms(tmp_path: Path, space: Space, wrap: object) -> None:
    assert callable(wrap)
    path = tmp_path / "r.json"
    path.write_text(json.dumps(wrap({"lr": 0.01, "layers": [3, 4], "fixed": 7, "loss": 0.5})))
    assert read_history(str(path), space, ["loss"]).points == [GOOD]


def test_a_parameter_that_is_new_drops_the_result(tmp_path: Path, space: Space) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps([{"lr": 0.01, "loss": 0.5}]))
    history = read_history(str(path), space, ["loss"])
    assert history.points == []
    assert history.dropped == {"no value for 'layers'": 1}


def test_optuna_storage(tmp_path: Path, space: Space) -> None:
    import optuna

    from hpogrid.study.optuna_view import distributions, to_params
    from hpogrid.study.storage import open_storage

    url = f"journal://{tmp_path / 'j.log'}"
    study = optuna.create_study(storage=open_storage(url), study_name="s")
    params = to_params(space, GOOD.suggested)
    trial = optuna.trial.create_trial(value=0.5, params=params, distributions=distributions(space))
    study.add_trial(trial)
    for source in (url, f"{url}#s"):
        history = read_history(source, space, ["loss"])
        assert history.points == [GOOD]
    with pytest.raises(UserError, match="no study 'other'"):
        read_history(f"{url}#other", space, ["loss"])
    optuna.create_study(storage=open_storage(url), study_name="t")
    with pytest.raises(UserError, match=r"say which study: .*#NAME with one of s, t"):
        read_history(url, space, ["loss"])


@pytest.mark.parametrize("scheme", ["sqlite:///", "journal://"])
def test_a_storage_that_is_not_there_is_not_made(tmp_path: Path, space: Space, scheme: str) -> None:
    path = tmp_path / "absent"
    with pytest.raises(UserError, match=f"there is no file {path}"):
        read_history(f"{scheme}{path}", space, ["loss"])
    assert not path.exists()


@pytest.mark.parametrize("name", ["missing.csv", "missing.json", "missing.jsonl"])
def test_missing_sources(tmp_path: Path, space: Space, name: str) -> None:
    with pytest.raises(UserError, match=name):
        read_history(str(tmp_path / name), space, ["loss"])


def test_json_of_something_else(tmp_path: Path, space: Space) -> None:
    path = tmp_path / "r.json"
    path.write_text('{"a": 1}')
    with pytest.raises(UserError, match="holds no list of results"):
        read_history(str(path), space, ["loss"])


def test_a_ledger_or_a_folder_of_them(tmp_path: Path, space: Space) -> None:
    with pytest.raises(UserError, match=f"no ledger with trials at {tmp_path}"):
        read_history(str(tmp_path), space, ["loss"])
    paths = [tmp_path / ledger_name(job, 1) for job in (0, 1)]
    for job, path in enumerate(paths):
        writer = LedgerWriter(path)
        writer.write(Opened(1, job, 1, "h", pid=1, version="2", project="p", seed=1))
        for number, state in ((1, "complete"), (2, "failed"), (3, "interrupted")):
            name = f"{job}-{number}"
            writer.write(
                Started(2, name, 1, {"lr": 0.01, "layers": [3, 4]}, {"fixed": 7}),
                Ended(3, name, state, {"loss": 0.5} if state != "failed" else {}),  # type: ignore[arg-type]
            )
        writer.close()
    failed = Past(GOOD.suggested, None)
    assert read_history(str(paths[0]), space, ["loss"]).points == [GOOD, failed]
    assert read_history(str(tmp_path), space, ["loss"]).points == 2 * [GOOD, failed]


def test_a_short_line_of_a_csv_file_has_no_values_at_its_end(tmp_path: Path, space: Space) -> None:
    path = tmp_path / "r.csv"
    path.write_text("lr,layers,loss\n0.01,1,0.5\n0.01,1\n")
    history = read_history(str(path), space, ["loss"])
    assert history.points == [Past({"lr": 0.01, "layers": 1}, (0.5,))]
    assert history.dropped == {"no metric 'loss'": 1}
