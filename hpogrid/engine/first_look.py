"""Whether a search is what its user meant, as the first trials of an attempt tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from hpogrid.config.schemas import HpoConfig
from hpogrid.engine.outcomes import REPORTS, SECONDS
from hpogrid.space.value import Value
from hpogrid.study.events import Metrics
from hpogrid.study.study import Trial
from hpogrid.study.values import number

_FEWEST = 3
"""So many trials have to fail for one reason, at the least, until a job is given up."""


class FirstLook:
    """Looks at what is reported until it is clear that it is what the settings speak of.

    Args:
        config: of the search.
        resource: the metric by which the scheduler counts.
        judges: whether the scheduler compares trials that run.
    """

    def __init__(self, config: HpoConfig, resource: str, *, judges: bool) -> None:
        self._config = config
        self._names: set[str] = set()
        self._numbers: set[str] = set()
        self._reasons: list[str] | None = []  # why the first trials failed
        self._checks = _names_to_check(config, resource)
        self._compares = judges and len(config.metrics) > 1

    @property
    def lacks_the_metric(self) -> bool:
        """Whether no trial has ever reported any of the metrics, which is taken for a mistake."""
        unheard = self._names.isdisjoint(self._config.metrics)
        return unheard and self._config.max_failures is None

    def see(self, metrics: Mapping[str, Value]) -> None:
        """Note what a report of any trial has."""
        if not self._names.issuperset(metrics):
            self._names.update(metrics)
        if self._checks:
            self._numbers.update(
                name for name in self._checks if number(metrics.get(name)) is not None
            )

    def remarks(self, trial: Trial, reports: Sequence[Metrics]) -> Iterator[str]:
        """What the user should know after the end of a trial, a sentence each."""
        if self._checks and trial.state != "failed" and trial.metrics:
            self.see(trial.metrics)
            missing = {key: who for key, who in self._checks.items() if key not in self._numbers}
            seen = ", ".join(sorted(self._names))
            for name, who in missing.items():
                yield (
                    f"no trial reports a number '{name}', named by {who}, which has no effect; "
                    f"reported: {seen}"
                )
            self._checks = {}
        if self._compares and trial.state == "complete" and len(reports) > 1:
            self._compares = False
            yield from self._late_metrics(reports[:-1])

    def _late_metrics(self, before: Iterable[Metrics]) -> Iterator[str]:
        early = {name for metrics in before for name in metrics}
        late = [name for name in self._config.metrics if name not in early]
        if late and len(late) < len(self._config.metrics):
            yield (
                f"{' and '.join(late)} came with the last report only: scheduler "
                f"{self._config.scheduler} compares trials by all metrics, and ends none before"
            )

    def hopeless(self, trial: Trial, *, all_failed: bool) -> str | None:
        """Why nothing is to be expected of the search, after the end of a trial.

        Args:
            trial: that has ended.
            all_failed: whether all trials of the job have failed so far.
        """
        if self._reasons is None:
            return None
        if not all_failed:
            self._reasons = None
            return None
        self._reasons.append(re.sub(r"\d+", "0", trial.reason or ""))
        count = max(_FEWEST, self._config.at_once)
        if len(self._reasons) < count:
            return None
        one, self._reasons = len(set(self._reasons)) == 1, None
        if not one or self._config.max_failures is not None:
            return None
        return (
            f"the first {count} trials failed for one reason; set max_failures "
            "to go on after such a start"
        )


def _names_to_check(config: HpoConfig, resource: str) -> dict[str, str]:
    """The reported numbers that settings name, apart from the metrics, and who names them."""
    rules = config.stop_search
    named = [
        *((name, "stop") for name in config.stop),
        (resource, "time_attr"),
        *((name, "min_metric_value") for name in rules.min_metric_value),
        *((name, "max_metric_value") for name in rules.max_metric_value),
    ]
    if rules.max_cost is not None:
        named.append((rules.cost_metric, "cost_metric"))
    found: dict[str, str] = {}
    for name, who in named:
        if name not in (REPORTS, SECONDS) and name not in config.metrics:
            found[name] = f"{found[name]} and {who}" if name in found else who
    return found
