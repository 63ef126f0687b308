"""Checking a training script before it is submitted, in a process of its own.

``python -m hpogrid.trial.check FOLDER SCRIPT MODEL`` prints the outcome as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hpogrid.errors import UserError

_SECONDS = 60


def check_script(folder: Path, script: str, model: str) -> str | None:
    """Import a script in another process and look for the model in it.

    Returns:
        None, or a note on why it could not be checked here (a library that is not installed,
        or an import that takes longer than a minute).

    Raises:
        UserError: the script is wrong: with its own traceback, or the names that are there.
    """
    command = [sys.executable, "-m", "hpogrid.trial.check", str(folder), script, model]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{script} was not checked: importing it took longer than {_SECONDS} s"
    try:
        outcome = json.loads(answer.stdout.splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        detail = (answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"])[-1]
        raise UserError(f"{script} ends the process that imports it: {detail}") from None
    if outcome["missing"]:
        return f"{script} was not checked: {outcome['missing']} is not installed here"
    if outcome["error"]:
        raise UserError(outcome["error"])
    return None


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
    sys.stdout.write("\n" + json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
