"""How many small changes of the code its tests notice.

    pip install 'cosmic-ray>=8.4'
    python benchmarks/mutation.py [--sample 20] [--only study/values] [--seed 1]

Cosmic Ray changes one thing in a copy of the code: a number, a comparison, a ``not``, a ``break``.
Then the tests of the changed module run; a change that none of them notices has survived. Of each
module a sample of places is drawn, and one change for each. The last lines are the scores; the
exit code is 1 when one is below its goal.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
COPIED = ("hpogrid", "tests", "example", "pyproject.toml")
LOADED = ("pytest", "hypothesis", "msgspec", "click", "rich", "yaml", "numpy")
"""What no change reaches is imported once; each change is tested in a fork."""

GOAL = 0.75
"""So many of the changes in each room are noticed; about one in ten changes nothing that counts."""

SCHEDULE = ("schedule/test_contract.py", "schedule/test_hyperband.py", "schedule/test_edges.py",
            "schedule/test_longest.py", "schedule/test_pbt.py",
            "schedule/test_standing.py")  # fmt: skip
LEDGER = ("study/test_ledger.py", "study/test_study.py", "study/test_merge.py")
TESTS = {
    "study/claims": ("study/test_claims.py",),
    "study/events": LEDGER,
    "study/exchange": (
        "study/test_takeover.py",
        "engine/test_neighbours.py",
        "engine/test_takeovers.py",
        "engine/test_sharing.py",
    ),
    "study/history": ("study/test_history.py",),
    "study/ledger": LEDGER,
    "study/metadata": ("study/test_metadata.py", "site/panda/test_metadata.py"),
    "study/mlflow_runs": ("engine/test_mlflow.py", "report/test_export.py"),
    "study/mlflow_uri": ("engine/test_mlflow.py",),
    "study/optuna_view": ("study/test_optuna_view.py", "study/test_storage.py"),
    "study/remote": ("study/test_server.py",),
    "study/series": ("study/test_values.py",),
    "study/server": ("study/test_server.py",),
    "study/storage": ("study/test_storage.py",),
    "study/storage_exchange": ("study/test_storage.py",),
    "study/study": (*LEDGER, "study/test_takeover.py"),
    "study/takeover": ("study/test_takeover.py",),
    "study/values": ("study/test_values.py",),
    "schedule/__init__": SCHEDULE,
    "schedule/asha": SCHEDULE,
    "schedule/base": SCHEDULE,
    "schedule/hyperband": SCHEDULE,
    "schedule/median": SCHEDULE,
    "schedule/pbt": SCHEDULE,
    "schedule/standing": SCHEDULE,
    "engine/search_state": (
        "engine/test_search_state.py",
        "engine/test_budget.py",
        "engine/test_pauses.py",
    ),
    "engine/first_look": ("engine/test_search_state.py",),
}
"""Which tests belong to a module."""

CHOSEN = "(not test_whatever_happens or in_few_events) and not a_driver_on_another_host"
"""Without a hundred thousand random events, and without waiting for seconds."""

LEAST_SECONDS = 60.0
PATIENCE = 10
"""So many times as long as without a change may the tests take; who takes longer is noticed."""


class Mutant(NamedTuple):
    """One change: which operator, and which of the places where it fits."""

    operator: str
    occurrence: int


def mutants(code: str) -> dict[tuple[int, int], list[Mutant]]:
    """All changes of a module, by their place in it."""
    from cosmic_ray import ast, plugins

    names = [name for name in plugins.operator_names() if _fits(name)]
    operators = {name: plugins.get_operator(name)() for name in names}
    seen = dict.fromkeys(names, 0)
    places: dict[tuple[int, int], list[Mutant]] = defaultdict(list)

    class See(ast.Visitor):  # type: ignore[misc]
        def visit(self, node: object) -> object:
            for name, operator in operators.items():
                for start, _ in operator.mutation_positions(node):
                    places[start].append(Mutant(name, seen[name]))
                    seen[name] += 1
            return node

    See().walk(ast.get_ast(code))
    lines = code.splitlines()
    return {place: found for place, found in places.items() if not _is_header(lines[place[0] - 1])}


def _is_header(line: str) -> bool:
    """Whether it says how a class is made: what is frozen or tracked changes no result."""
    return line.startswith("class ")


def _fits(operator: str) -> bool:
    """Types are written with ``|``; ``is`` instead of ``==`` changes nothing for small numbers."""
    kind, _, change = operator.rpartition("/")[2].partition("_")
    if kind == "ReplaceComparisonOperator":
        return change.endswith(("Is", "IsNot")) == change.startswith("Is")
    return "BitOr" not in change and not kind.startswith("Variable")


def changed(code: str, mutant: Mutant) -> str:
    """The code with a change in it."""
    from cosmic_ray import mutating, plugins

    operator = plugins.get_operator(mutant.operator)()
    found = mutating.mutate_code(code, operator, mutant.occurrence)
    assert isinstance(found, str)
    return found


@contextlib.contextmanager
def copy() -> Iterator[Path]:
    """A copy of the code and its tests, in which something is changed."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        folder = Path(name)
        for item in COPIED:
            source = ROOT / item
            if source.is_dir():
                shutil.copytree(source, folder / item, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, folder / item)
        yield folder


