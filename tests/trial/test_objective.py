"""Functions in every convention, and scripts that are wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.trial.objective import import_script, load_objective, user_traceback
from tests.trial.fake import evaluate

CONVENTIONS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "number": ("def train(config):\n    return config['x'] * 2", [{"loss": 6}]),
    "dict": ("def train(config):\n    return {'loss': config['x'], 'n': 1}", [{"loss": 3, "n": 1}]),
    "generator of dicts": (
        "def train(config):\n    for i in range(3):\n        yield {'loss': i}",
        [{"loss": 0}, {"loss": 1}, {"loss": 2}],
    ),
    "coroutine": (
        "import asyncio, hpogrid\nasync def train(config):\n    hpogrid.report(loss=2)\n"
        "    await asyncio.sleep(0)\n    return 1",
        [{"loss": 2}, {"loss": 1}],
    ),
    "generator of numbers": (
        "def train(config):\n    yield 1\n    yield 2", [{"loss": 1}, {"loss": 2}]
    ),
    "report": (
        "import hpogrid\ndef train(config):\n    for i in range(2): hpogrid.report(loss=i, n=i)",
        [{"loss": 0, "n": 0}, {"loss": 1, "n": 1}],
    ),
    "report of a dict": (
        "from hpogrid import report\ndef train(config):\n    report({'loss': 1}, n=2)",
        [{"loss": 1, "n": 2}],
    ),
    "reporter": (
        "def train(config, reporter):\n    for i in range(2): reporter(loss=i)",
        [{"loss": 0}, {"loss": 1}],
    ),
    "reporter by another name": ("def train(c, r):\n    r({'loss': 1})", [{"loss": 1}]),
    "reporter with a default": (
        "def train(config, reporter=None):\n    reporter(loss=1)", [{"loss": 1}]
    ),
    "reporter by name only": (
        "def train(config, *, reporter):\n    reporter(loss=1)", [{"loss": 1}]
    ),
    "checkpoint folder": (
        "def train(config, checkpoint_dir):\n    return {'loss': 1, 'at': checkpoint_dir}",
        [{"loss": 1, "at": None}],
    ),
    "reporter and checkpoint folder": (
        "def train(config, reporter, checkpoint_dir=None):\n    reporter(loss=1)", [{"loss": 1}]
    ),
    "Optuna's trial": (
        "def train(trial):\n    return trial.suggest_float('x', 0, 1)", [{"loss": 3}]
    ),
    "an object": (
        "class Train:\n    def __call__(self, config): return config['x']\ntrain = Train()",
        [{"loss": 3}],
    ),
    "a part of a function": (
        "from functools import partial\ndef f(k, config): return config['x'] + k\n"
        "train = partial(f, 10)",
        [{"loss": 13}],
    ),
    "nothing": ("def train(config): pass", []),
}  # fmt: skip


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_convention(tmp_path: Path, convention: str) -> None:
    script, reports = CONVENTIONS[convention]
    assert evaluate(tmp_path, script).reports == reports


PRUNES = """
import optuna

def train(trial):
    for step in range(3):
        trial.report(step * 2.0, step)
        if step == 1:
            raise optuna.TrialPruned()
"""


def test_an_objective_for_optuna_may_prune_itself(tmp_path: Path) -> None:
    session = evaluate(tmp_path, PRUNES)
    assert session.reports == [{"loss": 0, "step": 0}, {"loss": 2, "step": 1}]
    assert session.verdict == "pruned"
    with pytest.raises(ValueError, match="pruned"):
        evaluate(tmp_path, "def train(trial):\n    raise ValueError('pruned')")


@pytest.mark.parametrize(
    "script",
    [
        "def train(config):\n    raise optuna.TrialPruned()",
        "class Mine(optuna.TrialPruned): pass\n"
        "def train(config):\n    yield {'loss': 1}\n    raise Mine",
        "class train:\n    def step(self): raise optuna.TrialPruned()",
    ],
)
def test_so_may_all_others(tmp_path: Path, script: str) -> None:
    assert evaluate(tmp_path, f"import optuna\n{script}").verdict == "pruned"


@pytest.mark.parametrize(
    ("script", "verdict"),
    [
        ("def train(config):\n    return config['x']", "ok"),
        ("def train(config, reporter):\n    reporter(loss=1)", None),
        ("class train:\n    def step(self): return {'loss': 1, 'done': True}", "ok"),
    ],
)
def test_what_has_returned_is_told_from_a_report(
    tmp_path: Path, script: str, verdict: str | None
) -> None:
    assert evaluate(tmp_path, script).verdict == verdict


def test_several_metrics_as_a_tuple(tmp_path: Path) -> None:
    script = "def train(config):\n    return 1, config['x']"
    assert evaluate(tmp_path, script, metrics=("a", "b")).reports == [{"a": 1, "b": 3}]
    with pytest.raises(TypeError, match="returned 2 values for the metrics loss"):
        evaluate(tmp_path, script)


@pytest.mark.parametrize(
    "script",
    [
        "def train(config):\n    return config['x'] + config['k']",
        "def train(config, reporter):\n    reporter(loss=config['x'] + config['k'])",
        "def train(trial):\n    return trial.params['x'] + trial.params['k']",
        "class train:\n    def step(self): return {'loss': 103, 'done': True}\n"
        "    def setup(self, config): assert config['x'] + config['k'] == 103",
    ],
)
def test_param_reaches_all_of_them(tmp_path: Path, script: str) -> None:
    assert evaluate(tmp_path, script, param={"k": 100}).reports[0]["loss"] == 103


def test_a_trial_does_not_see_what_another_did_to_its_config(tmp_path: Path) -> None:
    script = "def train(config):\n    config['x'] += 1\n    return config['x']"
    config = {"x": 1}
    assert evaluate(tmp_path, script, config).reports == [{"loss": 2}]
    assert config == {"x": 1}


def test_an_early_end_passes_through_except_exception(tmp_path: Path) -> None:
    script = """
        import hpogrid
        def train(config):
            try:
                for i in range(10):
                    try:
                        hpogrid.report(loss=i)
                    except Exception:
                        pass
            finally:
                open(config["file"], "w").close()
    """
    current = evaluate(tmp_path, script, {"file": str(tmp_path / "file")}, last=2)
    assert [report["loss"] for report in current.reports] == [0, 1]
    assert (tmp_path / "file").exists()


def test_a_generator_is_closed_at_an_early_end(tmp_path: Path) -> None:
    script = """
        from pathlib import Path
        def train(config):
            try:
                for i in range(10):
                    yield {"loss": i}
            finally:
                Path(config["file"]).write_text("closed")
    """
    current = evaluate(tmp_path, script, {"file": str(tmp_path / "file")}, last=2)
    assert len(current.reports) == 2
    assert (tmp_path / "file").read_text() == "closed"


NUMPY = """
import enum
import numpy as np
class Colour(str, enum.Enum):
    RED = "red"
