"""``docker run`` as far as iDDS uses it, by Apptainer: ``docker_run.py IMAGE run WORDS...``.

IMAGE, a SIF file, stands for whatever image is named. As with docker nothing of the host is seen in
the container but what ``-v`` names, and the command starts elsewhere.
"""

from __future__ import annotations

import os
import sys


def main(image: str, words: list[str]) -> None:
    """Become Apptainer."""
    if words.pop(0) != "run":  # such as ``image rm``
        return
    options = []
    while words[0].startswith("-"):
        word = words.pop(0)
        if word == "-v":
            outside, inside = words.pop(0).rsplit(":", 1)
            if not inside.startswith("/"):
                sys.exit(f"docker: invalid mount path: '{inside}' mount path must be absolute")
            options += ["--bind", f"{outside}:{inside}"]
        elif word != "--rm":
            sys.exit(f"docker: unknown option {word}")
    words.pop(0)
    command = ["apptainer", "exec", "--containall", "--no-home", *options, "--pwd", "/", image]
    os.execvp("apptainer", [*command, *words])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