def passes(folder: Path, tests: tuple[str, ...], seconds: float) -> bool:
    """Whether the tests pass in time, in a process of their own."""
    child = os.fork()
    if child == 0:
        os._exit(_test(folder, tests))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _test(folder: Path, tests: tuple[str, ...]) -> int:
    import pytest

    os.setsid()
    os.chdir(folder)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = str(folder)
    options = ["-x", "-q", "--numprocesses=0", "-p", "no:cacheprovider", "-m", "not engine",
               "-k", CHOSEN]  # fmt: skip
    return int(pytest.main([*options, *(f"tests/{name}" for name in tests)]))


def survivors(folder: Path, module: str, sample: int, seed: int) -> tuple[int, list[str]]:
    """Change a module in many ways; return in how many, and what no test noticed."""
    path, tests = folder / "hpogrid" / f"{module}.py", TESTS[module]
    code = path.read_text()
    start = time.monotonic()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if not passes(folder, tests, 3600):
        raise RuntimeError(f"{module}: its tests fail without any change: {' '.join(tests)}")
    limit = max(LEAST_SECONDS, PATIENCE * (time.monotonic() - start))
    # Compiled code of one change must not be taken for that of the next one.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    rng = random.Random(f"{module} {seed}")
    places = sorted(mutants(code).items())
    chosen = [rng.choice(found) for _, found in rng.sample(places, min(sample, len(places)))]
    alive = []
    for mutant in chosen:
        mutated = changed(code, mutant)
        path.write_text(mutated)
        for old in path.parent.glob(f"__pycache__/{path.stem}.*"):
            old.unlink()
        if passes(folder, tests, limit):
            alive.append(_difference(code, mutated))
            print(f"{module}: {alive[-1]}", flush=True)
    path.write_text(code)
    return len(chosen), alive


def _difference(code: str, mutated: str) -> str:
    """The changed line, before and after."""
    lines = difflib.ndiff(code.splitlines(), mutated.splitlines())
    number, parts = 0, list[str]()
    for line in lines:
        number += line[0] in " -" and not any(part.startswith("-") for part in parts)
        if line[0] in "+-":
            parts.append(f"{line[0]} {line[2:].strip()}")
    return f"line {number}: {' '.join(parts)}"


def main() -> int:
    """Change, test, and print the scores; 0 when each room comes to its goal."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sample", type=int, default=20, help="changes of each module")
    parser.add_argument("--only", action="append", choices=list(TESTS), help="one module")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name in LOADED:
        import_module(name)
    scores: dict[str, list[tuple[int, int]]] = defaultdict(list)
    with copy() as folder:
        for module in options.only or TESTS:
            start = time.monotonic()
            made, alive = survivors(folder, module, options.sample, options.seed)
            noticed = made - len(alive)
            scores[module.partition("/")[0]].append((noticed, made))
            print(f"{module:24} {noticed:3} of {made:3}  {time.monotonic() - start:6.0f} s")
    good = True
    for room, found in scores.items():
        noticed, made = map(sum, zip(*found, strict=True))
        good &= noticed >= GOAL * made
        print(
            f"{room}: {noticed} of {made} changes noticed, {noticed / made:.0%} (goal {GOAL:.0%})"
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