class Level(enum.IntEnum):
    HIGH = 3
def train(config):
    return {
        "loss": np.float64(1.5), "f32": np.float32(0.5), "i": np.int64(3), "b": np.bool_(True),
        "zero_d": np.array(2.5), "one": np.array([4]), "s": np.str_("a"), "list": [np.float64(1)],
        "array": np.array([1, 2]), "colour": Colour.RED, "level": Level.HIGH, "none": None,
        "deep": {1: np.float64("inf")},
    }
"""


def test_scalars_of_numpy_become_plain(tmp_path: Path) -> None:
    (report,) = evaluate(tmp_path, NUMPY).reports
    assert report == {
        "loss": 1.5, "f32": 0.5, "i": 3, "b": True, "zero_d": 2.5, "one": 4, "s": "a",
        "list": [1.0], "array": "[1 2]", "colour": "red", "level": 3, "none": None,
        "deep/1": "inf",
    }  # fmt: skip
    plain = (bool, int, float, str, list, dict, type(None))
    assert all(type(value) in plain for value in report.values())
    assert type(report["list"][0]) is float


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("def train(config):\n    return {}", "report needs metrics"),
        ("def train(config):\n    return {1: 2}", "name of a metric must be text, not 1"),
        ("import hpogrid\ndef train(config):\n    hpogrid.report()", "report needs metrics"),
    ],
)
def test_reports_that_are_no_reports(tmp_path: Path, script: str, problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        evaluate(tmp_path, script)


# --- loading ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("def trian(config): pass", r"train.py: unknown function or class 'train': did you mean t"),
        ("from os.path import join\nx = 1", "'train'; known: none yet"),
        ("train = 3", "'train' is int, not a function or class"),
        ("class train: pass", r"class train has no method 'step' \(or '_train'\)"),
    ],
)
def test_models_that_are_not_there(tmp_path: Path, script: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        evaluate(tmp_path, script)


@pytest.mark.parametrize("name", ["gone.py", "notes.txt", "folder"])
def test_what_is_no_script(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=f"{name}: not a Python file in"):
        load_objective(tmp_path, name, "train", {}, ("loss",))


@pytest.fixture
def clean_imports() -> Any:
    modules, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    sys.path[:] = path


def test_scripts_import_what_lies_beside_them(tmp_path: Path, clean_imports: None) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "top_helper.py").write_text("a = 1")
    (tmp_path / "lib" / "near_helper.py").write_text("b = 2")
    (tmp_path / "lib" / "main_script.py").write_text(
        "import top_helper, near_helper\nfrom lib import near_helper as same\n"
        "c = top_helper.a + near_helper.b + same.b"
    )
    assert import_script(tmp_path, "lib/main_script.py").c == 5


def test_a_script_may_have_the_name_of_a_library(tmp_path: Path, clean_imports: None) -> None:
    (tmp_path / "json.py").write_text("def train(config): return 1")
    (tmp_path / "spaced").mkdir()
    import json

    assert import_script(tmp_path, "json.py").train({}) == 1
    assert sys.modules["json"] is json
    with pytest.raises(UserError, match="unknown function or class 'trian': did you mean train"):
        load_objective(tmp_path, "json.py", "trian", {}, ("loss",))


def test_a_script_may_have_the_name_of_a_namespace(
    tmp_path: Path, clean_imports: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere" / "spaced").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    __import__("spaced")
    (tmp_path / "spaced.py").write_text("x = 1")
    assert import_script(tmp_path, "spaced.py").x == 1


def test_a_broken_script_leaves_no_module(tmp_path: Path, clean_imports: None) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    with pytest.raises(UserError):
        import_script(tmp_path, "broken.py")
    assert "broken" not in sys.modules


def test_a_traceback_begins_with_the_users_own_line(tmp_path: Path, clean_imports: None) -> None:
    (tmp_path / "mine.py").write_text(
        "import json\ndef f():\n    try:\n        1 / 0\n"
        "    except ZeroDivisionError:\n        json.loads('{')\n"
    )
    with pytest.raises(ValueError) as caught:
        import_script(tmp_path, "mine.py").f()
    lines = user_traceback(caught.value, tmp_path).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{tmp_path}/mine.py", line 6, in f'
    assert lines[-1].startswith("json.decoder.JSONDecodeError")
    assert "tests/trial" not in "".join(lines)


def test_a_traceback_of_others_code_alone_keeps_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0
    assert user_traceback(caught.value, tmp_path).endswith("ZeroDivisionError: division by zero")
