"""The algorithm ``smac``, beside SMAC itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpogrid.search import make_searcher
from hpogrid.search.base import Outcome, Problem
from hpogrid.search.smac import _scaled
from hpogrid.space.condition import Condition
from hpogrid.space.parameter import Categorical, Float
from hpogrid.space.scale import Linear
from hpogrid.space.space import Space

pytestmark = pytest.mark.engine  # SMAC takes seconds to load

ROOT = Path(__file__).parents[2]


def test_losses_are_scaled_as_smac_does() -> None:
    from ConfigSpace import ConfigurationSpace
    from smac import Scenario
    from smac.runhistory.encoder import RunHistoryLogScaledEncoder

    losses = np.random.default_rng(1).normal(5, 3, 40)
    encoder: Any = RunHistoryLogScaledEncoder(Scenario(ConfigurationSpace({"x": (0.0, 1.0)})))
    encoder._min_y, encoder._max_y = losses.min(keepdims=True), losses.max(keepdims=True)
    encoder._percentile = np.percentile(losses, [5])
    expected = encoder.transform_response_values(losses[:, None].copy()).ravel()
    np.testing.assert_allclose(_scaled(losses), expected, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-200, 1e-12, 1.0, 1e29])
def test_scaled_losses_have_the_order_of_the_losses(scale: float) -> None:
    losses = scale * np.array([3.0, -1.0, 2.0, 7.0])
    scaled = _scaled(losses)
    assert np.isfinite(scaled).all()
    assert scaled.argsort().tolist() == losses.argsort().tolist()


def test_equal_losses_are_scaled_alike() -> None:
    assert len(set(_scaled(np.full(5, 3.0)))) == 1


def test_the_forest_sees_that_a_parameter_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from smac.model.random_forest.random_forest import RandomForest

    seen: list[Any] = []
    real = RandomForest.train

    def spy(self: Any, points: Any, losses: Any) -> Any:
        seen.append(points)
        return real(self, points, losses)

    monkeypatch.setattr(RandomForest, "train", spy)
    there = Condition(op="equal", on="kind", value="with")
    kinds = Categorical(choices=("with", "without"))
    space = Space({"kind": kinds, "x": Float(scale=Linear(0, 1), when=there)})
    searcher = make_searcher("smac", Problem(space, ("min",), 1), {"random_fraction": 0.0})
    for index in range(12):
        searcher.observe({"kind": index % 2, "x": 0.5}, Outcome((1.0,)))
    searcher.suggest()
    assert seen[0].tolist() == [[0.0, 0.5], [1.0, -1.0]] * 6


def test_a_fifth_of_the_proposals_is_drawn_from_the_whole_space() -> None:
    space = Space({"x": Float(scale=Linear(0, 1))})
    searcher: Any = make_searcher("smac", Problem(space, ("min",), 1), {})
    for index in range(10):
        searcher.observe({"x": index / 10}, Outcome((1.0,)))
    searcher._best = lambda *looking: {"x": 0.0}
    found = [searcher.suggest()["x"] for _ in range(200)]
    drawn = [x for x in found if x > 0]
    assert 24 <= len(drawn) <= 56
    assert min(drawn) < 0.2 < 0.8 < max(drawn)


SEARCH = """
import logging, os, random, sys, threading
import numpy, rich.style, scipy.stats
from hpogrid.search.proposer import Proposer
from tests.search.spaces import example_loss, example_space, live, make

def state():
    numbers = random.getstate(), str(numpy.random.get_state())
    logs = logging.root.level, logging.root.handlers, logging.root.manager.disable
    return numbers, logs, dict(os.environ), threading.enumerate(), os.getcwd()

before = state()
space = example_space()
for point, _ in live(Proposer(space, make("smac", space)), example_loss, 15):
    print(point.applied)
assert state() == before
"""


def test_it_leaves_no_trace_and_every_process_finds_the_same(tmp_path: Path) -> None:
    """Whatever order the strings of a set have in it."""
    said = []
    for number in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", SEARCH],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": number,
                 "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stderr == ""
        said.append(done.stdout)
    assert len(said[0].splitlines()) == 15
    assert said[0] == said[1]
    assert list(tmp_path.iterdir()) == []
