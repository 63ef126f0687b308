"""The spaces of the five documents, typed as they are printed there."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hpogrid.space.dialects import DIALECTS, read_space, read_space_file, write_space
from hpogrid.space.space import Space
from tests.commands import ok, parsed, refused
from tests.space.attempts import attempt
from tests.spec.samples import GRID, THIRD

METHODS = r"""{ "lr":{"method":"loguniform","dimension":{"low":1e-5,"high":1e-2, "base":10}},\
"batchsize":{"method":"categorical","dimension":{"categories":[32,64,128,256,512,1024]}},\
"num_layers":{"method":"uniformint","dimension":{"low":3,"high":10}},\
"momentum":{"method":"uniform","dimension":{"low":0.5,"high":1.0}} }"""

OVERRIDES = [
    "scheduler.max_lr=interval(0.00001, 0.001)",
    "optimizer.weight_decay=interval(0.00001, 0.001)",
    "hydra/sweeper=optuna",
    "hydra/launcher=joblib",
]

TYPES = '{"lr": loguniform(1e-6, 1), "dropout": uniform(0, 0.99), "batch_size": randint(16, 48)}'


def test_the_commands_of_the_documents(tmp_path: Path) -> None:
    (tmp_path / "hpm-space.yaml").write_text(GRID)
    (tmp_path / "config.jsonnet").write_text(THIRD)
    (tmp_path / "types.py").write_text(TYPES)
    ok("search_space", "create", "grid", "--file", tmp_path / "hpm-space.yaml")
    ok("search_space", "create", "methods", METHODS)
    ok("search_space", "create", "overrides", *OVERRIDES)
    ok("search_space", "create", "nested", f"@{tmp_path}/config.jsonnet")
    ok("search_space", "create", "types", "--file", tmp_path / "types.py")
    assert ok("search_space", "size", "grid").strip() == "8"
    assert ok("search_space", "size", "nested").strip() == "4"
    for name in ("methods", "overrides", "types"):
        assert ok("search_space", "size", name).strip() == "infinite"
    shown = parsed("search_space", "show", "methods", "--dialect", "method_dimension")
    assert shown["lr"]["dimension"] == {"low": 1e-5, "high": 1e-2}


def test_ranges_mean_what_compat_says() -> None:
    ok("search_space", "create", "own", "n=range(1,10)")
    ok("search_space", "create", "theirs", "n=range(1,10)", "--compat", "optuna-sweeper")
    assert ok("search_space", "size", "own").strip() == "9"
    assert ok("search_space", "size", "theirs").strip() == "10"
    assert "known: optuna-sweeper" in refused(
        "search_space", "create", "x", "n=range(1,10)", "--compat", "hydra"
    )


@pytest.mark.parametrize("text", [GRID, METHODS, "\n".join(OVERRIDES), THIRD, TYPES])
@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_every_sample_converts_to_every_dialect_or_says_why_not(text: str, dialect: str) -> None:
    space, _ = read_space(text, "sample")
    written, refusal = attempt(write_space, space, dialect)
    if refusal is not None:
        assert refusal.startswith("'")
        return
    again, _ = read_space(written, "again", dialect)
    assert again == space
    assert again.sample(random.Random(1)) == space.sample(random.Random(1))


def test_files_are_read_by_their_ending(tmp_path: Path) -> None:
    spaces: dict[str, Space] = {}
    samples = {
        "a.yaml": "a: [1, 2]",
        "a.json": '{"a": [1, 2]}',
        "a.jsonnet": "{a: [1, 2]}",
        "a.txt": "a=1,2",
        "a.py": "a = choice([1, 2])",
    }
    for name, text in samples.items():
        path = tmp_path / name
        path.write_text(text)
        spaces[name] = read_space_file(path, name)[0]
    assert len(spaces) == 5
    assert all(space == spaces["a.yaml"] for space in spaces.values())
