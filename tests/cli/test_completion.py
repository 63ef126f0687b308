"""The Tab key, as click's protocol and in real shells."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.commands import ok
from tests.projects import store_project

HPOGRID = [sys.executable, "-m", "hpogrid"]
SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "--interactive"],
}
SOURCES = {
    "bash": "source <(hpogrid completion bash)",
    "zsh": "autoload -Uz compinit; compinit -u -D; source <(hpogrid completion zsh)",
    "fish": "hpogrid completion fish | source",
}
SECONDS = 60


def offered(*words: str) -> set[str]:
    """What the Tab key offers behind these words, the last of which is unfinished."""
    environment = {
        **os.environ, "_HPOGRID_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["hpogrid", *words]), "COMP_CWORD": str(len(words)),
    }  # fmt: skip
    answer = subprocess.run(HPOGRID, env=environment, capture_output=True, text=True, check=True)
    return {line for line in answer.stdout.split("\n") if line}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user directory with something of each kind, which nobody changes."""
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HPOGRID_HOME", str(folder))
        store_something()
    return folder


def store_something() -> None:
    store_project(name="curves", trials=2, metric="val_loss", script="""
import hpogrid
def train(config):
    hpogrid.report(val_loss=config["x"], val_acc=1.0)
""")  # fmt: skip
    ok("hpo_config", "create", "quick", "--metric", "val_loss", "--mode", "min")
    ok("grid_config", "create", "here", "--site", "ANALY_SOMEWHERE")
    ok("search_space", "create", "plane", "height=0.0:1.0", "width=1:8")
    ok("local_run", "curves")


@pytest.fixture
def known(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPOGRID_HOME", str(shared))


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("report cu", {"plain,curves"}),
        ("run cu", {"plain,curves"}),
        ("local_run c", {"plain,curves"}),
        ("compare cu", {"plain,curves"}),
        ("project update cu", {"plain,curves"}),
        ("project update curves --hpo_config q", {"plain,quick"}),
        ("hpo_config show q", {"plain,quick"}),
        ("hpo-config remove q", {"plain,quick"}),
        ("search_space sample p", {"plain,plane"}),
        ("search_space update plane --drop h", {"plain,height"}),
        ("tasks logs 1", {"plain,1"}),
        ("tasks kill 1", {"plain,1"}),
        ("tasks logs 1 --trial 0-1", {"plain,0-1"}),
        ("run curves --site sl", {"plain,slurm"}),
        ("run curves --site AN", {"plain,ANALY_SOMEWHERE"}),
        ("report curves --metric val_", {"plain,val_loss", "plain,val_acc"}),
        ("report curves --extra val_a", {"plain,val_acc"}),
        ("report nothing.cs", {"file,nothing.cs"}),
        ("init tr", {"file,tr"}),
        ("tune tr", {"file,tr"}),
        ("tune train.py --algorithm hyp", {"plain,hyperopt"}),
        ("run xyz", set()),
    ],
)
def test_names_of_what_there_is(words: str, expected: set[str]) -> None:
    assert offered(*words.split(" ")) == expected


@pytest.mark.usefixtures("known")
def pressed(shell: str, text: str, folder: Path) -> str:
    """What a shell shows after it has learned the completion, and a text and Tab are typed."""
    ours, theirs = pty.openpty()
    bin_folder = str(Path(sys.executable).parent)
    environment = {
        **os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "TERM": "dumb",
        "PS1": "$ ", "HOME": str(folder),
    }  # fmt: skip
    process = subprocess.Popen(SHELLS[shell], stdin=theirs, stdout=theirs, stderr=theirs,
                               env=environment, cwd=folder, start_new_session=True,
                               preexec_fn=own_terminal)  # fmt: skip
    os.close(theirs)
    try:
        os.write(ours, f"{SOURCES[shell]}; echo re''ady\n".encode())
        read_until(ours, "ready")
        os.write(ours, f"{text}\t".encode())
        return read_until(ours, "curves")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def own_terminal() -> None:
    """Make the terminal that is the standard input the one of this process."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def read_until(handle: int, text: str) -> str:
    """What comes, up to a text, or what has come when it does not."""
    seen, end = "", time.monotonic() + SECONDS
    while time.monotonic() < end:
        ready, _, _ = select.select([handle], [], [], 0.5)
        if ready:
            seen += os.read(handle, 4096).decode(errors="replace")
            if re.search(text, seen):
                return seen
    raise AssertionError(f"'{text}' did not come: {seen!r}")


@pytest.mark.usefixtures("known")
@pytest.mark.engine
@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell_completes_the_name_of_a_project(shell: str, tmp_path: Path) -> None:
    assert shutil.which(shell), f"{shell} is not installed: .ci/packages.txt lists it"
    assert "curves" in pressed(shell, "hpogrid report cu", tmp_path)
