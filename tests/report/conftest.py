from __future__ import annotations

import pytest

from hpogrid.report.results import Origin, Results
from tests.report.studies import LOSS, SPACE, sampled_study


@pytest.fixture
def few() -> Results:
    """A dozen of them, for what is slow."""
    task = Origin(id=12, site="local", seconds=900.0, created=1_700_000_000.0)
    return Results("demo", [(task, sampled_study(12))], objectives=LOSS, space=SPACE)


@pytest.fixture
def results() -> Results:
    """Two hundred trials of three jobs, one metric."""
    task = Origin(id=12, site="local", seconds=900.0, created=1_700_000_000.0)
    return Results("demo", [(task, sampled_study(200))], objectives=LOSS, space=SPACE)
