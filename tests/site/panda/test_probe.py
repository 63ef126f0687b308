"""What a job would find is known before there are jobs: in the image here, or by one job there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hpogrid.archives import unpack
from hpogrid.job.probe import MARK, Found
from hpogrid.job.settings import ENTRY, START
from hpogrid.site.panda import submit
from hpogrid.site.panda.bundle import write_bundle
from hpogrid.site.panda.probe import _task
from tests.commands import hpogrid, refused
from tests.projects import store_project
from tests.site.panda.server import Server
from tests.site.panda.test_site import Panda, panda, server  # noqa: F401 (a fixture)

pytestmark = pytest.mark.engine

APPTAINER = """#!/bin/sh
# A stand-in for Apptainer: the image is this machine.
while [ "$1" != "--pwd" ]; do shift; done
cd "$2" && shift 3 && exec "$@"
"""


def found_by(project: Any, folder: Path, **variables: str) -> Found:
    """What a job of a bundle finds here."""
    archive = folder / "bundle.tgz"
    write_bundle(submit.content(_task(project, "LONG")), archive)
    unpack(archive, folder)
    done = subprocess.run(
        ["sh", START, "python3", ENTRY, "--probe"], cwd=folder, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **variables}, check=True,
    )  # fmt: skip
    [line] = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    return msgspec.json.decode(line.removeprefix(MARK), type=Found)


def test_what_a_job_finds(tmp_path: Path, home: Path) -> None:
    project = store_project(algorithm="bayesian", grid={"site": "LONG", "walltime": "2h"})
    found = found_by(project, tmp_path)
    assert found.problems == []
    assert found.libraries["bayes_opt"]
    assert found.seconds == 7200
    assert found.python.startswith(".".join(map(str, sys.version_info[:2])))
    assert (found.cores or 0) > 0
    assert (found.memory_mb or 0) > 0


def test_what_keeps_a_job_from_running(tmp_path: Path, home: Path) -> None:
    script = "import no_such_library\ndef train(config):\n    return 1\n"
    found = found_by(store_project(script, grid={"site": "LONG"}), tmp_path)
    [problem] = found.problems
    assert "no_such_library is not installed" in problem


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "apptainer"
    program.parent.mkdir()
    program.write_text(APPTAINER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def rows(*words: str) -> dict[str, dict[str, str]]:
    found = json.loads(hpogrid("check", "p", "--format", "json", *words).out)
    return {row["item"]: row for row in found}


def test_in_the_image(server: Server, here: None) -> None:  # noqa: F811
    store_project(algorithm="bayesian", grid={"site": "LONG", "container": "docker://a/b:1"})
    assert rows()["library"]["state"] == "note"
    seen = rows("--image")
    assert seen["image"]["state"] == "good"
    assert "docker://a/b:1: " in seen["image"]["text"]
    assert "bayes_opt" in seen["image"]["text"]
    assert "library" not in seen  # it is there


def test_by_a_job(server: Server) -> None:  # noqa: F811
    store_project(algorithm="bayesian", grid={"site": "LONG", "container": "docker://a/b:1"})
    told = rows("--probe")["probe"]
    assert (told["state"], "task 77 was submitted" in told["text"]) == ("unknown", True)
    [sent] = [query["task_parameters"] for name, query in server.asked if name == "task/submit"]
    assert "--probe" in json.dumps(sent["jobParameters"])
    assert "has not ended yet" in rows("--probe")["probe"]["text"]  # and no other one is sent
    assert len([name for name, _ in server.asked if name == "task/submit"]) == 1
    panda(server).task["status"] = "done"
    found = Found(hpogrid="2", python="3.9.1", trials="3.9.1", host="h", system="Some Linux",
                  libraries={"bayes_opt": "1.4"}, cores=8, network=False)  # fmt: skip
    content = {MARK.rstrip(":"): msgspec.to_builtins(found)}
    panda(server).metadata = {"5": {"user_job_metadata": content}}
    seen = rows()
    assert seen["probe"]["state"] == "good"
    for words in ("task 77", "Some Linux", "Python 3.9.1", "8 cores", "no network", "no GPU"):
        assert words in seen["probe"]["text"]
    assert "library" not in seen


def test_a_job_that_failed(server: Server) -> None:  # noqa: F811
    store_project(grid={"site": "LONG"})
    rows("--probe")
    panda(server).task["status"] = "failed"
    panda(server).jobs = [{"PandaID": 1, "jobStatus": "failed", "exeErrorDiag": "no such image"}]
    told = rows()["probe"]
    assert told["state"] == "bad"
    assert "no such image; --probe sends another" in told["text"]


def test_it_is_for_the_grid(home: Path) -> None:
    store_project()
    assert "are for a PROJECT at a queue of the grid" in refused("check", "p", "--image")
    assert "are for a PROJECT at a queue of the grid" in refused("check", "--probe")
