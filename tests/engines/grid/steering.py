"""The stand-in for iDDS, which has points proposed by the script that iDDS itself writes.

The booter starts it as its own ``idds_stub``, which is ``idds_points`` then.
"""

from __future__ import annotations

import http.server
import json
import socketserver
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from idds.atlas.workflowv2.atlashpowork import ATLASHPOWork  # type: ignore[import-not-found]

servers: list[socketserver.BaseServer] = []
serve = http.server.ThreadingHTTPServer.serve_forever


def note(server: socketserver.BaseServer, poll_interval: float = 0.5) -> None:
    """Serve later, when points are proposed in the other way."""
    servers.append(server)


http.server.ThreadingHTTPServer.serve_forever = note  # type: ignore[assignment, method-assign]
import idds_points as stub  # type: ignore[import-not-found]  # noqa: E402


class Work(ATLASHPOWork):  # type: ignore[misc]
    """A generation of points, in a folder of its own instead of at HTCondor."""

    def get_working_dir(self, processing: object) -> str:
        """The folder."""
        return str(self.agent_attributes["workdir"])

    def get_long_id(self, processing: object) -> str:
        """What distinguishes its script."""
        return "1_1_1"


def steer(request: dict[str, Any], points: list[dict[str, Any]], count: int) -> list[Any]:
    """New points, ``count`` at most."""
    with tempfile.TemporaryDirectory(dir=stub.ROOT / "work") as folder:
        work = Work(
            **{name: request[name] for name in ("executable", "arguments", "sandbox", "opt_space")},
            output_json=request["output_json"], max_points=request["max_points"],
            workload_id=request["workload_id"], agent_attributes={"workdir": folder},
        )  # fmt: skip
        work.points_to_generate, work.input_json = count, "idds_input.json"
        known = [[point["parameters"], point["loss"]] for point in points]
        asked = {"points": known, "opt_space": request["opt_space"]}
        Path(folder, work.input_json).write_text(json.dumps(asked))
        script = work.generate_processing_script_container(None)
        done = subprocess.run(["bash", script], cwd=folder, capture_output=True, text=True)
        stub.record(script=Path(script).read_text(), code=done.returncode, said=done.stderr[-1000:])
        about = dict.fromkeys(("request_id", "workload_id", "processing_id"), 1)
        found, _ = work.parse_processing_outputs(about)
        return list(found or [])


if __name__ == "__main__":
    stub.steer = steer
    [server] = servers
    serve(server)
