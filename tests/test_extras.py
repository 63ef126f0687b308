"""What the extras bring along: those that look light are."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def closure(requirements: list[str]) -> set[str]:
    """The distributions that requirements bring, by the metadata of what is installed here."""
    found: set[str] = set()
    waiting = list(requirements)
    while waiting:
        text, _, marker = waiting.pop().partition(";")
        if "extra ==" in marker:
            continue
        match = re.match(r"([\w.-]+)(?:\[([^]]*)\])?", text.strip())
        assert match is not None, text
        name, extras = match[1].lower().replace("_", "-"), match[2] or ""
        if name == "hpogrid":
            waiting += [item for extra in extras.split(",") for item in EXTRAS[extra]]
        elif name not in found:
            found.add(name)
            waiting += _requires(name)
    return found


def _requires(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # for another platform
        return []


@pytest.mark.parametrize(
    "extra",
    ["optuna", "dashboard", "storage", "examples", "plot", "hyperopt", "bayesian", "skopt",
     "smac", "nevergrad", "ray"],
)  # fmt: skip
def test_no_torch_comes_along(extra: str) -> None:
    brought = closure(EXTRAS[extra])
    assert brought
    assert "torch" not in brought


@pytest.mark.parametrize(
    "extra", ["optuna-gp", pytest.param("ax", marks=pytest.mark.engine), "all"]
)
def test_torch_comes_where_it_is_needed(extra: str) -> None:
    assert "torch" in closure(EXTRAS[extra])


def test_all_brings_every_extra_that_is_not_for_developers() -> None:
    left_out = {"all", "quick", "test", "dev", "examples"} | {
        "psij"
    }  # it pins what others need newer
    everything = closure([item for name in EXTRAS if name not in left_out for item in EXTRAS[name]])
    assert closure(EXTRAS["all"]) == everything


def test_the_quick_tests_need_no_large_library() -> None:
    large = {"torch", "ray", "ax-platform", "mlflow", "interpret", "syne-tune"}
    assert not large & closure(EXTRAS["quick"])
    assert large <= closure(EXTRAS["dev"])
