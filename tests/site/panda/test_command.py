"""The prun command, and the names in it."""

from __future__ import annotations

import itertools
import re
import string
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.config.project import Project
from hpogrid.config.schemas import OUT_DS
from hpogrid.errors import UserError
from hpogrid.site.panda.client import check_arguments
from hpogrid.site.panda.command import (
    Inputs,
    dataset_names,
    extra_arguments,
    output_dataset,
    prun_arguments,
    queue_arguments,
)
from tests.projects import store_project

_numbers = itertools.count()


def arguments(
    grid: dict[str, Any], n_jobs: int = 3, inputs: dict[str, int] | None = None, **hpo: Any
) -> list[str]:
    project = store_project(name=f"p{next(_numbers)}", grid=grid, **hpo)
    return prun_arguments(project, project.grid_config.site, n_jobs, "user.me.x", "b.tgz",
                          Inputs(inputs or {}))  # fmt: skip


def after(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_the_name_of_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUCIO_ACCOUNT", "me")
    assert re.fullmatch(
        r"user\.me\.hpogrid\.mnist\.out\.\d{14}", output_dataset(OUT_DS, "mnist", None)
    )
    braces = "user.${{RUCIO_ACCOUNT}}.{HPO_PROJECT_NAME}.$(date +%Y)"
    assert re.fullmatch(r"user\.me\.a_b\.20\d\d", output_dataset(braces, "a+b", None))


def test_the_account_is_the_tokens_where_no_variable_says_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RUCIO_ACCOUNT", raising=False)
    assert output_dataset("user.$RUCIO_ACCOUNT.x", "p", "you") == "user.you.x"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("user.${NOBODY_SETS_THIS}.x", "NOBODY_SETS_THIS"),
        ("user.me.$(rm -rf /)", "no name of a dataset"),
        ("user.me.x;ls", "no name of a dataset"),
        ("user.me.`id`", "no name of a dataset"),
        ("-x", "no name of a dataset"),
        ("user.me." + "x" * 120, "takes 115 at most"),
    ],
)
def test_names_that_cannot_be(template: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOBODY_SETS_THIS", raising=False)
    with pytest.raises(UserError, match=re.escape(words)):
        output_dataset(template, "p", "me")


def test_a_variable_cannot_smuggle_anything_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUCIO_ACCOUNT", "me --extra $(id)")
    with pytest.raises(UserError, match="no name of a dataset"):
        output_dataset(OUT_DS, "p", None)


def test_one_task_with_all_jobs() -> None:
    words = arguments({"site": "ANALY_X", "container": "docker://a/b:1"}, n_jobs=7)
    assert after(words, "--nJobs") == "7"
    assert after(words, "--site") == "ANALY_X"
    assert after(words, "--containerImage") == "docker://a/b:1"
    assert after(words, "--outputs") == "hpogrid_ledger.jsonl,hpogrid_job.tgz"
    assert after(words, "--exec") == "sh hpogrid_job.sh python3 hpogrid_job.py --job %RNDM:0"
    assert "--inDS" not in words


def test_retry_is_the_sites_or_nobodys() -> None:
    assert after(arguments({"site": "Q"}), "--maxAttempt") == "1"
    words = arguments({"site": "Q", "retry": True})
    assert "--maxAttempt" not in words
    assert "--disableAutoRetry" not in words


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ("A", ["--site", "A"]),
        ("A, B", ["--site", "A,B"]),
        ("ANY", []),
        ("any", []),
        ("panda", []),
    ],
)
def test_sites(site: str, expected: list[str]) -> None:
    assert queue_arguments(site) == expected


@pytest.mark.parametrize("site", ["A;ls", "A B", "--x", "$(id)", "é"])
def test_sites_that_cannot_be(site: str) -> None:
    with pytest.raises(UserError, match="no name of a queue"):
        queue_arguments(site)


def test_resources_and_gpus_by_attribute() -> None:
    words = arguments(
        {"site": "Q", "memory": "8G", "walltime": "2h", "cpus": 4}, gpus_per_trial=0.5
    )
    assert after(words, "--architecture") == "&nvidia"
    assert after(words, "--nCore") == "8"
    assert after(words, "--memory") == "1024"
    assert "--architecture" not in arguments({"site": "ANALY_GPU"})


def test_cores() -> None:
    assert "--nCore" not in arguments({"site": "Q", "cpus": 1})
    several = arguments({"site": "Q"}, cpus_per_trial=0.5, scheduler_param={"max_concurrent": 3})
    assert after(several, "--nCore") == "8"
    with pytest.raises(UserError, match="has 1 or 8 cores, and not 9; lower --cpus"):
        arguments({"site": "Q", "cpus": 9})


