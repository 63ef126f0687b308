"""What the jobs of one task do together: claims, first points, repetitions, warm starts."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
from hpogrid.engine.assignment import JobSpec, Start
from hpogrid.engine.run import Run
from hpogrid.errors import UserError
from hpogrid.space.dialects import read_space
from hpogrid.study.events import Opened
from hpogrid.study.history import Past
from hpogrid.study.ledger import LedgerWriter, ledger_name
from hpogrid.study.study import read_study
from hpogrid.trial.checkpoints import saving


@pytest.fixture(autouse=True)
def looks_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the others whenever one is wanted: here nobody is dead who was seen late."""
    monkeypatch.setattr("hpogrid.study.exchange._SHARE", math.inf)


FINITE = {
    "a": {"method": "uniformint", "dimension": {"low": 1, "high": 3}},
    "b": {"method": "categorical", "dimension": {"categories": ["x", "y"]}},
}
WIDE = {"a": {"method": "uniform", "dimension": {"low": 0, "high": 1}}}


def project(space: dict[str, Any], **hpo: Any) -> Project:
    settings = {"metric": "loss", "mode": "min", "trials": 100, **hpo}
    return Project(
        name="p",
        hpo_config=HpoConfig(**settings),
        grid_config=GridConfig(site="local"),
        model_config=ModelConfig(script="t.py", model="t"),
        search_space=read_space(space, "space")[0].to_json(),
        scripts={},
        scripts_path="",
        created=1.0,
        hash="h",
    )


def spec(folder: Path, job: int = 0, jobs: int = 1, *, shared: bool = True) -> JobSpec:
    return JobSpec(job, 7, folder / "ledger", folder / "trials", shared, jobs)


def evaluate(run: Run, loss: float = 1.0) -> str | None:
    assignment = run.next()
    if assignment is None:
        return None
    run.report(assignment.trial, {"loss": loss})
    run.finish(assignment.trial)
    return repr(assignment.config)


def forget_time(run: Run) -> None:
    """The next look at the other ledgers is due."""
    run._exchange._polled = -10.0


@pytest.mark.parametrize("algorithm", ["grid", "random"])
def test_a_finite_space_is_covered_once(tmp_path: Path, algorithm: str) -> None:
    runs = [Run(project(FINITE, algorithm=algorithm), spec(tmp_path, job, 3)) for job in range(3)]
    done: list[str] = []
    while found := [one for run in runs if (one := evaluate(run)) is not None]:
        done += found
    assert len(done) == 6
    assert len(set(done)) == 6
    assert [run.close() for run in runs] == ["every configuration was tried"] * 3


def test_a_point_claimed_by_a_job_that_died_is_taken_over_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpogrid.engine.run.LEASE_SECONDS", 0.0)
    dead = Run(project(FINITE), spec(tmp_path, 0, 3))
    lost = dead.next()
    assert lost is not None
    dead._writer.close()
    first, second = (Run(project(FINITE), spec(tmp_path, job, 3)) for job in (1, 2))
    for run in (first, second):
        forget_time(run)
        run.poll()
    found: list[str] = []
    for run in (first, second, first, second, first, second, first, second):
        done = evaluate(run)
        found += [done] if done else []
    assert Counter(found)[repr(lost.config)] == 1
    assert len(found) == len(set(found)) == 6
    again = Run(project(FINITE), spec(tmp_path, 0, 3))
    assert again.next() is None, "the point it had begun belongs to another job now"
    trial = again.study.trials[lost.trial]
    assert (trial.state, "took the configuration over" in (trial.reason or "")) == (
        "interrupted",
        True,
    )


def test_a_claim_without_a_trial_is_found_again(tmp_path: Path) -> None:
    run = Run(project(FINITE), spec(tmp_path))
    step = run.state.next()
    assert isinstance(step, Start)
    point = step.point
    assert run._exchange.claim(point)
    run._writer.close()
    again = Run(project(FINITE), spec(tmp_path))
    assert evaluate(again) == repr(point.applied)
    found = {evaluate(again) for _ in range(5)}
    assert len(found - {None}) == 5


def test_a_folder_that_takes_no_claims_is_named(tmp_path: Path) -> None:
    run = Run(project(FINITE), spec(tmp_path))
    (tmp_path / "ledger" / "claims").write_text("no folder")
    with pytest.raises(UserError, match=r"cannot write .*claims.*: not a directory"):
        run.next()
    run.close()


def test_first_points_are_dealt_out_and_not_repeated(tmp_path: Path) -> None:
    space = project(WIDE).space
    first = [space.apply({"a": value}) for value in (0.1, 0.2, 0.3)]
    runs = [Run(project(WIDE), spec(tmp_path, job, 2), first) for job in range(2)]
    assert [evaluate(runs[0]), evaluate(runs[0])] == ["{'a': 0.1}", "{'a': 0.3}"]
    assert evaluate(runs[1]) == "{'a': 0.2}"
    runs[0]._writer.close()
    again = Run(project(WIDE), spec(tmp_path, 0, 2), first)
    assert evaluate(again) not in ("{'a': 0.1}", "{'a': 0.3}")


def test_independent_jobs_do_not_see_each_other(tmp_path: Path) -> None:
    runs = [Run(project(FINITE), spec(tmp_path, job, 2, shared=False)) for job in range(2)]
    counts = [sum(evaluate(run) is not None for _ in range(10)) for run in runs]
    assert counts == [6, 6]


