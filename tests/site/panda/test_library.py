"""The library of the algorithm is told before a job lacks it."""

from __future__ import annotations

import importlib.util

from hpogrid.search import ALGORITHMS
from hpogrid.site.panda.check import library_note
from tests.projects import store_project


def test_what_has_to_be_in_the_image() -> None:
    assert library_note(store_project()) is None
    note = str(library_note(store_project(name="q", algorithm="bayesian")))
    assert "needs bayes_opt in the image" in note
    assert "random" in note


def test_the_libraries_are_called_so() -> None:
    for name in ALGORITHMS:
        library = ALGORITHMS.library(name)
        assert library is None or importlib.util.find_spec(library) is not None, name
