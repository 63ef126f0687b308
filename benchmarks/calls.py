"""How many calls and modules one trial passes through inside a job.

    python benchmarks/calls.py [--trials 1000]

A job with its ledger on disk, algorithm random, no scheduler: after some trials that are not
counted, one `next`, one `report` and one `finish` are followed with ``sys.setprofile``. Counted
are the calls of functions of hpogrid, the functions, their modules, those of the room ``engine``,
and how often a call goes from one module to another.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
from hpogrid.engine.assignment import JobSpec
from hpogrid.engine.run import Run
from hpogrid.space.dialects import read_space

MOST_MODULES = 20
"""So many modules one `next` and one `finish` may pass through, each."""

MOST_OF_ENGINE = 5
"""So many of them are of the room ``engine``: the run, its state, budget, deadline and records."""

_BEFORE = 20


class Trace(NamedTuple):
    """What one call passed through."""

    calls: int
    functions: int
    modules: int
    engine: int
    moves: int


def trace(action: Callable[[], Any]) -> tuple[Trace, Any]:
    """Do something, and say what it passed through."""
    calls: list[tuple[str, str]] = []
    moves = 0

    def see(frame: FrameType, event: str, argument: object) -> None:
        nonlocal moves
        name = frame.f_globals.get("__name__", "")
        if event == "call" and name.startswith("hpogrid."):
            calls.append((name, frame.f_code.co_qualname))
            caller = frame.f_back
            moves += caller is not None and caller.f_globals.get("__name__") != name

    sys.setprofile(see)
    try:
        answer = action()
    finally:
        sys.setprofile(None)
    modules = {name for name, _ in calls}
    engine = sum(name.startswith("hpogrid.engine.") for name in modules)
    return Trace(len(calls), len(set(calls)), len(modules), engine, moves), answer


def measure(folder: Path, trials: int) -> tuple[dict[str, Trace], float]:
    """The traces of one trial, and the milliseconds of one without them."""
    space = read_space({"x": {"method": "uniform", "dimension": {"low": 0, "high": 1}}}, "s")[0]
    config = HpoConfig(
        metric="loss", mode="min", trials=trials + _BEFORE + 1, scheduler="none", stop={}
    )
    project = Project(
        name="p",
        hpo_config=config,
        grid_config=GridConfig(),
        model_config=ModelConfig(script="t.py", model="t"),
        search_space=space.to_json(),
        scripts={},
        scripts_path="",
        created=1.0,
    )
    run = Run(project, JobSpec(0, 7, folder / "ledger", folder / "trials"))

    def one() -> None:
        assignment = run.next()
        assert assignment is not None
        run.report(assignment.trial, {"loss": 1.0})
        run.finish(assignment.trial)

    for _ in range(_BEFORE):
        one()
    found = {}
    found["next"], assignment = trace(run.next)
    found["report"], _ = trace(lambda: run.report(assignment.trial, {"loss": 1.0}))
    found["finish"], _ = trace(lambda: run.finish(assignment.trial))
    began = time.process_time()
    for _ in range(trials):
        one()
    spent = (time.process_time() - began) / trials * 1000
    run.close()
    return found, spent


def main() -> int:
    """Measure, print, and return 0 if every goal is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000, help="how many are timed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, spent = measure(Path(folder), options.trials)
    print(f"{'':8}{'calls':>7}{'functions':>11}{'modules':>9}{'engine':>8}{'moves':>7}")
    for name, one in found.items():
        widths = zip(one, (7, 11, 9, 8, 7), strict=True)
        print(f"{name:8}" + "".join(f"{count:{width}}" for count, width in widths))
    print(f"one trial: {spent:.3f} ms of the processor, without its evaluation")
    counted = [found[name] for name in ("next", "finish")]
    met = all(one.modules <= MOST_MODULES and one.engine <= MOST_OF_ENGINE for one in counted)
    print(
        f"goal: next and finish pass through at most {MOST_MODULES} modules, "
        f"{MOST_OF_ENGINE} of them of engine: {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
