"""The list of queues, of CRIC and of AGIS, good and bad."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.errors import RunError, UserError
from hpogrid.site.panda.queues import Job, load_queues, parse_queues, refusal, select
from tests.commands import parsed

GPU = [
    {"type": "gpu", "vendor": ["nvidia"], "model": ["A100"]},
    {"type": "cpu", "vendor": ["intel"]},
]


FIELDS = ["state", "type", "status", "architectures", "vendor", "maxtime", "corecount"]


def queue(**own: Any) -> dict[str, Any]:
    return {
        "state": "ACTIVE", "status": "online", "type": "unified", "resource_type": "GRID",
        "corecount": 8, "maxrss": 16000, "maxtime": 86400, "atlas_site": "S", **own,
    }  # fmt: skip


CRIC = {
    "BY_ATTRIBUTE": queue(architectures=GPU),
    "BY_RESOURCE": queue(resource_type="gpu", maxtime=172800),
    "GPU_ONLY_IN_ITS_NAME": queue(architectures=[]),
    "OFF": queue(architectures=GPU, status="offline"),
    "DEAD": queue(architectures=GPU, state="INACTIVE"),
    "PRODUCTION": queue(architectures=GPU, type="production"),
    "BROKEN": queue(maxrss="much"),
    "NOTHING": None,
    "TEXT_NUMBERS": queue(
        architectures=[{"type": "GPU", "vendor": "amd"}], maxrss="8000", corecount=None
    ),
}

LISTED: dict[str, Any] = {
    "vo_name": "atlas", "cloud": "WORLD", "region": "UK", "tier": "T2D", "type": "unified",
    "state": "ACTIVE", "status": "online", "resource_type": "GRID", "capability": "score",
    "workflow": "pull_ups", "corecount": 8, "corepower": 10.0, "maxrss": 16000, "minrss": 0,
    "maxtime": 345600, "mintime": 0, "maxwdir": 20000, "maxinputsize": 100000, "space": 0,
    "container_type": "singularity:pilot", "releases": ["AUTO"], "catchall": "", "params": {},
    "queues": {}, "acopytools": {}, "astorages": {}, "environ": "", "objectstores": [],
    "architectures": [{"arch": ["x86_64"], "instr": [], "model": [], "type": "cpu",
                       "vendor": ["intel"]}],
}  # fmt: skip
"""An entry with the attributes that PanDA's server reads of CRIC's."""
NVIDIA = {"arch": [], "instr": [], "model": ["A100"], "type": "gpu", "vendor": ["nvidia", "excl"]}


def listed(site: str, **own: Any) -> dict[str, Any]:
    return {**LISTED, "atlas_site": site, **own}


def with_gpu(site: str, **own: Any) -> dict[str, Any]:
    return listed(site, architectures=[*LISTED["architectures"], NVIDIA], **own)


TODAY = {
    "UKI-NORTHGRID-MAN-HEP": listed("UKI-NORTHGRID-MAN-HEP"),
    "UKI-NORTHGRID-MAN-HEP_GPU": with_gpu("UKI-NORTHGRID-MAN-HEP", corecount=1, maxrss=4000),
    "ANALY_QMUL_GPU": with_gpu("UKI-LT2-QMUL", maxrss=64000),
    "ANALY_BNL_GPU_ARC": with_gpu("BNL-ATLAS", maxtime=7200),
    "ANALY_MANC_GPU_OLD": with_gpu("UKI-NORTHGRID-MAN-HEP", status="offline"),
    "ANALY_MANC_GPU_PROD": with_gpu("UKI-NORTHGRID-MAN-HEP", type="production"),
    "ANALY_MANC_GPU_DEAD": with_gpu("UKI-NORTHGRID-MAN-HEP", state="INACTIVE"),
    "ANALY_ARM_GPU": listed("ARM", architectures=[
        {"arch": ["aarch64"], "instr": [], "model": [], "type": "cpu", "vendor": ["arm"]}, NVIDIA]),
    "TRIUMF": listed("TRIUMF-LCG2", maxtime=3600),
}  # fmt: skip


def nearest(name: str, job: Job) -> list[str]:
    """The queues that are named instead of one that takes no jobs."""
    why = refusal(name, parse_queues(json.dumps(TODAY).encode(), "test"), job)
    assert why is not None
    _, _, rest = why.partition("do the job: ")
    return rest.partition(";")[0].split(", ") if rest else [why]


def test_queues_with_gpus_for_the_default_that_is_gone() -> None:
    gone = "ANALY_MANC_GPU_TEST"
    told = refusal(gone, parse_queues(json.dumps(TODAY).encode(), "test"), Job())
    assert told == (
        f"unknown queue '{gone}': it is not, or no longer, on PanDA's list; the nearest with GPUs "
        "that can do the job: ANALY_QMUL_GPU, ANALY_BNL_GPU_ARC, UKI-NORTHGRID-MAN-HEP_GPU, "
        "ANALY_ARM_GPU; name one with --site ('hpogrid sites')"
    )
    assert nearest(gone, Job(gpu=True, cores=8, memory_mb=16000)) == [
        "ANALY_QMUL_GPU",
        "ANALY_BNL_GPU_ARC",
        "ANALY_ARM_GPU",
    ]
    assert nearest(gone, Job(memory_mb=16001)) == ["ANALY_QMUL_GPU"]
    assert nearest(gone, Job(hours=3))[2] == "ANALY_BNL_GPU_ARC"  # jobs end in time before that


@pytest.mark.parametrize(
    "name", ["ANALY_MANC_GPU_OLD", "ANALY_MANC_GPU_PROD", "ANALY_MANC_GPU_DEAD"]
)
def test_of_a_closed_queue_the_others_of_its_site_are_the_nearest(name: str) -> None:
    assert nearest(name, Job())[0] == "UKI-NORTHGRID-MAN-HEP_GPU"
    assert name not in nearest(name, Job())


def test_queues_for_jobs_without_gpus() -> None:
    assert nearest("TRIUMPH", Job())[:2] == ["TRIUMF", "UKI-NORTHGRID-MAN-HEP"]
    assert nearest("TRIUMPH", Job(hours=2))[:2] == ["UKI-NORTHGRID-MAN-HEP", "TRIUMF"]
    assert nearest("TRIUMPH", Job(gpu=True))[-1] == "ANALY_ARM_GPU"


def test_no_queue_can_do_the_job() -> None:
    [told] = nearest("ANALY_MANC_GPU_TEST", Job(gpu=True, memory_mb=64001))
    assert told.endswith(
        "; and no queue that is online has what a job asks for (1 core, a GPU, 64001 MB)"
    )
    [told] = nearest("GONE", Job(cores=9))
    assert told.endswith("has what a job asks for (9 cores)")


def test_where_jobs_can_go_nothing_is_said() -> None:
    queues = parse_queues(json.dumps(TODAY).encode(), "test")
    assert refusal("TRIUMF", queues, Job(gpu=True)) is None  # that it has no GPU is said elsewhere


def names(**options: Any) -> list[str]:
    queues = parse_queues(json.dumps(CRIC).encode(), "test").values()
    defaults: dict[str, Any] = {"name": None, "all_sites": False, "all_status": False}
    return [item.name for item in select(queues, **{**defaults, **options})]


def test_gpus_by_attribute_the_longest_jobs_first() -> None:
    assert names() == ["BY_RESOURCE", "BY_ATTRIBUTE", "TEXT_NUMBERS"]


def test_all_of_them() -> None:
    assert "GPU_ONLY_IN_ITS_NAME" in names(all_sites=True)
    assert set(names(all_status=True)) - set(names()) == {"OFF", "DEAD", "PRODUCTION"}
    assert names(name="by_*") == ["BY_RESOURCE", "BY_ATTRIBUTE"]


def test_what_a_queue_offers() -> None:
    found = parse_queues(json.dumps(CRIC).encode(), "test")
    one = found["BY_ATTRIBUTE"]
    assert (one.gpu, one.cores, one.memory_mb, one.hours, one.site) == (
        "nvidia A100",
        8,
        16000,
        24.0,
        "S",
    )
    assert found["TEXT_NUMBERS"].memory_mb == 8000
    assert "BROKEN" not in found


def test_agis_knows_gpus_by_name_only() -> None:
    name = "ANALY_MANC_GPU_TEST"
    old = {
        "panda_resource": name, "state": "ACTIVE", "status": "online", "type": "analysis",
        "maxmemory": 4000,
    }  # fmt: skip
    found = parse_queues(json.dumps({name: old}).encode(), "agis")[name]
    assert found.gpu == "by its name"
    assert found.memory_mb == 4000
    assert found.usable


@pytest.mark.parametrize("text", ["", "<html>", "[]", "3", '{"a": 3}', "null", "{" * 100000])
def test_what_is_no_list(text: str) -> None:
    with pytest.raises(UserError, match="no list of queues"):
        parse_queues(text.encode(), "test")


@given(st.dictionaries(st.text(max_size=5), st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=10), max_size=4))  # fmt: skip
def test_whatever_a_server_says(content: dict[str, Any]) -> None:
    data = json.dumps(content).encode()
    try:
        select(parse_queues(data, "test").values(), name=None, all_sites=True, all_status=True)
    except UserError:
        return


def test_where_the_list_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRIC_QUEUES_URL", raising=False)
    folder = tmp_path / "sw" / "local" / "etc"
    folder.mkdir(parents=True)
    monkeypatch.setenv("ALRB_cvmfs_repo", str(tmp_path))
    (folder / "agis_schedconf.json").write_text('{"AGIS": {}}')
    assert list(load_queues()) == ["AGIS"]
    (folder / "cric_pandaqueues.json").write_text('{"CRIC": {}}')
    assert list(load_queues()) == ["CRIC"]
    monkeypatch.setenv("CRIC_QUEUES_URL", "http://127.0.0.1:9/x")
    with pytest.raises(RunError, match="cannot be had"):
        load_queues()
    with pytest.raises(UserError, match="no web address"):
        load_queues(url="file:///etc/passwd")
    with pytest.raises(UserError, match="no such file"):
        load_queues(tmp_path / "none")


def test_the_command(tmp_path: Path) -> None:
    path = tmp_path / "q.json"
    path.write_text(json.dumps(CRIC))
    rows = parsed("sites", "--file", path, "--format", "json")
    assert [row["queue"] for row in rows] == ["BY_RESOURCE", "BY_ATTRIBUTE", "TEXT_NUMBERS"]
    assert rows[0]["hours"] == 48.0
