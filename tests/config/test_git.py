from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hpogrid.config.git import MOST_NAMED, Git, git_state

MARK = "touched-by-a-hook"


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", folder, *who, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A folder of scripts below the top of a repository."""
    folder = tmp_path / "repository" / "scripts"
    (folder / "parts").mkdir(parents=True)
    for name in ("train.py", "parts/one.py", "old.py"):
        (folder / name).write_text("pass\n")
    git(tmp_path / "repository", "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


NAMES = ("old.py", "parts/one.py", "train.py")


def test_the_commit_of_scripts_as_they_are(scripts: Path) -> None:
    commit = git(scripts, "rev-parse", "HEAD")
    assert git_state(scripts, NAMES) == Git(commit)
    assert git_state(scripts / "train.py", ["train.py"]) == Git(commit)
    (scripts.parent / "elsewhere").write_text("no script")
    assert git_state(scripts, NAMES) == Git(commit)


def test_what_is_not_as_in_the_commit(scripts: Path) -> None:
    commit = git(scripts, "rev-parse", "HEAD")
    (scripts / "train.py").write_text("changed\n")
    (scripts / "new ü.py").write_text("new\n")
    (scripts / "made").mkdir()
    (scripts / "made" / "data.txt").write_text("ignored\n")
    (scripts / ".gitignore").write_text("made\n")
    git(scripts, "mv", "old.py", "moved.py")
    names = ["moved.py", "parts/one.py", "train.py", "new ü.py", "made/data.txt"]
    found = git_state(scripts, names)
    assert found == Git(commit, ("made/data.txt", "moved.py", "new ü.py", "train.py"))
    assert found is not None
    assert found.words == f"{commit} with changes in made/data.txt, moved.py, new ü.py, train.py"


def test_many_changes_are_counted(scripts: Path) -> None:
    names = [f"{number:03d}.py" for number in range(MOST_NAMED + 3)]
    for name in names:
        (scripts / name).touch()
    found = git_state(scripts, names)
    assert found is not None
    assert (len(found.changed), found.others) == (MOST_NAMED, 3)
    assert found.words.endswith(" and 3 more")


def test_no_repository_no_commit_and_no_git(
    tmp_path: Path, scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    assert git_state(tmp_path / "empty", []) is None
    git(tmp_path / "empty", "init", "-q")
    assert git_state(tmp_path / "empty", []) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(scripts, NAMES) is None


def test_looking_starts_nothing_that_the_folder_names(scripts: Path) -> None:
    hook = scripts.parent / "hook.sh"
    hook.write_text(f"#!/bin/sh\ntouch {scripts.parent / MARK}\n")
    hook.chmod(0o755)
    git(scripts, "config", "core.fsmonitor", str(hook))
    (scripts / "train.py").write_text("changed\n")
    assert git_state(scripts, NAMES) is not None
    assert not (scripts.parent / MARK).exists()
