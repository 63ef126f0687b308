"""``hpogrid tasks``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpogrid.cli.complete import tasks as tasks_
from hpogrid.cli.complete import trials
from hpogrid.cli.options import task_filters
from hpogrid.cli.output import (
    bytes_text,
    format_option,
    message,
    print_data,
    print_file,
    print_rows,
    say,
)
from hpogrid.errors import Exit, RunError, UserError
from hpogrid.text import counted, numbered

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpogrid.site.choice import Filters
    from hpogrid.site.control import Overview, Survey
    from hpogrid.site.tasks import Task

_COLUMNS = ["jeditaskid", "status", "jobs", "trials", "computingsite", "started", "taskname"]
_OUTPUT_COLUMNS = "jeditaskid,status,taskname,computingsite,metastruct"
_FIRST_INTERVAL = 0.5
_LAST_INTERVAL = 30.0
_TAIL = 20


@click.group()
def tasks() -> None:
    """What was submitted: watch it, end it, repeat it.

    For example: hpogrid tasks show --watch; hpogrid tasks retry 12
    """


@tasks.command("show")
@click.argument("task_id", shell_complete=tasks_, required=False, metavar="[ID]")
@click.option("--username", help="Only tasks of this user (wildcards)  [default: all of yours].")
@task_filters(versions=False)
@click.option("--jeditaskid", type=int, help="Only this task.")
@click.option("--metadata", is_flag=True, help="Print the metadata of the jobs.")
@click.option("--sync", is_flag=True, help="Ask servers anew, without a cache: always so.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this JSON file.")
@click.option(
    "-c", "--outcol", default=_OUTPUT_COLUMNS, show_default=True, help="Columns in the file."
)
@click.option("--watch", is_flag=True, help="Repeat until no task is active.")
@format_option()
def show(
    task_id: str | None,
    username: str | None,
    filters: Filters,
    jeditaskid: int | None,
    metadata: bool,
    sync: bool,
    output: Path | None,
    outcol: str,
    watch: bool,
    form: str,
) -> int:
    """Show recent tasks; with an ID, its jobs and why they failed."""
    import msgspec

    from hpogrid.site.control import Survey, any_task, overview, survey

    only = task_id or (str(jeditaskid) if jeditaskid is not None else None)

    def look() -> Survey:
        if only is not None and only.isdecimal():
            return Survey(overview([any_task(int(only))], details=True))
        wanted = msgspec.structs.replace(filters, ids=only) if only else filters
        return survey(wanted, username=None if username == "1" else username)

    seen = _watch(look) if watch else look()
    found = seen.found
    if output is not None:
        _write(found, outcol, output)
    elif metadata:
        print_data({str(item.task.id): item.metadata for item in found}, "json")
    elif only is not None and form == "table" and len(found) == 1:
        _print_details(found[0])
    else:
        print_rows([_row(item, form) for item in found], _columns(form), form)
    for note in seen.left_out:
        message(note)
    for problem in seen.problems:
        message(f"hpogrid: {problem}")
    if seen.problems:
        return Exit.FAILURE
    if not found:
        message("no task matches; see --days and --limit")
    return Exit.OK


def _columns(form: str) -> list[str]:
    if form == "table":
        return _COLUMNS
    return ["jeditaskid", "status", "taskname", "computingsite", "username", "project", "jobs",
            "trials", "created"]  # fmt: skip


def _row(item: Overview, form: str) -> dict[str, Any]:
    row = item.row()
    row["started"] = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["created"]))
    if form == "table":
        done = sum(job.state == "done" for job in item.jobs)
        row["jobs"] = f"{done}/{item.task.n_jobs}"
    return row


def _watch(look: Callable[[], Survey]) -> Survey:
    """Look until nothing is active, less and less often; say on stderr what changes."""
    interval, said = _FIRST_INTERVAL, ""
    while True:
        seen = look()
        active = [item for item in seen.found if item.active]
        text = "  ".join(
            f"task {item.task.id}: {item.status}, {counted(item.finished, 'trial')}"
            for item in active
        )
        if text and text != said:
            message(text)
            said = text
        if not active or seen.problems:
            return seen
        time.sleep(interval)
        interval = min(interval * 1.2, _LAST_INTERVAL)


def _write(found: list[Overview], outcol: str, output: Path) -> None:
    import msgspec

    from hpogrid.files import write_atomic

    columns = [name.strip() for name in outcol.split(",") if name.strip()]
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
@_DRY_RUN
def kill(ids: tuple[str, ...], dry_run: bool) -> None:
    """End the jobs of tasks. An ID may be a range such as 3-9."""
    from hpogrid.site import control

    def act(task: Task) -> str:
        if dry_run:
            return f"would kill task {task.id} ({task.name})"
        control.kill(task)
        return f"killed task {task.id}"

    _each(ids, act)


@tasks.command("retry")
@click.argument("ids", shell_complete=tasks_, nargs=-1, required=True, metavar="ID...")
@_DRY_RUN
def retry(ids: tuple[str, ...], dry_run: bool) -> None:
    """Start jobs again that are unfinished, failed, were killed or lost; they go on."""
    from hpogrid.site import control

    def act(task: Task) -> str:
        jobs = control.retryable(task) if dry_run else control.retry(task)
        which = numbered("job", list(jobs))
        return f"{'would retry' if dry_run else 'retried'} task {task.id}, {which}"

    _each(ids, act)


@tasks.command("extend")
@click.argument("ids", shell_complete=tasks_, nargs=-1, required=True, metavar="ID...")
@click.option(
    "--trials", type=click.IntRange(1), required=True, help="Trials more, for each of its jobs."
)
@_DRY_RUN
def extend(ids: tuple[str, ...], trials: int, dry_run: bool) -> None:
    """Add trials to the budget of tasks, and start their jobs again."""
    from hpogrid.site import control

    def act(task: Task) -> str:
        more = f"{counted(trials, 'trial')} to each of {counted(task.n_jobs, 'job')}"
        if dry_run:
            return f"would add {more} of task {task.id}"
        started, active = control.extend(task, trials)
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


@tasks.command("logs")
@click.argument("task_id", shell_complete=tasks_, type=int, metavar="ID")
@click.option("--job", type=click.IntRange(0), help="Only this job.")
@click.option("--trial", shell_complete=trials, help="The log of this trial instead.")
@click.option("--prep", is_flag=True, help="What became of the preparation instead.")
def logs(task_id: int, job: int | None, trial: str | None, prep: bool) -> None:
    """Print what the jobs of a task wrote, or what one of its trials did."""
    from hpogrid.site.control import read_logs

    for text in read_logs(task_id, job, trial, prep=prep):
        print_file(f"{text}\n")  # a log may have colours, for those who want them in a file
