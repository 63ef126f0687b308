"""All that is known of one trial."""

from __future__ import annotations

import shlex
import time

from hpogrid.report.choice import Chosen
from hpogrid.report.results import Origin
from hpogrid.space.value import Values
from hpogrid.study.events import Environment
from hpogrid.study.notes import Said
from hpogrid.study.study import Trial
from hpogrid.study.values import WITH_RESULT


def card(chosen: Chosen) -> Values:
    """The facts about a trial by their names, as JSON has them; what is not known is left out."""
    trial, origin = chosen.trial, chosen.origin
    said = origin.notes.get(trial.id)
    found: Values = {
        "trial": trial.id,
        "task": origin.id,
        "state": trial.state,
        "reason": trial.reason,
        "values": trial.applied,
        "result": trial.metrics if trial.state in WITH_RESULT else None,
        "reports": len(trial.reports) or None,
        "last_report": trial.reports[-1].metrics if trial.reports else None,
        "started": _moment(trial.started),
        "seconds": round(trial.duration, 3) if trial.ended is not None else None,
        "attempts": trial.attempt,
        "seed": trial.seed,
        "host": trial.host,
        "site": origin.site,
        "job": trial.job,
        "environment": environment_rows(origin.environment(trial)) or None,
        "tags": (said.tags if said else None) or None,
        "notes": ([note_words(item) for item in said.notes] if said else None) or None,
        "files": [item.path for item in origin.files.get(trial.id, ())] or None,
        "log": log_command(origin, trial),
        "replay": replay_command(origin, trial),
    }
    return {name: value for name, value in found.items() if value is not None}


def note_words(said: Said) -> str:
    """A note, with who wrote it and when."""
    return f"{said.note} ({said.user}, {_moment(said.time)})"


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def environment_rows(found: Environment | None) -> dict[str, str]:
    """What an environment is made of, a line each; what is not known is left out."""
    if found is None:
        return {}
    rows = {
        "Python": " ".join(filter(None, [found.python, found.program and f"({found.program})"])),
        "packages": ", ".join(f"{name} {version}" for name, version in found.packages.items()),
        "system": found.system,
        "GPUs": ", ".join(found.gpus),
        "GPU driver": found.driver,
        "threads": str(found.threads or ""),
        "image": found.image,
        "image digest": "" if found.digest in found.image else found.digest,
        "Git commit": found.git.words if found.git else "",
    }
    return {name: text for name, text in rows.items() if text}


def log_command(origin: Origin, trial: Trial) -> str | None:
    """What shows what a trial printed; None: it is of no task of the table."""
    if origin.id == "":
        return None
    return shlex.join(["hpogrid", "tasks", "logs", str(origin.id), "--trial", trial.id])


def replay_command(origin: Origin, trial: Trial) -> str | None:
    """What runs a trial again as it was; None: it cannot be."""
    if origin.id == "" or trial.parent is not None:
        return None
    return shlex.join(["hpogrid", "replay", str(origin.id), trial.id])
