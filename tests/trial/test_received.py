"""Scripts in the styles of many libraries receive what the ledger says, to the last bit.

Each of ``scripts/received`` writes down what its own parser made of what it got.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hpogrid.site.tasks import find_tasks
from tests.commands import ok
from tests.projects import trials_of

SCRIPTS = Path(__file__).parent / "scripts" / "received"
TEXTS = ["-O2", "null", "1e3", "größe 'x' \\ $HOME", ""]
SPACE: dict[str, Any] = {
    "lr": {"type": "float", "scale": {"kind": "log", "low": 1e-8, "high": 1e-5}},
    "shift": {"type": "float", "scale": {"kind": "linear", "low": -1e-4, "high": 0}},
    "n": {"type": "integer", "scale": {"kind": "linear", "low": 1, "high": 9}},
    "flag": {"type": "categorical", "choices": [True, False]},
    "name": {"type": "categorical", "choices": TEXTS},
    "layers": {"type": "categorical", "choices": [[-5e-05, 2.0], [8.0, 16.0]]},
    "momentum": {
        "type": "float",
        "scale": {"kind": "linear", "low": 0, "high": 1},
        "when": {"op": "equal", "on": "flag", "value": True},
    },
}
REGEX = {"metric_regex": r"loss: (\S+)"}
QUICK = ["argparse_flags.py", "argparse_types.py", "environment.py"]
LIBRARIES = [
    "argparse_optional.py", "argparse_literal.py", "argparse_elsewhere.py",
    "click_pair.py", "click_flag.py", "typer_run.py", "typer_app.py", "absl_flags.py",
    "fire_function.py", "tyro_function.py", "tyro_dataclass.py", "jsonargparse_function.py",
    "jsonargparse_parser.py", "simple_parsing_dataclass.py", "simple_parsing_parser.py",
]  # fmt: skip
OTHERS: dict[str, dict[str, str]] = {
    "syne_tune_lines.py": {"script": "syne_tune_lines.py"},
    "fire_class.py": {"command": "python fire_class.py train {args}", **REGEX},
    "syne_tune_json.py": {
        "command": "python syne_tune_json.py --st_config_json_filename {json}",
        **REGEX,
    },
    "ray_tune_function.py": {"script": "ray_tune_function.py", "model": "train_fn"},
    "ray_tune_class.py": {"script": "ray_tune_class.py", "model": "Trainable"},
    "optuna_objective.py": {"script": "optuna_objective.py", "model": "objective"},
    "hydra_returns.py": {"command": "python hydra_returns.py {overrides}"},
    "hydra function": {"script": "hydra_returns.py", "model": "train"},
    "hydra_prints.py": {"command": "python hydra_prints.py {overrides}", **REGEX},
}


def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    """Run a search and compare what its trials received with what the ledger says."""
    seen = tmp_path / "seen.jsonl"
    monkeypatch.setenv("SPY", str(seen))
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    space = {"version": 1, "parameters": SPACE}
    ok("search_space", "create", "s", json.dumps(space))
    ok("hpo_config", "create", "h", "--metric", "loss", "--mode", "min", "--trials", "6", "-c1",
       "--scheduler", "none", "--stop", "{}", "--seed", "3", "--engine", "process")  # fmt: skip
    ok("model_config", "create", "m", *words)
    ok("grid_config", "create", "g", "--site", "local")
    ok("project", "create", "p", "--scripts_path", SCRIPTS, "--hpo_config", "h",
       "--grid_config", "g", "--model_config", "m", "--search_space", "s")  # fmt: skip
    ok("local_run", "p")
    trials = trials_of(find_tasks(project="p")[0])
    assert [trial.reason for trial in trials] == [None] * 6
    received = [json.loads(line) for line in seen.read_text().splitlines()]
    assert {trial.applied["flag"] for trial in trials} == {True, False}
    assert sorted(map(_shown, received)) == sorted(_shown(trial.applied) for trial in trials)


def _shown(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)


@pytest.mark.parametrize("script", QUICK)
def test_plain_scripts(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(tmp_path, monkeypatch, {"script": script, **REGEX})


@pytest.mark.engine
@pytest.mark.parametrize("script", LIBRARIES)
def test_libraries(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(tmp_path, monkeypatch, {"script": script, **REGEX})


@pytest.mark.engine
@pytest.mark.parametrize("style", OTHERS)
def test_other_styles(style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(tmp_path, monkeypatch, OTHERS[style])
