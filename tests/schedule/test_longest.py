"""How long a trial may be: what ``stop`` says, unless ``max_t`` does."""

from __future__ import annotations

from typing import Any

import pytest

from hpogrid.schedule import longest


@pytest.mark.parametrize(
    ("name", "params", "stop", "max_t"),
    [
        ("asynchyperband", {}, {"training_iteration": 200}, 200),
        ("bohbhyperband", {}, {"training_iteration": 27}, 27),
        ("asynchyperband", {"time_attr": "epoch"}, {"epoch": 30.5}, 31),
        ("asynchyperband", {"grace_period": 5}, {"training_iteration": 3}, 5),
        ("asynchyperband", {"max_t": 50}, {"training_iteration": 200}, None),
        ("asynchyperband", {"time_attr": "epoch"}, {"training_iteration": 200}, None),
        ("asynchyperband", {}, {"training_iteration": 1}, None),
        ("asynchyperband", {}, {}, None),
        ("none", {}, {"training_iteration": 200}, None),
    ],
)
def test_longest(
    name: str, params: dict[str, Any], stop: dict[str, float], max_t: int | None
) -> None:
    assert longest(name, params, stop) == max_t
