"""The worker of the local PanDA, which brings a job its input as the pilot does.

usage: worker.py BOOTER STAGE OPTION...

Every file is copied from Rucio into the folder in which the job runs: nothing is read from afar.
STAGE is a shell command that gets the folder and the names (``scope:name``).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

booter, stage = sys.argv[1:3]
del sys.argv[1:3]
sys.path[0] = booter
import worker  # type: ignore[import-not-found]  # noqa: E402


class Run(worker.Run):  # type: ignore[misc]
    """One job."""

    def unpack(self) -> Path:
        """The folder of the job, with its bundle and its input."""
        folder: Path = super().unpack()
        scopes = worker.split(self.job.get("scopeIn"))
        files = zip(scopes, worker.split(self.job.get("inFiles")), strict=False)
        names = [f"{scope}:{name}" for scope, name in files if scope not in ("None", "NULL")]
        if names:
            command = ["/bin/sh", "-c", f'{stage} "$@"', "stage", str(folder), *names]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise worker.JobError(worker.STAGEIN_FAILED, done.stderr.strip()[-300:])
            print(worker.utc(), self.job["PandaID"], "input", *names, flush=True)
        return folder


if __name__ == "__main__":
    worker.Run = Run
    worker.main()
