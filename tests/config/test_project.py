"""Projects: configs by value, a snapshot of the scripts, one hash."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hpogrid.config.assemble import assemble, export_project, import_project
from hpogrid.config.project import (
    SCRIPTS,
    copy_bundle,
    load_project,
    project_names,
    project_path,
    projects_path,
    read_project,
    remove_project,
)
from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
from hpogrid.config.store import STORES
from hpogrid.errors import UserError
from hpogrid.space.dialects import read_space
from tests.commands import tree
from tests.projects import RETURNS, SPACE, store_project

CONFIGS = {"hpo_config": "h", "grid_config": "g", "model_config": "m", "search_space": "s"}


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """A script, with the four configs for it stored."""
    STORES["hpo_config"].create("h", HpoConfig(metric="loss", mode="min"))
    STORES["grid_config"].create("g", GridConfig(site="local"))
    STORES["model_config"].create("m", ModelConfig(script="train.py", model="train"))
    STORES["search_space"].create("s", read_space(SPACE, "s")[0])
    (tmp_path / "train.py").write_text(RETURNS)
    return tmp_path / "train.py"


def bundle(*arguments: Any, **options: Any) -> None:
    """`assemble` without the check of the script, which takes its time."""
    assemble(*arguments, check=False, **options)


def scripts_of(name: str) -> dict[str, bytes | None]:
    return tree(project_path(name) / SCRIPTS)


def test_a_project_holds_everything_by_value(train: Path) -> None:
    assert assemble("p", train, CONFIGS) == []
    STORES["hpo_config"].recreate("h", HpoConfig(metric="other"))
    train.write_text("something else")
    project = load_project("p")
    assert project.hpo_config.metric == "loss"
    assert project.scripts_path == str(train)
    assert scripts_of("p") == {"train.py": RETURNS.encode()}
    assert list(project.space.parameters) == ["x"]
    assert project_names() == ["p"]


def test_the_hash_is_that_of_the_content(train: Path) -> None:
    bundle("p", train, CONFIGS)
    first = load_project("p").hash
    bundle("q", train, CONFIGS)
    assert load_project("q").hash == first
    train.write_text(RETURNS + "\n")
    bundle("p", train, CONFIGS, replace=True)
    assert load_project("p").hash != first
    STORES["hpo_config"].recreate("h", HpoConfig(metric="loss", mode="min", trials=5))
    bundle("q", None, {"hpo_config": "h"}, replace=True, base=load_project("q"))
    assert load_project("q").hash != first


def test_a_replaced_or_removed_project_is_kept_as_a_dated_backup(train: Path) -> None:
    bundle("p", train, CONFIGS)
    old = tree(project_path("p"))
    bundle("p", train, CONFIGS, replace=True)
    backup = remove_project("p")
    backups = sorted((projects_path() / ".backup").iterdir())
    assert len(backups) == 2
    assert tree(backups[0]) == old
    assert backup.name.startswith(f"p_{time.strftime('%Y%m%d')}")
    assert project_names() == []


def test_what_is_not_named_in_an_update_stays(train: Path) -> None:
    bundle("p", train, CONFIGS)
    train.unlink()
    STORES["grid_config"].recreate("g", GridConfig(site="elsewhere"))
    STORES["hpo_config"].recreate("h", HpoConfig(metric="loss", mode="min", trials=5))
    bundle("p", None, {"hpo_config": "h"}, replace=True, base=load_project("p"))
    project = load_project("p")
    assert (project.hpo_config.trials, project.grid_config.site) == (5, "local")
    assert project.scripts_path == str(train)
    assert scripts_of("p") == {"train.py": RETURNS.encode()}


def test_a_hidden_script_survives_an_update(train: Path) -> None:
    hidden = train.rename(train.with_name(".train.py"))
    STORES["model_config"].recreate("m", ModelConfig(script=".train.py", model="train"))
    bundle("p", hidden, CONFIGS)
    bundle("p", None, {"grid_config": "g"}, replace=True, base=load_project("p"))
    export_project("p", train.with_name("p.tar.gz"))
    import_project(train.with_name("p.tar.gz"), "q")
    assert list(scripts_of("p")) == list(scripts_of("q")) == [".train.py"]


def test_an_update_of_what_was_changed_meanwhile_is_refused(train: Path) -> None:
    bundle("p", train, CONFIGS)
    base = load_project("p")
    bundle("p", train, CONFIGS, replace=True)
    before = tree(projects_path())
    with pytest.raises(UserError, match="project 'p' was changed meanwhile; try again"):
        bundle("p", None, {"grid_config": "g"}, replace=True, base=base)
    assert tree(projects_path()) == before


REFUSALS: list[tuple[Callable[[Path], Any], str]] = [
    (lambda path: bundle("p", path, {**CONFIGS, "hpo_config": "hh"}), "unknown hpo config 'hh'"),
    (lambda path: bundle("p", path / "gone", CONFIGS), "scripts_path: no such file or folder"),
    (lambda path: bundle("../p", path, CONFIGS), "is no name for a project"),
    (lambda path: bundle("p", path.parent / "other", CONFIGS), r"unknown file 'train\.py'"),
    (lambda path: bundle("p", path, CONFIGS, replace=True), "unknown project 'p'"),
]


@pytest.mark.parametrize(("attempt", "problem"), REFUSALS, ids=[text for _, text in REFUSALS])
def test_a_refusal_writes_nothing(
    train: Path, home: Path, attempt: Callable[[Path], Any], problem: str
) -> None:
    (train.parent / "other").mkdir()
    (train.parent / "other" / "train.sh").write_text("")
    before = tree(home)
    with pytest.raises(UserError, match=problem):
        attempt(train)
    assert tree(home) == before


def test_a_taken_name_is_refused(train: Path, home: Path) -> None:
    bundle("p", train, CONFIGS)
    before = tree(home)
    with pytest.raises(UserError, match="project 'p' exists; use recreate"):
        bundle("p", train, CONFIGS)
    assert tree(home) == before


def test_a_parameter_in_both_space_and_param_is_refused(train: Path) -> None:
    STORES["model_config"].recreate(
        "m", ModelConfig(script="train.py", model="train", param={"x": 1})
    )
    with pytest.raises(UserError, match="'x' is in the search space and in the model config's"):
        bundle("p", train, CONFIGS)


def test_a_script_that_is_wrong_is_shown_with_the_users_own_lines(train: Path, home: Path) -> None:
    train.write_text("import helper\n")
    folder = train.parent
    (folder / "helper.py").write_text("def f():\n    return 1 / 0\n\nf()\n")
    before = tree(home)
    with pytest.raises(UserError) as caught:
        assemble("p", folder, CONFIGS)
    lines = str(caught.value).splitlines()
    assert lines[0] == "train.py cannot be imported:"
    assert lines[2] == f'  File "{folder}/train.py", line 1, in <module>'
    assert f'  File "{folder}/helper.py", line 2, in f' in lines
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "hpogrid/" not in str(caught.value)
    assert {name for name in tree(home) if "lock" not in name} == {*before, "projects"}


def test_a_missing_library_is_a_note(train: Path) -> None:
    train.write_text("import no_such_library\n")
    (note,) = assemble("p", train, CONFIGS)
    assert note == "train.py was not checked: no_such_library is not installed here"


def test_the_check_sees_what_jobs_will_see(train: Path) -> None:
    train.write_text("import helper\n" + RETURNS)
    (train.parent / "helper.py").write_text("")
    (train.parent / ".hpogridignore").write_text("helper.py")
    (note,) = assemble("p", train.parent, CONFIGS)
    assert note == "train.py was not checked: helper is not installed here"


def test_the_check_leaves_nothing_behind(train: Path) -> None:
    train.write_text("import helper\nopen('written', 'w').close()\n" + RETURNS)
    (train.parent / "helper.py").write_text("")
    assemble("p", train.parent, CONFIGS)
    assert sorted(path.name for path in train.parent.iterdir()) == ["helper.py", "train.py"]


def test_no_check_takes_the_script_as_it_is(train: Path) -> None:
    train.write_text("1 / 0\n")
    assert assemble("p", train, CONFIGS, check=False) == []


# --- export and import ---------------------------------------------------------------------


def test_a_project_travels_in_one_file(tmp_path: Path) -> None:
    project = store_project(files={"lib/net.py": "x = 1\n"})
    path = export_project("p", tmp_path / "out" / "p.tar.gz")
    assert import_project(path, "q") == "q"
    assert load_project("q") == msgspec.structs.replace(project, name="q")
    assert scripts_of("q") == scripts_of("p")
    with pytest.raises(UserError, match="project 'p' exists"):
        import_project(path, None)
    remove_project("p")
    assert import_project(path, None) == "p"
    assert load_project("p") == project


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as stream:
        for member, content in members:
            member.size = len(content)
            stream.addfile(member, io.BytesIO(content))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


DEVICE = tarfile.TarInfo("scripts/null")
DEVICE.type = tarfile.CHRTYPE


@pytest.mark.parametrize(
    "member",
    [
        tarfile.TarInfo("../outside"),
        tarfile.TarInfo("scripts/../../outside"),
        link("scripts/link", "/etc/passwd"),
        link("scripts/link", "../../../etc/passwd"),
        link("scripts/hard", "../../outside", tarfile.LNKTYPE),
        DEVICE,
    ],
    ids=lambda member: member.name + member.linkname,
)
def test_an_archive_with_paths_outside_of_itself_is_refused(
    tmp_path: Path, home: Path, member: tarfile.TarInfo
) -> None:
    store_project()
    exported = export_project("p", tmp_path / "p.tar.gz")
    with tarfile.open(exported) as stream:
        found = [(item, stream.extractfile(item)) for item in stream.getmembers()]
        parts = [(item, file.read()) for item, file in found if file is not None]
    before = tree(home)
    with pytest.raises(UserError, match=r"bad.tar.gz cannot be unpacked"):
        import_project(archive(tmp_path / "bad.tar.gz", *parts, (member, b"")), "q")
    assert tree(home) == before
    assert not (tmp_path / "outside").exists()


def with_project(**changes: Any) -> bytes:
    data = json.loads((project_path("p") / "project.json").read_text())
    return json.dumps({**data, **changes}).encode()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "../../escape"}, "is no name for a project"),
        ({"version": 9}, "no exported project: project.json has version 9, this hpogrid reads 1"),
        ({"hpo_config": {"trials": 0}}, "trials: expected int >= 1"),
        ({"hpo_config": {"log_dir": "/etc"}}, "log_dir: '/etc' must be relative"),
        ({"model_config": {"script": "../x.py", "model": "m"}}, "without '..'"),
        ({"model_config": {"script": "gone.py", "model": "m"}}, "unknown file 'gone.py'"),
        ({"search_space": {}}, "search space of project"),
    ],
)
def test_an_archive_with_a_wrong_project_is_refused(
    tmp_path: Path, home: Path, changes: dict[str, Any], problem: str
) -> None:
    store_project()
    members = [
        (tarfile.TarInfo("project.json"), with_project(**changes)),
        (
            tarfile.TarInfo("scripts/train.py"),
            (project_path("p") / "scripts/train.py").read_bytes(),
        ),
    ]
    path = archive(tmp_path / "bad.tar.gz", *members)
    before = tree(home)
    with pytest.raises(UserError, match=problem):
        import_project(path, None if "name" in changes else "q")
    assert tree(home) == before


def test_files_that_are_no_export(tmp_path: Path) -> None:
    store_project()
    with pytest.raises(UserError, match="no such file"):
        import_project(tmp_path / "gone.tar.gz", None)
    whole = export_project("p", tmp_path / "p.tar.gz").read_bytes()
    flipped = whole[:100] + bytes([whole[100] ^ 255]) + whole[101:]
    for number, content in enumerate((b"", b"text", whole[: len(whole) // 2], flipped)):
        path = tmp_path / f"{number}.tar.gz"
        path.write_bytes(content)
        with pytest.raises(UserError, match=f"{path} "):
            import_project(path, "q")
    empty = archive(tmp_path / "empty.tar.gz")
    with pytest.raises(UserError, match=r"empty.tar.gz is no exported project: it has no project"):
        import_project(empty, "q")
    assert project_names() == ["p"]


def test_an_export_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    store_project()
    (tmp_path / "file").write_text("old")
    with pytest.raises(UserError, match=r"cannot write .*not a directory"):
        export_project("p", tmp_path / "file" / "p.tar.gz")
    with pytest.raises(UserError, match="unknown project 'x'"):
        export_project("x", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "old"


# --- what tasks get --------------------------------------------------------------------------


def test_a_bundle_is_a_copy(tmp_path: Path) -> None:
    project = store_project(files={"lib/net.py": "x = 1\n"})
    copy_bundle(project, tmp_path / "bundle")
    assert tree(tmp_path / "bundle") == tree(project_path("p"))
    assert read_project(tmp_path / "bundle") == project


def test_a_project_that_changes_before_it_is_copied_is_refused(tmp_path: Path) -> None:
    project = store_project()
    remove_project("p")
    store_project("def train(config):\n    return 2\n")
    with pytest.raises(UserError, match="was changed meanwhile"):
        copy_bundle(project, tmp_path / "bundle")


@pytest.mark.parametrize(
    ("text", "problem"),
    [(b"{", "is damaged"), (b"{}", "missing required field"), (b'{"name": 1}', "expected str")],
)
def test_a_damaged_project(text: bytes, problem: str) -> None:
    store_project()
    (project_path("p") / "project.json").write_bytes(text)
    with pytest.raises(UserError, match=problem):
        load_project("p")