def test_much_memory_is_meant() -> None:
    assert "-y" in arguments({"site": "Q", "memory": "6G"})
    assert "-y" in arguments({"site": "Q", "extra": {"memory": "5000"}})
    assert "-y" in arguments({"site": "Q", "extra": {"memory": 5000}})


def test_every_job_gets_the_whole_input() -> None:
    one = arguments({"site": "Q"}, n_jobs=1, inputs={"user.me:data": 5})
    assert after(one, "--inDS") == "user.me:data"
    assert after(one, "--nFilesPerJob") == "5"
    several = arguments({"site": "Q"}, n_jobs=3, inputs={"user.me:a": 5, "user.me:b": 300})
    assert after(several, "--secondaryDSs") == "IN2#5#user.me:a,IN3#300#user.me:b"
    assert after(several, "--reusableSecondary") == "IN2,IN3"
    assert after(several, "--maxNFilesPerJob") == "305"


def test_names_of_inputs() -> None:
    assert dataset_names("user.me:a/, user.me:b") == ["user.me:a", "user.me:b"]
    assert dataset_names(None) == []
    with pytest.raises(UserError, match="no name of a dataset"):
        dataset_names("user.me:a#3#b")


def test_further_options() -> None:
    extra = {"noEmail": True, "excludedSite": ["A", "B"], "priority": 5, "official": False}
    assert extra_arguments(extra) == ["--noEmail", "--excludedSite=A,B", "--priority=5"]
    assert extra_arguments({"alrbArgs": "--nocvmfs"}) == ["--alrbArgs=--nocvmfs"]


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"exec": "rm"}, "what hpogrid sets itself"),
        ({"outDS": "x"}, "--outDS of the grid config"),
        ({"a b": 1}, "no option of prun"),
        ({"--site": 1}, "no option of prun"),
        ({"memory": {"a": 1}}, "not an object"),
    ],
)
def test_further_options_that_cannot_be(extra: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=re.escape(words)):
        extra_arguments(extra)


@given(st.text(alphabet=string.printable, max_size=30), st.text(string.printable, max_size=30))
def test_no_name_becomes_an_option_or_two_words(site: str, data: str) -> None:
    try:
        words = queue_arguments(site) + dataset_names(data)
    except UserError:
        return
    assert all(re.fullmatch(r"(--site|[A-Za-z0-9][A-Za-z0-9_.,:\-]*)", word) for word in words)


def test_pruns_own_parser_reads_it(tmp_path: Path, project: Project) -> None:
    grid = msgspec.structs.replace(project.grid_config, extra={"noEmail": True})
    project = msgspec.structs.replace(project, grid_config=grid)
    inputs = Inputs({"user.me:data": 2})
    words = prun_arguments(project, "A,B", 3, "user.me.x", "b.tgz", inputs)
    task = check_arguments("prun", words, tmp_path)
    assert task["includedSite"] == ["A", "B"]
    assert task["nEvents"] == 3
    assert task["noEmail"] is True
    [data] = [item for item in task["jobParameters"] if item.get("dataset") == "user.me:data"]
    assert data["nFilesPerJob"] == 2
    assert data["reusable"] is True


def test_what_reaches_the_parameters_of_the_task(tmp_path: Path, home: Path) -> None:
    """Not everything that prun takes goes anywhere."""

    def parameters(**grid: Any) -> dict[str, Any]:
        words = arguments({"site": "ANY", **grid})
        return check_arguments("prun", words, tmp_path)

    bare = parameters()
    assert parameters(walltime="2h")["cpuTime"] == 2 * 3600 * 10
    assert parameters(walltime="2h", cpus=8)["cpuTime"] == 2 * 3600 * 10 * 8
    assert parameters(walltime="2h")["cpuTimeUnit"] == "HS06sPerEventFixed"
    assert bare["nEventsPerJob"] == 1  # so that an event takes as long as a job
    assert parameters(memory="8G")["ramCount"] == 8192
    assert parameters(cpus=8)["coreCount"] == 8
    assert parameters(gpus=1)["architecture"] != bare["architecture"]
    assert not {"cpuTime", "ramCount", "coreCount"} & set(bare)


def test_pruns_own_parser_refuses_it(tmp_path: Path, project: Project) -> None:
    words = prun_arguments(project, "A", 1, "user.me.x", "b.tgz", Inputs())
    with pytest.raises(UserError, match=r"prun does not take these options: .*noSuchOption"):
        check_arguments("prun", [*words, "--noSuchOption=1"], tmp_path)


@pytest.fixture
def project(home: Path) -> Project:
    return store_project(grid={"site": "A"})
