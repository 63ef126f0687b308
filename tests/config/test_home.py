"""The user directory and names."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpogrid.config.home import check_name, home
from hpogrid.errors import UserError


def test_the_variable_names_the_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "x"))
    assert home() == tmp_path / "x"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HPOGRID_HOME", "~/y")
    assert home() == tmp_path / "y"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPOGRID_HOME", "z")
    assert home() == tmp_path / "z"


@pytest.mark.parametrize("value", ["", None])
def test_without_it_the_platform_decides(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str | None
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    if value is None:
        monkeypatch.delenv("HPOGRID_HOME")
    else:
        monkeypatch.setenv("HPOGRID_HOME", value)
    assert home() == tmp_path / "hpogrid"


@pytest.mark.parametrize("name", ["a", "my_hpo-2.0", "ünïcode", "_x", "a+b@c=d", "x" * 128])
def test_names(name: str) -> None:
    assert check_name(name, "project") == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "/a", "../a", "a..b", "a b", "a\n", "a\0b", "-a", ".a", "*", "a\\b",
     "x" * 129, "ü" * 65, "\udcff"],
)  # fmt: skip
def test_no_names(name: str) -> None:
    with pytest.raises(UserError, match="is no name for a project: use letters"):
        check_name(name, "project")


@pytest.mark.parametrize("name", ["h\n#SBATCH --account=other", 'a"b', "a\tb", "a\udcff"])
def test_a_name_that_job_scripts_cannot_have_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / name))
    with pytest.raises(UserError, match="set HPOGRID_HOME to another folder"):
        home()
