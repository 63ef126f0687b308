"""A batch system of sixty lines: ``fakebatch.py STATE submit | queue | history | kill ...``.

Members of an array are processes; a file for each says how it is: ``queued``, ``running PID``,
or ``ended CODE``. A member's script finds its number in FAKE_MEMBER.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import time
from pathlib import Path


def words_of(path: Path) -> list[str]:
    """How a member is; whoever writes it down just now has done so in an instant."""
    while not (words := path.read_text().split()):
        time.sleep(0.001)
    return words


def submit(state: Path, script: str, count: str, most: str) -> None:
    import subprocess  # who asks how members are, as most do, starts without it

    number = len(list(state.iterdir())) + 1
    folder = state / str(number)
    folder.mkdir()
    for member in range(1, int(count) + 1):
        (folder / str(member)).write_text("queued")
    words = [sys.executable, "-I", "-S", __file__, str(state), "serve", str(number), script, most]
    quiet = subprocess.DEVNULL  # else whoever reads our output waits for it as well
    subprocess.Popen(words, start_new_session=True, stdin=quiet, stdout=quiet, stderr=quiet)
    print(number)


def serve(state: Path, number: str, script: str, most: str) -> None:
    """Run the members of one array, at most ``most`` at once (0: any number)."""
    import subprocess

    folder, running = state / number, dict[Path, subprocess.Popen[bytes]]()
    while running or any(words_of(path) == ["queued"] for path in folder.iterdir()):
        for path, process in list(running.items()):
            if process.poll() is not None:
                path.write_text(f"ended {process.returncode}")
                del running[path]
        for path in sorted(folder.iterdir(), key=lambda path: int(path.name)):
            if words_of(path) == ["queued"] and (most == "0" or len(running) < int(most)):
                log = Path(script).with_name(f"{path.name}.log").open("ab")
                environment = {**os.environ, "FAKE_MEMBER": path.name}
                running[path] = subprocess.Popen(
                    [script], env=environment, stdout=log, stderr=log, start_new_session=True
                )
                path.write_text(f"running {running[path].pid}")
        time.sleep(0.05)


def show(state: Path, *kinds: str) -> None:
    for path in state.glob("*/*"):
        words = words_of(path)
        if words[0] in kinds:
            print(path.parent.name, path.name, *words)


def kill(state: Path, *names: str) -> None:
    """End arrays (``5``) and members of them (``5/2``)."""
    found = [state / name for name in names]
    members = [sorted(path.iterdir()) if path.is_dir() else [path] for path in found]
    for path in itertools.chain(*members):
        words = words_of(path)
        if words[0] == "running":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(words[1]), signal.SIGKILL)
        if words[0] == "queued":
            path.write_text("ended -9")


if __name__ == "__main__":
    place, verb, *rest = Path(sys.argv[1]), *sys.argv[2:]
    place.mkdir(exist_ok=True)
    match verb:
        case "submit":
            submit(place, *rest)
        case "serve":
            serve(place, *rest)
        case "queue":
            show(place, "queued", "running")
        case "history":
            show(place, "ended")
        case "kill":
            kill(place, *rest)
