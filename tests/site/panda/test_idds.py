"""The phpo command, and what is packed with it."""

from __future__ import annotations

import base64
import io
import json
import re
import shlex
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.errors import UserError
from hpogrid.job.settings import BUNDLED, ENTRY, START
from hpogrid.site.panda.client import check_arguments
from hpogrid.site.panda.idds import SPACE, _plain_json, phpo_arguments, sandbox, steering_command
from tests.commands import hpogrid, ok
from tests.projects import store_project


def test_phpos_own_parser_reads_it(tmp_path: Path) -> None:
    project = store_project(grid={"site": "A", "extra": {"nPointsPerIteration": 4}}, trials=5)
    sandbox(project, {START: b":", ENTRY: b"pass", "bundle/x": b"y" * 1000}, tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} <= {
        ".json",
        ".py",
        ".sh",
    }  # all that is sent
    words = phpo_arguments(project, "A", 3, "user.me.x", ["user.me:data"])
    task = check_arguments("phpo", words, tmp_path)
    assert task["nEvents"] == 3
    assert task["hpoRequestData"]["max_points"] == 15
    assert task["hpoRequestData"]["num_points_per_generation"] == 4
    assert task["hpoRequestData"]["opt_space"] == json.loads((tmp_path / SPACE).read_text())
    assert "hpogrid generate" in task["hpoRequestData"]["arguments"]
    packed = json.loads((tmp_path / BUNDLED).read_text())["tgz"]
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed))) as archive:
        assert set(archive.getnames()) == {START, ENTRY, "bundle/x"}


@pytest.mark.slow
def test_the_steering_command_is_one_that_generate_reads(tmp_path: Path) -> None:
    project = store_project(algorithm="hyperopt", algorithm_param={"n_startup_jobs": 3}, trials=5)
    given = tmp_path / "in.json"
    space = {"x": {"method": "uniform", "dimension": {"low": 0, "high": 1}}}
    given.write_text(json.dumps({"points": [], "opt_space": space}))
    docker, _, command = steering_command(project).partition(" hpogrid ")
    assert docker.startswith('run --rm -v "$(pwd)":/HPOiDDS ')
    command = f"hpogrid {command}".replace("/HPOiDDS", str(tmp_path))
    for name, value in {"NUM_POINTS": 2, "MAX_POINTS": 5, "IN": "in.json", "OUT": "out"}.items():
        command = command.replace(f"%{name}", str(value))
    program, *words = shlex.split(command)
    assert program == "hpogrid"
    ok(*words)
    assert len(json.loads((tmp_path / "out").read_text())) == 2


@pytest.mark.parametrize(
    ("grid", "hpo", "words"),
    [
        ({}, {"metric": "a,b", "mode": "min,max"}, "has one loss, not several metrics"),
        ({"extra": {"nosuch": 1}}, {}, "'nosuch' is not for PanDA's HPO service; it takes"),
        ({"container": "/images/x.sif"}, {}, "/images/x.sif is no docker image"),
        ({"steering_container": "a b; rm"}, {}, "'a b; rm' is no name of a docker image"),
        ({"extra": {"segmentSpecFile": "no.json"}}, {}, "there is no segmentSpecFile no.json"),
        ({"extra": {"steeringContainer": "a"}}, {}, "the image for hpogrid's is --steering_cont"),
    ],
)
def test_what_the_service_cannot_do(grid: dict[str, Any], hpo: dict[str, Any], words: str) -> None:
    project = store_project(grid={"site": "A", **grid}, **hpo)
    with pytest.raises(UserError, match=words):
        phpo_arguments(project, "A", 3, "user.me.x", [])


def test_what_phpo_has_besides(tmp_path: Path) -> None:
    segments = tmp_path / "segments.json"
    segments.write_text(json.dumps([{"name": n, "files": [f"{n}.root"]} for n in "ab"]))
    extra = {
        "checkPointToSave": "net.pt", "checkPointInterval": 5, "evaluationMeta": "meta.json",
        "evaluationTrainingData": "files.json", "segmentSpecFile": str(segments),
        "steeringExec": "run --rm mine/image:1 mine %IN %OUT",
    }  # fmt: skip
    project = store_project(grid={"site": "A", "extra": extra}, trials=5)
    sandbox(project, {START: b":", ENTRY: b"pass"}, tmp_path)
    words = phpo_arguments(project, "A", 2, "user.me.x", ["user.me:data"])
    task = check_arguments("phpo", words, tmp_path)
    assert [segment["name"] for segment in task["segmentSpecs"]] == ["a", "b"]
    assert task["hpoRequestData"]["arguments"] == extra["steeringExec"]
    assert "net.pt" in json.dumps(task["multiStepExec"]) + json.dumps(task["jobParameters"])
    assert "--outMetaFile=meta.json" in json.dumps(task["jobParameters"])


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.floats(allow_nan=False)))
def test_parameters_mean_nothing_to_a_shell(content: dict[str, Any]) -> None:
    text = _plain_json(content)
    assert json.loads(text) == content
    assert re.fullmatch(r'[\w{}\[\]:,"\\.+-]*', text, re.ASCII)


def test_one_input_dataset() -> None:
    project = store_project(grid={"site": "A"})
    words = phpo_arguments(project, "A", 1, "user.me.x", ["user.me:data"])
    assert words[words.index("--trainingDS") + 1] == "user.me:data"
    with pytest.raises(UserError, match="takes one input dataset"):
        phpo_arguments(project, "A", 1, "user.me.x", ["user.me:data", "user.me:more"])


def test_the_command_is_shown_before_it_is_sent() -> None:
    store_project(grid={"site": "A", "container": "docker://a/b:1"})
    checked = " ".join(hpogrid("check", "p").out.split())
    assert "for --mode idds: phpo takes it; a/b:1 has to have this hpogrid" in checked
    assert "phpo --outDS" in ok("run", "p", "--mode", "idds", "--dry_run")
    store_project(name="knows", grid={"site": "A", "container": "docker://a/b:1"}, prior={"x": 1})
    for words in ([], ["--dry_run"]):
        said = hpogrid("run", "knows", "--mode", "idds", *words).err
        assert "--mode idds has no use for a prior" in said
    store_project(name="here", grid={"site": "local"})
    said = hpogrid("run", "here", "--mode", "idds").err
    assert "site local has no --mode idds: that is for queues of PanDA" in said
