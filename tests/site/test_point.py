from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hpogrid.cli.main import run
from hpogrid.errors import UserError
from hpogrid.job.points import at_point
from hpogrid.report.load import load_sources, make_results
from hpogrid.site.point import point_task
from tests.report.studies import store


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


POINT = {
    "lr": 0.01, "units": 64, "momentum": 0.9, "activation": None, "layers": [128], "seed": 7,
}  # fmt: skip


def test_a_project_at_a_point_has_one_trial_of_these_values() -> None:
    fixed = at_point(store(), POINT)
    assert [point.applied for point in fixed.space.enumerate()] == [POINT]
    assert fixed.hpo_config.trials == 1
    assert fixed.hash != store("other").hash


def test_names_are_checked() -> None:
    project = store()
    with pytest.raises(UserError, match="unknown hyperparameter 'lrr': did you mean lr"):
        at_point(project, {**POINT, "lrr": 1})
    with pytest.raises(UserError, match="give also a value for units, momentum"):
        at_point(project, {"lr": 0.1, "activation": None, "layers": [128], "seed": 7})


def test_a_trial_can_be_run_again_and_is_reported_with_the_others(
    capfd: pytest.CaptureFixture[str],
) -> None:
    store()
    code = run(["local_run", "p", "--point", '{"lr":0.01,"units":64,"momentum":0.9,'
                '"activation":null,"layers":[128],"seed":7}'])  # fmt: skip
    assert code == 0
    assert "best loss=0.01" in capfd.readouterr().out
    results = make_results(load_sources("p"))
    assert [trial.applied for trial in results.trials] == [POINT]
    assert run(["local_run", "p", "--resume"]) == 2
    assert "no run to resume" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("lr", 5, "'lr': 5 is outside"),
        ("units", 64.5, "'units': 64.5 is not"),
        ("activation", "hing", "'activation': 'hing' is not one of"),
    ],
)
def test_a_value_outside_the_space_is_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(UserError, match=f"--point: {message}"):
        point_task(store(), {**POINT, name: value})
