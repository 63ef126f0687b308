"""Real servers for tests of storages, each on a free port of the loopback interface."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: list[str],
    port: int,
    user: str | None = None,
    at: Sequence[str] = (),
    end: signal.Signals = signal.SIGINT,
) -> Iterator[None]:
    """A server from the moment it takes connections until it is stopped.

    Args:
        command: what starts it.
        port: of this machine, or of the one ``at`` which it runs (see `machines`).
        user: whose process it is.
        at: what stands before a command there.
        end: what stops it; SIGINT has PostgreSQL end at once, also with clients connected.
    """
    process = subprocess.Popen(
        [*at, *command], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, user=user
    )
    try:
        deadline = time.monotonic() + 120
        while not connects("127.0.0.1", port, at):
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{command[0]} does not listen on {port}"
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(end)
        process.wait(30)


def connects(host: str, port: int, at: Sequence[str] = ()) -> bool:
    """Whether somebody takes connections, as it looks from a machine."""
    if at:
        look = f"import socket; socket.create_connection(({host!r}, {port}), 1)"
        command = [*at, sys.executable, "-c", look]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
        return True
    return False


@contextlib.contextmanager
def machines(*names: str) -> Iterator[list[list[str]]]:
    """Machines in a row, each with cables to its neighbours alone; as root, with iproute2.

    The cable number n has the addresses 10.98.n.1 and 10.98.n.2. Given is what stands before a
    command that runs on each machine.
    """
    known = [f"{name}-{os.getpid()}" for name in names]
    made: list[str] = []
    try:
        for name in known:
            _ip("netns", "add", name)
            made.append(name)
            _ip("-n", name, "link", "set", "lo", "up")
        for number, (left, right) in enumerate(itertools.pairwise(known)):
            there = ("type", "veth", "peer", "name", "left", "netns", right)
            _ip("-n", left, "link", "add", "right", *there)
            for place, name, end in ((left, "right", 1), (right, "left", 2)):
                _ip("-n", place, "address", "add", f"10.98.{number}.{end}/24", "dev", name)
                _ip("-n", place, "link", "set", name, "up")
        yield [["ip", "netns", "exec", name] for name in known]
    finally:
        for name in made:
            _ip("netns", "del", name)


def _ip(*command: str) -> None:
    done = subprocess.run(["ip", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(command)}: {done.stderr}"


@contextlib.contextmanager
def ssh_server(folder: Path, at: Sequence[str] = (), **variables: str) -> Iterator[int]:
    """An sshd that lets in who has our key; gives its port. Needs the package openssh-server.

    Args:
        folder: for its keys, and for ``config``, with which ssh gets in as ``far``.
        at: the machine on which it runs (see `machines`), for all who reach that.
        variables: the environment that logins find.
    """
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    assert program, "sshd is missing: apt-get install openssh-server"
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "mine"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
        )
    shutil.copy(folder / "mine.pub", folder / "authorized")
    port = free_port()
    (folder / "config").write_text(
        f"Host far\n HostName 127.0.0.1\n Port {port}\n"
        f"Host *\n IdentityFile {folder}/mine\n UserKnownHostsFile {folder}/known\n"
        " StrictHostKeyChecking accept-new\n"
    )
    options = {
        "Port": port, "ListenAddress": "0.0.0.0" if at else "127.0.0.1", "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized", "StrictModes": "no", "UsePAM": "no",
        "PasswordAuthentication": "no", "PidFile": "none", "PermitRootLogin": "yes",
    }  # fmt: skip
    command = [program, "-D", "-e", "-f", "/dev/null"]
    for option, value in options.items():
        command += ["-o", f"{option}={value}"]
    if variables:
        words = (f'"{name}={value}"' for name, value in variables.items())
        command += ["-o", f"SetEnv={' '.join(words)}"]
    # SIGINT it leaves ignored where it finds it so, as in the background of a script.
    with running(command, port, at=at, end=signal.SIGTERM):
        yield port


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """A Redis server; gives its URL. Needs the package redis-server."""
    program = shutil.which("redis-server")
    assert program, "redis-server is missing: apt-get install redis-server"
    port = free_port()
    command = [
        program,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    with running(command, port):
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def postgres_server(folder: Path, password: str | None = None) -> Iterator[str]:
    """A PostgreSQL server; gives the URL of a database. Needs the package postgresql.

    With a password it lets nobody in without it.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert found, "PostgreSQL is missing: apt-get install postgresql"
    programs, port = found[-1], free_port()
    data = folder / "data"
    user = "postgres" if os.getuid() == 0 else None
    if user:
        owner = pwd.getpwnam(user)
        data.mkdir()
        os.chown(data, owner.pw_uid, owner.pw_gid)
        for parent in [folder, *folder.parents][:-2]:
            parent.chmod(parent.stat().st_mode | 0o755)
    initdb = [str(programs / "initdb"), "-D", str(data), "-U", "tester", "-N"]
    if password is None:
        initdb.append("--auth=trust")
    else:
        file = folder / "password"
        file.write_text(password)
        file.chmod(0o644)
        initdb += ["--auth=scram-sha-256", f"--pwfile={file}"]
    subprocess.run(initdb, check=True, capture_output=True, user=user, cwd="/")
    options = ["-c", f"unix_socket_directories={data}", "-c", "listen_addresses=127.0.0.1"]
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), *options]
    with running(command, port, user):
        _wait_for_database(programs, port)
        yield f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"


def _wait_for_database(programs: Path, port: int) -> None:
    ready = [str(programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + 30
    while subprocess.run(ready, capture_output=True, check=False).returncode != 0:
        assert time.monotonic() < deadline, "PostgreSQL takes no connections"
        time.sleep(0.1)
