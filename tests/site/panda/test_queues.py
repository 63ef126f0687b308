"""The list of queues, of CRIC and of AGIS, good and bad."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.errors import RunError, UserError
from hpogrid.site.panda.queues import load_queues, parse_queues, select
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
