"""``hpogrid tasks``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hpogrid.cli.complete import tasks as tasks_
from hpogrid.cli.complete import trials as trials_
from hpogrid.cli.options import MAYBE_EMPTY, JsonObject, server_option, task_filters
from hpogrid.cli.output import (
    format_option,
    message,
    print_data,
    print_file,
    print_rows,
    say,
)
from hpogrid.errors import Exit, RunError, UserError
from hpogrid.space.value import Values
from hpogrid.text import bytes_text, counted, numbered

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpogrid.config.schemas import GridConfig
    from hpogrid.site.base import Steering
    from hpogrid.site.choice import Filters
    from hpogrid.site.control import Overview, Survey
    from hpogrid.site.tasks import Task

_COLUMNS = ["jeditaskid", "status", "jobs", "trials", "computingsite", "started", "taskname"]
_OUTPUT_COLUMNS = "jeditaskid,status,taskname,computingsite,metastruct"
_TAIL = 20
_FOLLOW_SECONDS = 1.0
_NEWLINE = "\n"


@click.group()
def tasks() -> None:
    """What was submitted: watch it, end it, repeat it.

    For example: hpogrid tasks show --watch; hpogrid tasks retry 12
    """


@tasks.command("show")
@click.argument("task_id", shell_complete=tasks_, required=False, metavar="[ID]")
@click.option(
    "--username",
    type=MAYBE_EMPTY,
    help="Only tasks of this user (wildcards)  [default: all of yours].",
)
@task_filters(versions=False)
@click.option("--jeditaskid", type=int, help="Only this task.")
@click.option("--status", help="Only tasks of these statuses: running,finished.")
@click.option("--metadata", is_flag=True, help="Print the metadata of the jobs.")
@click.option("--sync", is_flag=True, help="Ask servers anew, without a cache: always so.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this JSON file.")
@click.option(
    "-c", "--outcol", default=_OUTPUT_COLUMNS, show_default=True, help="Columns in the file."
)
@click.option(
    "--watch", is_flag=True, help="First follow those that are active to their end, as watch does."
)
@server_option
@format_option()
def show(
    task_id: str | None,
    username: str | None,
    filters: Filters,
    jeditaskid: int | None,
    status: str | None,
    metadata: bool,
    sync: bool,
    output: Path | None,
    outcol: str,
    watch: bool,
    server: str | None,
    form: str,
) -> int:
    """Show recent tasks; with an ID, its jobs and why they failed."""
    import msgspec

    from hpogrid.site.control import Survey, any_task, overview, survey

    columns = _output_columns(outcol)
    only = task_id or (str(jeditaskid) if jeditaskid is not None else None)
    if server is not None:
        return _show_there(server, only, form)

    def look() -> Survey:
        if only is not None and only.isdecimal():
            return Survey(overview([any_task(int(only))], details=True))
        wanted = msgspec.structs.replace(filters, ids=only) if only else filters
        return survey(wanted, username=None if username == "1" else username)

    seen = look()
    if watch:
        seen = _watch(seen, details=only is not None)
    found = [item for item in seen.found if status is None or item.status in status.split(",")]
    if output is not None:
        _write(found, columns, output)
    elif metadata:
        print_data({str(item.task.id): item.metadata for item in found}, "json")
    elif only is not None and form == "table" and len(found) == 1:
        _print_details(found[0])
    else:
        print_rows([_row(item, form) for item in found], _columns(form), form)
    for note in [*(item.trouble for item in found), *seen.left_out]:
        if note is not None:
            message(note)
    for problem in seen.problems:
        message(f"hpogrid: {problem}")
    if seen.problems:
        return Exit.FAILURE
    if not found:
        message("no task matches; see --days and --limit")
    return Exit.OK


def _show_there(server: str, only: str | None, form: str) -> int:
    from hpogrid.site.watching import tasks_there

    if only is not None and not only.isdecimal():
        raise UserError(f"'{only}' is no number of a task; with --server give one, or none")
    rows = tasks_there(server, None if only is None else int(only))
    print_rows(rows, list(rows[0]) if rows else [], form)
    if not rows:
        message("the server has no task that the token may see")
    return Exit.OK


def _columns(form: str) -> list[str]:
    if form == "table":
        return _COLUMNS
    return ["jeditaskid", "status", "taskname", "computingsite", "username", "project", "jobs",
            "trials", "created"]  # fmt: skip


def _row(item: Overview, form: str) -> Values:
    row = item.row()
    row["started"] = time.strftime("%Y-%m-%d %H:%M", time.localtime(item.task.created))
    if form == "table":
        done = sum(job.state == "done" for job in item.jobs)
        row["jobs"] = f"{done}/{item.task.n_jobs}"
    return row


def _watch(seen: Survey, details: bool) -> Survey:
    """Follow the tasks that are active, and tell of them; of all, where none is."""
    from hpogrid.cli.watch import follow, results
    from hpogrid.site.control import Survey

    active = [item for item in seen.found if item.active]
    if not active or seen.problems:
        return seen
    found, stands = follow(active, details=details)
    for line in results(stands):
        message(line)
    return Survey(found)


def _output_columns(text: str) -> list[str]:
    from hpogrid.registry import unknown

    known = [*_columns("json"), "metastruct"]
    columns = [name.strip() for name in text.split(",") if name.strip()]
    for name in columns:
        if name not in known:
            raise UserError(f"--outcol: {unknown('column', name, known)}")
    return columns


def _write(found: list[Overview], columns: list[str], output: Path) -> None:
    import msgspec

    from hpogrid.files import write_atomic

    rows = []
    for item in found:
        row = item.row()
        if "metastruct" in columns:
            row["metastruct"] = item.metadata
        rows.append({name: row.get(name) for name in columns})
    if not output.name:
        raise UserError(f"--output {output} is a folder; name a file")
    path = output if output.suffix else output.with_suffix(".json")
    write_atomic(path, msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n")
    say(path)


def _print_details(item: Overview) -> None:
    from hpogrid.site import make_site
    from hpogrid.trial.checkpoints import size

    print_rows([_row(item, "table")], _COLUMNS, "table")
    say("")
    sizes = [size(item.task.job_folder(job.job)) for job in item.jobs]
    rows = [
        {
            "job": job.job,
            "state": job.state,
            "checkpoints": bytes_text(count) if count else None,
            "reason": job.reason,
        }
        for job, count in zip(item.jobs, sizes, strict=True)
    ]
    print_rows(rows, ["job", "state", "checkpoints", "reason"], "table")
    site = make_site(item.task.site)
    for job in item.jobs:
        if job.state in ("failed", "lost"):
            text = site.logs(item.task, job.job).rstrip()
            if text:
                say(f"\nthe last lines of job {job.job}:")
                say("\n".join(text.splitlines()[-_TAIL:]))


_DRY_RUN = click.option("--dry_run", is_flag=True, help="Only say what would be done.")


@tasks.command("kill")
@click.argument("ids", shell_complete=tasks_, nargs=-1, required=True, metavar="ID...")
@click.option("--job", "jobs", type=click.IntRange(0), multiple=True, help="Only this job.")
@click.option("--trial", "trials", multiple=True, help="Only this trial; its job goes on.")
@_DRY_RUN
def kill(
    ids: tuple[str, ...], jobs: tuple[int, ...], trials: tuple[str, ...], dry_run: bool
) -> None:
    """End the jobs of tasks, or some of them, or trials. An ID may be a range such as 3-9."""
    from hpogrid.site import control, elastic

    if jobs and trials:
        raise UserError("--job ends jobs, --trial ends trials of jobs that go on; give one of them")
    if (jobs or trials) and len(ids) > 1:
        raise UserError("--job and --trial are for one task; give one ID")

    def act(task: Task) -> str:
        named = ", ".join(map(str, jobs or trials))
        what = f"task {task.id} ({task.name})"
        if named:
            what = f"{'job' if jobs else 'trial'} {named} of task {task.id}"
        if dry_run:
            return f"would kill {what}"
        if not trials:
            control.kill(task, jobs)
            return f"killed {what if named else f'task {task.id}'}"
        for trial in trials:
            elastic.kill_trial(task, trial)
        return f"asked the jobs of task {task.id} to end trial {named}; it counts as failed"

    _each(ids, act)


@tasks.command("stop", short_help="Start no further trials.")
@click.argument("ids", shell_complete=tasks_, nargs=-1, required=True, metavar="ID...")
@_DRY_RUN
def stop(ids: tuple[str, ...], dry_run: bool) -> None:
    """Start no further trials in tasks; those that run go on to their end, and all are kept."""
    from hpogrid.site import elastic

    def act(task: Task) -> str:
        if dry_run:
            return f"would stop task {task.id} ({task.name})"
        elastic.stop(task)
        return (
            f"asked the jobs of task {task.id} to start no further trial; "
            f"'hpogrid tasks retry {task.id}' goes on later"
        )

    _each(ids, act)


@tasks.command("add", short_help="Add jobs to the search of a task.")
@click.argument("task_id", shell_complete=tasks_, metavar="ID")
@click.option("-n", "--n_jobs", type=click.IntRange(1), required=True, help="Jobs more.")
@click.option("-s", "--site", help="Site of these jobs, which has to share the disk.")
@click.option("--grid_config", help="How they run there  [default: as the others].")
def add(task_id: str, n_jobs: int, site: str | None, grid_config: str | None) -> None:
    """Add jobs to the search of a task that runs, or has ended; each has a budget like the others.

    For example: hpogrid tasks add 12 --n_jobs 10 --site slurm
    """
    from hpogrid.site import control, elastic

    task = control.select([task_id])[0]
    grid, named = _grid(grid_config)
    jobs = elastic.add_jobs(task, n_jobs, site=site or named, grid=grid)
    message(f"added {numbered('job', jobs)} to task {task.id} at {task.site_of(jobs[0])}")


@tasks.command("move", short_help="Go on with a search at another site.")
@click.argument("task_id", shell_complete=tasks_, metavar="ID")
@click.option("-s", "--site", help="Where to  [default: the site of --grid_config].")
@click.option("--grid_config", help="How jobs run there  [default: as before].")
def move(task_id: str, site: str | None, grid_config: str | None) -> None:
    """Go on with the search of a task at another site that sees its folder.

    From another disk a search comes by 'hpogrid study export' and 'import'.

    For example: hpogrid tasks move 12 --site slurm
    """
    from hpogrid.site import control, elastic

    task = control.select([task_id])[0]
    grid, named = _grid(grid_config)
    where = site or named
    if where is None:
        raise UserError("say where to: --site, or a --grid_config that names one")
    jobs = elastic.move(task, where, grid)
    message(f"moved task {task.id} to {where}; started {numbered('job', jobs)}")


def _grid(name: str | None) -> tuple[GridConfig | None, str | None]:
    """A stored grid config, and the site that it names."""
    if name is None:
        return None, None
    from hpogrid.config.store import STORES

    grid: GridConfig = STORES["grid_config"].load(name)
    return grid, grid.place


@tasks.command("retry", short_help="Start ended or unfinished jobs again.")
@click.argument("ids", shell_complete=tasks_, nargs=-1, required=True, metavar="ID...")
@click.option("--new_site", metavar="QUEUE", help="Grid: send the new jobs to this queue.")
@click.option("--new_memory", type=click.IntRange(1), help="Grid: MB for each core of them.")
@click.option(
    "--new_options",
    type=JsonObject(),
    help="Grid: other parameters of the task, as pbook's retry has them: a JSON object.",
)
@_DRY_RUN
def retry(
    ids: tuple[str, ...],
    new_site: str | None,
    new_memory: int | None,
    new_options: Values | None,
    dry_run: bool,
) -> None:
    """Start jobs again that are unfinished, failed, were killed or lost; they go on.

    For example: hpogrid tasks retry 12 --new_site NORTH_GPU
    """
    from hpogrid.site import control
    from hpogrid.site.panda.retry import retry_parameters

    options = retry_parameters(new_site, new_memory, new_options)

    def act(task: Task) -> str:
        jobs = control.retryable(task) if dry_run else control.retry(task, options)
        which = numbered("job", list(jobs))
        return f"{'would retry' if dry_run else 'retried'} task {task.id}, {which}"

    _each(ids, act)


@tasks.command("finish")
@click.argument("ids", shell_complete=tasks_, nargs=-1, required=True, metavar="ID...")
@click.option("--soft", is_flag=True, help="Let jobs that run come to their end.")
@_DRY_RUN
def finish(ids: tuple[str, ...], soft: bool, dry_run: bool) -> None:
    """End tasks of the grid and keep what is done: no new jobs."""
    _steer(ids, "finish softly" if soft else "finish", dry_run)


@tasks.command("pause")
@click.argument("ids", shell_complete=tasks_, nargs=-1, required=True, metavar="ID...")
@_DRY_RUN
def pause(ids: tuple[str, ...], dry_run: bool) -> None:
    """Hold tasks of the grid: no more jobs until 'resume'."""
    _steer(ids, "pause", dry_run)


@tasks.command("resume")
@click.argument("ids", shell_complete=tasks_, nargs=-1, required=True, metavar="ID...")
@_DRY_RUN
def resume(ids: tuple[str, ...], dry_run: bool) -> None:
    """Go on with tasks of the grid that were paused."""
    _steer(ids, "resume", dry_run)


@tasks.command("reload", short_help="Have grid tasks look at their inputs again.")
@click.argument("ids", shell_complete=tasks_, nargs=-1, required=True, metavar="ID...")
@_DRY_RUN
def reload(ids: tuple[str, ...], dry_run: bool) -> None:
    """Have tasks of the grid look at their input datasets again, and go on with what is new."""
    _steer(ids, "reload", dry_run)


def _steer(ids: tuple[str, ...], what: Steering, dry_run: bool) -> None:
    from hpogrid.site import control

    def act(task: Task) -> str:
        if dry_run:
            return f"would {what} task {task.id} ({task.name})"
        control.steer(task, what)
        return f"PanDA was asked to {what} task {task.id}"

    _each(ids, act)


@tasks.command("extend")
@click.argument("ids", shell_complete=tasks_, nargs=-1, required=True, metavar="ID...")
@click.option(
    "--trials", type=click.IntRange(1), required=True, help="Trials more, for each of its jobs."
)
@_DRY_RUN
def extend(ids: tuple[str, ...], trials: int, dry_run: bool) -> None:
    """Add trials to the budget of tasks, and start their jobs again."""
    from hpogrid.site import elastic

    def act(task: Task) -> str:
        more = f"{counted(trials, 'trial')} to each of {counted(task.n_jobs, 'job')}"
        if dry_run:
            return f"would add {more} of task {task.id}"
        started, active = elastic.extend(task, trials)
        text = f"added {more} of task {task.id}"
        if started:
            text += f"; started {numbered('job', list(started))}"
        if active:
            which = numbered("job", list(active))
            text += f"; still running: {which}; after that, 'hpogrid tasks retry {task.id}'"
        return text

    _each(ids, act)


@tasks.command("kill_and_retry", hidden=True)
@click.argument("ids", shell_complete=tasks_, nargs=-1, required=True, metavar="ID...")
@_DRY_RUN
def kill_and_retry(ids: tuple[str, ...], dry_run: bool) -> None:
    """End the jobs of tasks and start them again."""
    from hpogrid.site import control

    def act(task: Task) -> str:
        if dry_run:
            return f"would kill and retry task {task.id} ({task.name})"
        if control.overview([task])[0].active:
            control.kill(task)
        control.retry(task)
        return f"killed and retried task {task.id}"

    _each(ids, act)


def _each(ids: tuple[str, ...], act: Callable[[Task], str]) -> None:
    """Do something to each task; that one refuses keeps the others from nothing.

    Raises:
        RunError: a site could not do it.
        UserError: the first refusal, if nothing at all was done.
    """
    from hpogrid.site import control

    refusals: list[UserError] = []
    found = control.select(ids)
    for task in found:
        try:
            message(act(task))
        except UserError as error:
            refusals.append(error)
    serious = [error for error in refusals if isinstance(error, RunError)]
    if serious or len(refusals) == len(found):
        raise (serious or refusals)[0]
    for refusal in refusals:
        message(f"note: {refusal}")


@tasks.command("logs", short_help="Print what jobs or a trial wrote.")
@click.argument("task_id", shell_complete=tasks_, type=int, metavar="ID")
@click.option("--job", type=click.IntRange(0), help="Only this job.")
@click.option("--trial", shell_complete=trials_, help="The log of this trial instead.")
@click.option("--prep", is_flag=True, help="What became of the preparation instead.")
@click.option("-f", "--follow", is_flag=True, help="Go on as more is written, until all has ended.")
def logs(task_id: int, job: int | None, trial: str | None, prep: bool, follow: bool) -> None:
    """Print what the jobs of a task wrote, or what one of its trials did."""
    from hpogrid.site.control import any_task, overview, read_logs

    said: list[str] = []
    while True:
        active = follow and overview([any_task(task_id)])[0].active
        texts = read_logs(task_id, job, trial, prep=prep)
        for number, text in enumerate(texts):
            before = said[number] if number < len(said) else ""
            more = text.removeprefix(before) if text.startswith(before) else f"\n{text}"
            if more or number >= len(said):
                print_file(f"{more.removeprefix(_NEWLINE) if before else more}\n")
        said = texts
        if not active:
            return
        time.sleep(_FOLLOW_SECONDS)
