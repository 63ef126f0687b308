from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from hpogrid.trial.surroundings import look
from tests.projects import run_project, store_project, study_of
from tests.pythons import pythons


def test_the_versions_of_what_the_scripts_import_and_of_what_that_requires(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import os, yaml\nfrom . import mine\nimport helper\n"
        "def train(config):\n    import sklearn.svm, no_such_module\n"
    )
    (tmp_path / "helper.py").write_text("import json\n")
    (tmp_path / "broken.py").write_text("def (:\n")
    code = (
        "from pathlib import Path; import json, sys; from hpogrid.trial.surroundings import look;"
        "print(json.dumps(look(Path(sys.argv[1])).packages))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    names = ["PyYAML", "joblib", "numpy", "scikit-learn", "scipy", "threadpoolctl"]
    found = eval(told.stdout)
    assert {name: found[name] for name in names} == {
        name: importlib.metadata.version(name) for name in names
    }
    assert not {"pytest", "hpogrid", "helper", "optuna"} & set(found)


@pytest.mark.parametrize("python", pythons())
def test_any_python_of_a_trial_tells(python: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import pip, numpy, json\n")
    code = (
        "from pathlib import Path; from hpogrid.trial.surroundings import look; print(look(Path()))"
    )
    package = tmp_path / "package"
    from hpogrid.engine.pythons import bring

    bring(package)
    told = subprocess.run(
        [python, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=True,
    )
    asked = subprocess.run(
        [python, "-c", "import platform; print(platform.python_version())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"python='{asked.stdout.strip()}'" in told.stdout


def test_nothing_is_imported_to_find_out(tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "train.py").write_text("import evil\n")
    assert look(tmp_path).python == platform.python_version()


SEEDED = """
import random
def train(config):
    import numpy
    return float(numpy.random.rand()) + random.random()
"""


def test_a_library_that_a_function_imports_is_seeded_in_the_first_trial_too() -> None:
    values: list[dict[str, object]] = []
    for _ in range(2):
        space = {"x": {"method": "categorical", "dimension": {"categories": [1, 2, 3]}}}
        project = store_project(SEEDED, space=space, trials=3, seed=7, name=f"p{len(values)}")
        trials = run_project(project)[2]
        values.append({trial.id: trial.metrics["loss"] for trial in trials})
    assert values[0] == values[1]


def test_the_ledger_of_a_job_says_in_what_its_trials_ran() -> None:
    script = "import numpy\ndef train(config):\n    return 1\n"
    study = study_of(run_project(store_project(script, trials=2))[0])
    (environment,) = study.environments.values()
    assert environment.python == platform.python_version()
    assert environment.program == sys.executable
    assert environment.packages["numpy"] == importlib.metadata.version("numpy")
    assert environment.threads > 0
    assert {(trial.job, trial.run) for trial in study} == set(study.environments)
