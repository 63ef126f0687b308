"""Checking a training script before it is submitted, in a process of its own.

``python -m hpogrid.trial.check FOLDER SCRIPT MODEL`` prints the outcome as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hpogrid.trial.declared import read_script
from hpogrid.trial.errors import UserError
from hpogrid.trial.lifeline import describe_exit
from hpogrid.trial.placeholders import hands_over

_SECONDS = 60
_MARK = "hpogrid-check: "


def check_script(folder: Path, script: str, model: str, *, python: str | None = None) -> str | None:
    """Import a script in another process and look for the model in it.

    Args:
        folder: with the script.
        script: its name there.
        model: the function or class.
        python: which Python imports it; None: this one.

    Returns:
        None, or a note on why it could not be checked here (a library that is not installed,
        or an import that takes longer than a minute).

    Raises:
        UserError: the script is wrong: with its own traceback, or the names that are there.
    """
    # -P: what lies in the working directory hides no library; -B: nothing is written there.
    # An older Python has no -P, and takes trials from the folder itself.
    own = [sys.executable, "-P"] if python is None else [python]
    command = [*own, "-B", "-m", "hpogrid.trial.check", str(folder), script, model]
    try:
        answer = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{script} was not checked: importing it took longer than {_SECONDS} s"
    lines = [line for line in answer.stdout.splitlines() if line.startswith(_MARK)]
    if not lines:
        detail = (answer.stderr.strip().splitlines() or [describe_exit(answer.returncode)])[-1]
        raise UserError(f"{script} ends the process that imports it: {detail}")
    outcome = json.loads(lines[-1].removeprefix(_MARK))
    if outcome["missing"]:
        return f"{script} was not checked: {outcome['missing']} is not installed here"
    if outcome["error"]:
        raise UserError(outcome["error"])
    return None


_MANAGERS = ("nni", "wandb")
"""Whom scripts may ask for their parameters instead."""


def unread_note(words: Sequence[str], folder: Path) -> str | None:
    """Why the script of a command cannot know the parameters of its trial; None: it may.

    Args:
        words: the command.
        folder: of the scripts.
    """
    script = read_script(words, folder)
    if script is None or not script.trees or script.reads_environment:
        return None
    name = script.path.relative_to(folder)
    if script.reads_arguments:
        if hands_over(words):
            return None
        return f"{name} gets no parameters: write {{args}} in the command, or what it reads"
    asked = next((f"; what it asks {who} for is not the trial's" for who in _MANAGERS
                  if who in script.uses), "")  # fmt: skip
    return (
        f"{name} never sees the parameters of a trial: nothing in it, or in what it imports from "
        f"this folder, reads the command line or the environment{asked}"
    )


def _missing_library(error: BaseException, folder: Path) -> str | None:
    cause = error.__cause__
    if isinstance(cause, ModuleNotFoundError) and cause.name:
        top = cause.name.split(".")[0]
        if not (folder / top).exists() and not (folder / f"{top}.py").exists():
            return top
    return None


def main(folder: Path, script: str, model: str) -> None:
    """Load the objective and print what happened."""
    from hpogrid.trial.objective import load_objective

    outcome: dict[str, str | None] = {"error": None, "missing": None}
    try:
        load_objective(folder, script, model, {}, ("metric",))
    except UserError as error:
        outcome["missing"] = _missing_library(error, folder)
        outcome["error"] = str(error)
    sys.stdout.write(f"\n{_MARK}{json.dumps(outcome)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
    os._exit(0)  # whatever the script has left running or to do at the end
