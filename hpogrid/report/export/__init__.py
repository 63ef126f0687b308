"""Results handed to other tools; to do it twice changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpogrid.registry import Entry, Registry

if TYPE_CHECKING:
    from hpogrid.report.export.base import Exporter

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
