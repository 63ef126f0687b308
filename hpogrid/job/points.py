"""Evaluating single points in a job of PanDA's HPO service.

The service's pilot writes the values of a point to a file, calls us, and reads a loss from another,
again and again in the same directory as long as there is time.
"""

from __future__ import annotations

import os
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from hpogrid.config.project import FILE, SCRIPTS, Project, read_project
from hpogrid.errors import Exit, UserError
from hpogrid.files import parse_file, write_atomic
from hpogrid.job.run import PREP, run_job
from hpogrid.job.settings import LEDGER, METRICS
from hpogrid.job.start import Start, read_start, write_start
from hpogrid.registry import unknown
from hpogrid.space.parameter import Constant, Value
from hpogrid.space.space import Space
from hpogrid.space.value import Values
from hpogrid.study.ledger import SUFFIX
from hpogrid.study.metadata import METADATA, small_metadata
from hpogrid.study.study import Study, Trial, read_study
from hpogrid.study.values import as_loss, result_of


class Result(msgspec.Struct):
    """What the service reads: ``status`` 0 with a loss to minimise, or another with a reason."""

    status: int
    loss: float | None = None
    message: str = ""


def at_point(project: Project, values: Mapping[str, Value]) -> Project:
    """The same project with a space of this one point."""
    parameters = project.space.parameters
    for name in values:
        if name not in parameters:
            raise UserError(f"--point: {unknown('hyperparameter', name, list(parameters))}")
    missing = [name for name, item in parameters.items() if name not in values and not item.when]
    if missing:
        raise UserError(f"--point: give also a value for {', '.join(missing)}")
    space = Space({name: Constant(value=value) for name, value in values.items()})
    config = msgspec.structs.replace(project.hpo_config.without_search(), trials=1)
    changed = msgspec.structs.replace(project, hpo_config=config, search_space=space.to_json())
    return changed.with_hash()


def prepare_point(folder: Path) -> Path:
    """Make the folder of the next point of a job."""
    point = folder / f"point-{len(list(folder.glob('point-*'))) + 1:05d}"
    (point / "ledger").mkdir(parents=True)
    return point


def evaluate(
    bundle: Path, folder: Path, place: Path, job: int, seed: int, given: Path, wanted: Path
) -> int:
    """Evaluate one point; the loss, or why there is none, goes to ``wanted``.

    Args:
        bundle: the project.
        folder: the directory of the job; gets the results of all points so far.
        place: the folder of the point, see `prepare_point`.
        job: a number that no other job has.
        seed: of the task.
        given: the values of the point, as JSON.
        wanted: where the service looks for the loss.

    Returns:
        The exit code: 0, for the service looks at the file then.
    """
    count = int(place.name.removeprefix("point-"))
    try:
        project = read_project(bundle)
        point = at_point(project, _values(given))
        trial = _run(point, bundle, place, job, seed, count)
        result = _result(project, trial)
    except UserError as error:
        result = Result(1, message=str(error))
    write_atomic(wanted, msgspec.json.encode(result))
    _deliver(bundle, folder, job)
    sys.stdout.write(f"hpogrid: point {count}: {result.message or result.loss}\n")
    return Exit.OK


def _values(path: Path) -> Values:
    values = parse_file(path)
    if isinstance(values, list) and len(values) == 2:  # of a segmented search: [model, point]
        values = values[1]
    if not isinstance(values, dict):
        raise UserError(f"{path} holds no point; expected an object of values")
    return values


def _run(
    point: Project, bundle: Path, place: Path, job: int, seed: int, count: int
) -> Trial | None:
    own = place / "bundle"
    own.mkdir(parents=True)
    (own / FILE).write_bytes(msgspec.json.encode(point))
    (own / SCRIPTS).symlink_to((bundle / SCRIPTS).absolute())
    write_start(own, Start(task=read_start(bundle).task))
    ledgers = place / "ledger"
    os.environ["HPOGRID_WORK_DIR"] = os.environ["HPOGRID_DATA_DIR"] = str(place / "job" / "work")
    run_job(
        own,
        place / "job",
        job=job,
        seed=seed,
        ledgers=ledgers,
        shared=False,
        after=count - 1,
        prep=place.parent / ".hpogrid" / PREP,  # of all points of this job
    )
    return next((trial for trial in read_study(ledgers)[0] if trial.finished), None)


def _result(project: Project, trial: Trial | None) -> Result:
    if trial is None:
        return Result(1, message="the trial was cut off")
    value = result_of(trial, project.hpo_config.metrics[0])
    if value is None:
        return Result(1, message=trial.reason or "there is no loss")
    return Result(0, as_loss(value, project.hpo_config.modes[0]))


def _deliver(bundle: Path, folder: Path, job: int) -> None:
    """Write the outputs of the job anew, with all points so far."""
    paths = sorted(folder.glob(f"point-*/ledger/*{SUFFIX}"))
    data = b"".join(path.read_bytes() for path in paths)
    write_atomic(folder / LEDGER, data)
    study = Study()
    for path in paths:
        for trial in read_study(path.parent)[0]:
            study.trials[trial.id] = trial
    try:
        about = {"job": job, "attempt": 1}
        content = small_metadata(read_project(bundle), study, about)
    except UserError:
        return
    write_atomic(folder / METADATA, content)
    with tarfile.open(folder / METRICS, "w:gz") as archive:
        archive.add(folder / LEDGER, LEDGER)
        archive.add(folder / METADATA, METADATA)
