"""Results handed to other tools; to do it twice changes nothing."""

from __future__ import annotations

from typing import Protocol

from hpogrid.registry import Entry, Registry
from hpogrid.report.card import environment_rows, note_words
from hpogrid.report.results import Origin, Results
from hpogrid.study.study import Trial

EXPORTERS = Registry(
    "tracker",
    {
        "mlflow": Entry("hpogrid.report.export.to_mlflow:MlflowExporter", "runs in MLflow"),
        "optuna": Entry("hpogrid.report.export.to_optuna:OptunaExporter", "a study of Optuna"),
        "tensorboard": Entry(
            "hpogrid.report.export.to_tensorboard:TensorboardExporter", "TensorBoard's HParams"
        ),
    },
)


def exporter(name: str) -> Exporter:
    """The exporter to a tool.

    Raises:
        UserError: unknown (the known ones are listed), or a missing library (the extra is named).
    """
    made: Exporter = EXPORTERS.load(name)()
    return made


class Exporter(Protocol):
    """Writes results where another tool reads them.

    What is there already, from an earlier export of the same trials, is kept; trials that have
    ended since are brought up to date.
    """

    def export(self, results: Results, target: str) -> str:
        """Write to a place that the tool knows; return a sentence that says what was done.

        Raises:
            UserError: the place cannot be used.
        """


def trial_key(results: Results, task: Origin, trial: Trial) -> str:
    """The identity of a trial wherever it is exported to."""
    return f"{results.name}/{task.key or task.name or task.id or task.folder}/{trial.id}"


def told_of(task: Origin, trial: Trial) -> dict[str, str]:
    """What is known of a trial beside its numbers: tags, notes, and in what it ran."""
    said = task.said(trial)
    found = {
        "tags": ", ".join(said.tags),
        "notes": "\n".join(map(note_words, said.notes)),
        "files": ", ".join(item.path for item in task.files.get(trial.id, ())),
        **environment_rows(task.environment(trial)),
    }
    return {name: text for name, text in found.items() if text}
