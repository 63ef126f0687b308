"""How long config commands take, against the least that such a program can take.

    python benchmarks/startup.py [--runs 15]

The peers, in the same run and by turns: ``python -c "import click"`` in this environment, and
the 2023 release ``hpogrid==1.3.3`` in an environment of its own, made once in the folder for
temporary files. Milliseconds are those of the processor, the best of all runs, so that it does
not matter much what else the machine is doing. Beside them, what the Tab key costs.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

CLICK_GOAL, OLD_GOAL = 2.5, 4.0
"""At most so many times ``import click``; at least so many times faster than the old release."""

OLD = ["hpogrid==1.3.3", "pyyaml"]  # it imports yaml and does not say so
OLD_CREATE = ["--num_trials", "10"]

COMPLETION = ["_HPOGRID_COMPLETE=bash_complete", "COMP_WORDS=hpogrid report n", "COMP_CWORD=2"]
COMPLETION_GOAL = 150.0
"""The environment in which a shell asks for what the Tab key offers; milliseconds for that."""

Commands = dict[str, Callable[[], list[str]]]


def commands(program: str, create_options: Sequence[str]) -> Commands:
    """The commands that are measured; each run of ``create`` takes a new name."""
    numbers = itertools.count()
    return {
        "--help": lambda: [program, "--help"],
        "hpo_config list": lambda: [program, "hpo_config", "list"],
        "hpo_config show": lambda: [program, "hpo_config", "show", "shown"],
        "hpo_config create": lambda: [
            program, "hpo_config", "create", f"new{next(numbers)}", *create_options
        ],
    }  # fmt: skip


def old_release() -> str | None:
    """The program of the 2023 release, or None where it cannot be installed."""
    folder = Path(tempfile.gettempdir(), f"hpogrid-1.3.3-{os.getuid()}")
    program = folder / "bin" / "hpogrid"
    if not program.exists():
        print(f"installing {OLD[0]} into {folder} (once) ...", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *OLD]
        answer = subprocess.run(pip, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            print(f"{OLD[0]} cannot be installed: {answer.stderr.strip().splitlines()[-1:]}")
            return None
    return str(program)


def cost(command: Sequence[str], environment: dict[str, str]) -> float:
    """The processor's milliseconds for a command, which has to succeed."""
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with code {process.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def measure(
    rows: dict[str, Callable[[], list[str]]], environment: dict[str, str], runs: int
) -> dict[str, float]:
    """The best milliseconds of each, run by turns."""
    best = dict.fromkeys(rows, float("inf"))
    for _ in range(runs):
        for name, command in rows.items():
            best[name] = min(best[name], cost(command(), environment))
    return best


def compare(runs: int, folder: Path) -> Iterator[bool]:
    """Print the rows; yield for each goal whether it is met."""
    environment = {**os.environ, "HPOGRID_HOME": str(folder), "HOME": str(folder)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or a checkout is compiled at every start
    program = str(Path(sys.executable).parent / "hpogrid")
    ours = commands(program, ["--trials", "10"])
    subprocess.run([program, "hpo_config", "create", "shown"], env=environment, check=True,
                   capture_output=True)  # fmt: skip
    rows = {
        "import click": lambda: [sys.executable, "-c", "import click"],
        "Tab key": lambda: ["env", *COMPLETION, program],
        **ours,
    }
    old = old_release()
    if old is not None:
        create = [old, "hpo_config", "recreate", "shown", *OLD_CREATE]
        subprocess.run(create, env=environment, check=True, capture_output=True)
        rows |= {f"old {name}": run for name, run in commands(old, OLD_CREATE).items()}
    best = measure(rows, environment, runs)
    click = best["import click"]
    print(f"python -c 'import click'   {click:4.0f} ms; best of {runs} runs")
    print(f"the Tab key                {best['Tab key']:4.0f} ms, at most {COMPLETION_GOAL:g}")
    yield best["Tab key"] <= COMPLETION_GOAL
    for name in ours:
        line = f"hpogrid {name:18} {best[name]:4.0f} ms  {best[name] / click:.2f} x import click"
        if old is not None:
            faster = best[f"old {name}"] / best[name]
            line += f"  {faster:.1f} x faster than 1.3.3"
            if name != "--help":  # which loads nothing in either
                yield faster >= OLD_GOAL
        print(line)
        yield best[name] <= CLICK_GOAL * click


def main() -> int:
    """Measure, print, and return 0 if the goals are met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        met = all(list(compare(options.runs, Path(name))))
    print(
        f"goal: at most {CLICK_GOAL:g} x import click, config commands at least "
        f"{OLD_GOAL:g} x faster than 1.3.3: {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
