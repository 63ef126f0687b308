"""What is said before a submission about the cores that jobs will have."""

from __future__ import annotations

from typing import Any

import pytest

from hpogrid.site import make_site
from hpogrid.site.tasks import sketch
from tests.projects import store_project

ONE = "gives a job one core if it asks for none, and then its trials run one at a time"


def notes(site: str, grid: dict[str, Any] | None = None, **hpo: Any) -> str:
    settings = {"trials": 9, "scheduler_param": {"max_concurrent": 4}, **hpo}
    project = store_project(grid=grid, **settings)
    return "\n".join(make_site(site).notes(sketch(project, site, 1), project, ask=False))


@pytest.mark.parametrize("site", ["sge", "ANALY_SOMEWHERE"])
def test_sites_that_give_one_core(site: str) -> None:
    assert f"{ONE} (max_concurrent is 4): ask with --cpus" in notes(site)


@pytest.mark.parametrize("site", ["slurm", "htcondor", "local"])
def test_sites_that_are_asked_for_the_cores_of_all_trials(site: str) -> None:
    assert notes(site) == ""


@pytest.mark.parametrize(
    "settings",
    [
        {"grid": {"cpus": 1}},
        {"grid": {"gpus": 1}},
        {"grid": {"extra": {"pe": "smp 4", "nCore": 8}}},
        {"gpus_per_trial": 1},
        {"trials": 1},
        {"cpus_per_trial": 0.25},
    ],
)
@pytest.mark.parametrize("site", ["sge", "ANALY_SOMEWHERE"])
def test_nothing_is_said_to_those_who_have_said_it(site: str, settings: dict[str, Any]) -> None:
    assert notes(site, **settings) == ""


def test_more_cores_than_were_asked_for() -> None:
    asked = notes("ANALY_SOMEWHERE", grid={"cpus": 4})
    assert asked == "jobs of PanDA have 1 or 8 cores, so that 4 (cpus) become 8"
    assert notes("ANALY_SOMEWHERE", grid={"cpus": 8}, name="q") == ""
