"""Recorded streams of reports, through our schedulers and through those whose names they have."""

from __future__ import annotations

import importlib
import random
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from tests.schedule.contract import make

pytestmark = pytest.mark.engine
"""Ray is the reference."""

CONTROLLER = SimpleNamespace(get_live_trials=list)


class Report(NamedTuple):
    trial: str
    resource: float
    loss: float


def stream(
    seed: int, resources: list[float], trials: int = 40, at_once: int = 4
) -> Generator[Report, bool]:
    """What trials report one after another, ``at_once`` of them in turns, until told to stop.

    Send whether the trial of the last report goes on.
    """
    rng = random.Random(seed)
    ends = {f"0-{number}": rng.random() for number in range(1, trials + 1)}
    waiting = list(ends)
    running: list[tuple[str, list[float]]] = []
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append((waiting.pop(0), list(resources)))
        name, left = running.pop(rng.randrange(len(running)))
        resource = left.pop(0)
        loss = ends[name] + rng.random() / (1 + resource)  # curves fall, and cross
        if (yield Report(name, resource, loss)) and left:
            running.append((name, left))


def decided(seed: int, resources: list[float], goes_on: Any) -> list[tuple[Report, bool]]:
    """Each report of a stream, and whether its trial went on."""
    reports, found = stream(seed, resources), []
    report = next(reports)
    while True:
        verdict = goes_on(report)
        found.append((report, verdict))
        try:
            report = reports.send(verdict)
        except StopIteration:
            return found


def ours(name: str, **params: Any) -> Any:
    scheduler = make(name, **params)
    return lambda report: scheduler.on_report(*report) == "continue"


def rays(kind: str, **params: Any) -> Any:
    """A scheduler of Ray Tune, without a cluster."""
    schedulers = importlib.import_module("ray.tune.schedulers")
    params.setdefault("time_attr", "resource")
    scheduler = getattr(schedulers, kind)(metric="loss", mode="min", **params)
    trials: dict[str, Any] = {}

    def goes_on(report: Report) -> bool:
        if report.trial not in trials:
            trials[report.trial] = Hashable(report.trial)
            scheduler.on_trial_add(CONTROLLER, trials[report.trial])
        decision = scheduler.on_trial_result(CONTROLLER, trials[report.trial], report._asdict())
        return bool(decision == scheduler.CONTINUE)

    return goes_on


class Hashable:
    def __init__(self, name: str) -> None:
        self.trial_id = name


def syne_tunes(**params: Any) -> Any:
    """The ASHA of Syne Tune, which is an adaption of Ray's with another quantile."""
    module = importlib.import_module("syne_tune.optimizer.schedulers.asha")
    bracket = module.Bracket(params["grace_period"], params["max_t"], params["reduction_factor"], 0)

    def goes_on(report: Report) -> bool:
        if report.resource >= params["max_t"]:
            return False
        return bool(
            bracket.on_result(report.trial, report.resource, {"loss": report.loss}) != "STOP"
        )

    return goes_on


EPOCHS = [float(epoch) for epoch in range(1, 65)]
STREAMS = {
    "epochs": EPOCHS,
    "tenths of an epoch": [epoch / 10 for epoch in EPOCHS],
    "jumps": [1, 6, 20, 64],
    "jumps over rungs": [5, 17, 18, 40, 64],
    "seconds": [1.7 * epoch**1.2 for epoch in EPOCHS[:30]],
}
AS_RAY = {"agreement": 0, "reconsider": False}
ASHA = [(1, 64, 4), (1, 64, 3), (0.5, 6.4, 2), (2, 50, 2.5), (10, 10, 4)]


@pytest.mark.parametrize("resources", STREAMS.values(), ids=list(STREAMS))
@pytest.mark.parametrize(("grace", "most", "factor"), ASHA)
def test_asha_decides_as_ray_tunes(
    resources: list[float], grace: float, most: float, factor: float
) -> None:
    params = {"grace_period": grace, "max_t": most, "reduction_factor": factor}
    for seed in range(5):
        found = decided(seed, resources, ours("asynchyperband", **params, **AS_RAY))
        assert found == decided(seed, resources, rays("AsyncHyperBandScheduler", **params))


@pytest.mark.parametrize("resources", STREAMS.values(), ids=list(STREAMS))
@pytest.mark.parametrize("grace", [0.25, 3])
def test_the_median_rule_is_ray_tunes(resources: list[float], grace: float) -> None:
    params = {"grace_period": grace, "min_samples_required": 3}
    for seed in range(5):
        found = decided(seed, resources, ours("median", **params))
        assert found == decided(seed, resources, rays("MedianStoppingRule", **params))


def test_asha_keeps_the_best_trial_as_often_as_its_peers() -> None:
    params = {"grace_period": 1, "max_t": 64, "reduction_factor": 4}
    mine = theirs = 0
    for seed in range(40):
        whole = decided(seed, EPOCHS, lambda report: True)
        best = min((report for report, _ in whole if report.resource == 64), key=lambda r: r.loss)
        mine += best in survivors(seed, ours("asynchyperband", **params, **AS_RAY))
        theirs += best in survivors(seed, syne_tunes(**params))
    assert mine >= theirs


def survivors(seed: int, scheduler: Any) -> list[Report]:
    return [report for report, _ in decided(seed, EPOCHS, scheduler) if report.resource == 64]
