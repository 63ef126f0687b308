"""What `serve_faults` does to a search beside killing its server: cables and disks."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from serve_attack import certificate
from serve_round import Round, quick_end

_HERE = str(Path(__file__).parent)
_DISK_MB = 8


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


class Cut(Round):
    """Server and jobs in network namespaces of their own, with a cable between them."""

    seconds = 400.0

    def prepare(self) -> str:
        """See `Round`: two namespaces, TLS, and in every third round a relay."""
        here = f"hg{os.getpid()}"
        names = {"s": f"{here}s", "j": f"{here}j"}
        for end, name in names.items():
            _do("ip", "netns", "add", name)
            self._stack.callback(_do, "ip", "netns", "del", name)
            _do("ip", "-n", name, "link", "set", "lo", "up")
            if end == "j":
                cable = ("type", "veth", "peer", "name", "e", "netns", name)
                _do("ip", "-n", names["s"], "link", "add", "e", *cable)
        for name, address in zip(names.values(), ("10.9.8.1", "10.9.8.2"), strict=True):
            _do("ip", "-n", name, "address", "add", f"{address}/24", "dev", "e")
            _do("ip", "-n", name, "link", "set", "e", "up")
        self._cable = ("ip", "-n", names["s"], "link", "set", "e")
        self.at_server = ("ip", "netns", "exec", names["s"])
        self.at_jobs = ("ip", "netns", "exec", names["j"])
        self._options = ["--host", "0.0.0.0", *certificate(self._folder, "10.9.8.1")]
        self._calm = 0.0
        if self._rng.random() > 1 / 3:
            return f"https://10.9.8.1:{self._port}"
        code = (
            f"import asyncio, sys; sys.path.insert(0, {_HERE!r}); from serve_relay import relay; "
            f"asyncio.run(relay({self._port + 1}, {self._port}))"
        )
        relay = self._run([*self.at_server, sys.executable, "-c", code], "relay.log")
        self._stack.callback(relay.wait)
        self._stack.callback(relay.kill)
        return f"https://10.9.8.1:{self._port + 1}"

    def harm(self) -> None:
        """Pull the cable for a while; the server may go and come back meanwhile."""
        _do(*self._cable, "down")
        pause = self._rng.choice([1.0, 4.0, 15.0]) * self._rng.random()
        if self._rng.random() < 0.5:
            self._kill_server()
            time.sleep(pause)
            self._serve()
        else:
            time.sleep(pause)
        _do(*self._cable, "up")
        self._let_live(self._calm)


class Full(Round):
    """The server's disk is small, and full now and then."""

    def prepare(self) -> str:
        """See `Round`: the user directory on a disk of its own."""
        home = self._folder / "home"
        home.mkdir()
        _do("mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", str(home))
        self._stack.callback(_do, "umount", "--lazy", str(home))
        return super().prepare()

    def harm(self) -> None:
        """Fill the disk to its last byte for a while."""
        ballast = self._folder / "home" / "ballast"
        with ballast.open("wb", buffering=0) as stream:
            for size in (2**16, 2**12, 1):
                try:
                    while stream.write(b"x" * size) == size:
                        pass
                except OSError:
                    continue
        time.sleep(self._rng.uniform(0, 5.0))
        ballast.unlink()


KINDS = {"kill": Round, "cut": Cut, "full": Full}


def play(harm: str, seed: int, folder: Path, *, finite: bool) -> Counter[str]:
    """One round; return its figures."""
    with quick_end():
        return KINDS[harm](folder, random.Random(seed), finite=finite).play()
