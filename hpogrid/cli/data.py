"""``hpogrid data``: datasets in Rucio."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hpogrid.cli.output import format_option, message, print_rows, say
from hpogrid.errors import Exit
from hpogrid.text import counted

if TYPE_CHECKING:
    from hpogrid.data.transfer import Transferred


@click.group()
def data() -> None:
    """Datasets in Rucio: input data of jobs, and what jobs left.

    For example: hpogrid data list 'user.me.hpogrid.*'
    """


@data.command("upload")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH..."
)
@click.option("--dataset", required=True, help="Where the files go: scope:name, or user.ME.name.")
@click.option("--rse", default="type=SCRATCHDISK", show_default=True,
              help="Storage, or an expression of which the first match is taken.")  # fmt: skip
@click.option("--dry_run", is_flag=True, help="Only list the files.")
def upload_command(paths: tuple[Path, ...], dataset: str, rse: str, dry_run: bool) -> int:
    """Fill a dataset with files; folders are gone through.

    What is in it already is left alone, so an upload that was cut off is typed again.

    For example: hpogrid data upload train.h5 --dataset user.me.digits --rse CERN-PROD_SCRATCHDISK
    """
    from hpogrid.data.rucio import Rucio
    from hpogrid.data.transfer import files_to_upload, pick_storage, upload

    files = files_to_upload(paths)
    if dry_run:
        for name, path in files.items():
            say(f"{path.stat().st_size:>12}  {name}")
        return Exit.OK
    rucio = Rucio()
    did = rucio.did(dataset)
    storage = pick_storage(rucio, rse)
    outcome = upload(rucio, files, did, storage, _progress(len(files)))
    return _tell(outcome, f"{did} at {storage}", "uploaded")


@data.command("list", short_help="List datasets that match a pattern.")
@click.argument("pattern", required=False, default="*")
@format_option()
def list_command(pattern: str, form: str) -> None:
    """List datasets that match PATTERN (scope:name with wildcards; default: all of yours)."""
    from hpogrid.data.rucio import Did, Rucio

    rucio = Rucio()
    where = Did(f"user.{rucio.account}", pattern) if pattern == "*" else rucio.did(pattern)
    entries = [rucio.entry(did) for did in rucio.find(where)]
    rows = [
        {"dataset": str(entry.did), "type": entry.type, "files": entry.files, "bytes": entry.bytes}
        for entry in entries
    ]
    print_rows(rows, ["dataset", "type", "files", "bytes"], form)
    if not rows:
        message(f"no dataset matches {where}")


@data.command("download", short_help="Get the files of a DATASET.")
@click.argument("dataset")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder to fill  [default: the name of the dataset].",
)
def download_command(dataset: str, folder: Path | None) -> int:
    """Get the files of a DATASET; what is there already and is right is not fetched again."""
    from hpogrid.data.rucio import Rucio
    from hpogrid.data.transfer import download

    rucio = Rucio()
    did = rucio.did(dataset)
    target = folder or Path(did.name.replace("/", "_"))
    outcome = download(rucio, did, target, _progress(len(rucio.files(did))))
    return _tell(outcome, f"in {target}", "fetched")


@data.command("check", short_help="Say whether datasets and copies are there.")
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET...")
@format_option()
def check_command(datasets: tuple[str, ...], form: str) -> int:
    """Say whether datasets are there, and whether there is a copy of all their files."""
    from hpogrid.data.rucio import Missing, Rucio

    rucio = Rucio()
    rows = []
    good = True
    for text in datasets:
        did = rucio.did(text)
        try:
            entry = rucio.entry(did)
        except Missing:
            rows.append({"dataset": str(did), "state": "there is no such dataset"})
            good = False
            continue
        copies = len(rucio.available(did))
        state = "good" if entry.files and copies >= entry.files else "files without a copy"
        state = state if entry.files else "empty"
        good = good and state == "good"
        rows.append(
            {
                "dataset": str(did),
                "state": state,
                "files": str(entry.files),
                "with_copy": str(copies),
                "bytes": str(entry.bytes),
            }
        )
    print_rows(rows, ["dataset", "state", "files", "with_copy", "bytes"], form)
    return Exit.OK if good else Exit.FAILURE


def _progress(count: int) -> Callable[[str, int], None]:
    """A line for each file, on a terminal only."""
    done = 0

    def tell(name: str, size: int) -> None:
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            message(f"{done}/{count}  {name}  {size / 1e6:.1f} MB")

    return tell


def _tell(outcome: Transferred, where: str, word: str) -> int:
    for reason in dict.fromkeys(outcome.failed.values()):
        names = [name for name, why in outcome.failed.items() if why == reason]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        message(f"{names[0]}{more}: {reason}")
    failed = f", {len(outcome.failed)} failed" if outcome.failed else ""
    message(
        f"{counted(len(outcome.done), 'file')} {word}, {len(outcome.skipped)} were there{failed}; "
        f"{where}"
    )
    return Exit.FAILURE if outcome.failed else Exit.OK