def test_repetitions_are_trials_of_a_group_and_survive_a_kill(tmp_path: Path) -> None:
    config = project(WIDE, repeat=3, trials=6)
    run = Run(config, spec(tmp_path))
    told: list[Any] = []
    for loss in (1.0, 2.0):
        evaluate(run, loss)
    run._writer.close()
    again = Run(config, spec(tmp_path))
    again.state.proposer.tell = lambda *arguments: told.append(arguments[1].values)  # type: ignore[method-assign]
    while evaluate(again, 6.0) is not None:
        pass
    study, _ = read_study(tmp_path / "ledger")
    groups = Counter(trial.group for trial in study)
    assert groups == {"0-1": 3, "0-4": 3}
    assert len({trial.seed for trial in study}) == 6
    assert told == [(3.0,), (6.0,)]


def test_failed_repetitions_do_not_count(tmp_path: Path) -> None:
    run = Run(project(WIDE, repeat=2, trials=2), spec(tmp_path))
    told: list[Any] = []
    run.state.proposer.tell = lambda *arguments: told.append(arguments[1].values)  # type: ignore[method-assign]
    evaluate(run, 5.0)
    assignment = run.next()
    assert assignment is not None
    run.finish(assignment.trial, "it broke")
    assert told == [(5.0,)]


def test_a_warm_start_is_told_to_the_algorithm(tmp_path: Path) -> None:
    past = [Past({"a": 1, "b": "x"}, (1.0,)), Past({"a": 2, "b": "y"}, None)]
    run = Run(project(FINITE, algorithm="grid"), spec(tmp_path), (), past)
    found = {evaluate(run) for _ in range(4)}
    assert "{'a': 1, 'b': 'x'}" not in found


@pytest.mark.parametrize(
    ("scheduler", "param"),
    [
        ("asynchyperband", {"grace_period": 1, "reduction_factor": 3, "max_t": 9}),
        ("median", {"grace_period": 1, "min_samples_required": 3}),
    ],
)
def test_a_trial_is_stopped_by_what_other_jobs_reached(
    tmp_path: Path, scheduler: str, param: dict[str, Any]
) -> None:
    config = project(WIDE, scheduler=scheduler, scheduler_param=param, stop={})

    def decide(run: Run, loss: float) -> str:
        assignment = run.next()
        assert assignment is not None
        reports = (run.report(assignment.trial, {"loss": loss / step}) for step in range(1, 9))
        decision = next((found for found in reports if found != "continue"), "continue")
        run.finish(assignment.trial)
        return decision

    alone = Run(config, spec(tmp_path / "alone", 1, 2))
    assert decide(alone, 100.0) == "continue"
    other, run = (Run(config, spec(tmp_path, job, 2)) for job in range(2))
    for _ in range(8):
        decide(other, 1.0)
    forget_time(run)
    assert decide(run, 100.0) == "stop"


def test_a_new_attempt_counts_what_is_done(tmp_path: Path) -> None:
    config = project(WIDE, trials=5)
    run = Run(config, spec(tmp_path))
    for _ in range(3):
        evaluate(run)
    begun = run.next()
    assert begun is not None
    run._writer.close()
    again = Run(config, spec(tmp_path))
    assert again.attempt == 2
    evaluate(again)
    restarted = again.next()
    assert restarted is not None
    assert (restarted.trial, restarted.attempt) == (begun.trial, 2)
    assert restarted.config == begun.config
    again.report(restarted.trial, {"loss": 1.0})
    again.finish(restarted.trial)
    while evaluate(again) is not None:
        pass
    study, _ = read_study(tmp_path / "ledger")
    assert sorted(trial.id for trial in study.finished) == [f"0-{n}" for n in range(1, 6)]


def test_a_trial_that_takes_its_job_along_twice_has_failed_and_keeps_nobody_waiting(
    tmp_path: Path,
) -> None:
    config = project(WIDE, trials=4)
    deadly = "0-1"
    for _ in range(4):
        run = Run(config, spec(tmp_path))
        while (assignment := run.next()) is not None and assignment.trial != deadly:
            run.report(assignment.trial, {"loss": 1.0})
            run.finish(assignment.trial)
        run._writer.close()
    study, _ = read_study(tmp_path / "ledger")
    assert [trial.state for trial in study] == ["failed", "complete", "complete", "complete"]
    assert "its job was killed twice while it ran" in str(study.trials[deadly].reason)


def test_a_trial_that_comes_further_each_time_goes_on(tmp_path: Path) -> None:
    for attempt in range(1, 5):
        run = Run(project(WIDE, trials=1, stop={}, scheduler="none"), spec(tmp_path))
        assignment = run.next()
        assert assignment is not None
        assert assignment.attempt == attempt
        for _ in range(assignment.from_step, attempt + 1):
            run.report("0-1", {"loss": 1.0})
            with saving(run.spec.trials / "0-1", attempt + 1):
                pass
        run._writer.close()


def test_trials_of_other_jobs_count_for_the_target_only(tmp_path: Path) -> None:
    config = project(WIDE, trials=5, target=0.5)
    first, second = (Run(config, spec(tmp_path, job, 2)) for job in range(2))
    evaluate(first, 0.1)
    assert first.over
    forget_time(second)
    second.poll()
    assert second.budget.finished == 0
    assert second.budget.spent == "the target 0.5 is reached"


def test_a_foreign_file_among_the_ledgers_does_no_harm(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    writer = LedgerWriter(folder / ledger_name(5, 1))
    writer.write(
        Opened(time=1.0, job=5, attempt=1, host="h", pid=1, version="2", project="x", seed=1)
    )
    writer.close()
    (folder / "notes.jsonl").write_text("not an event\n")
    run = Run(project(FINITE), spec(tmp_path))
    assert len({evaluate(run) for _ in range(6)}) == 6
