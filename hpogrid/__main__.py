"""``python -m hpogrid``, and the ``hpogrid`` program."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the program and leave with its exit code."""
    gc.set_threshold(10_000)  # what is imported stays: nobody looks for rubbish there
    _open_what_is_closed()
    from hpogrid.cli.main import run

    code = run(sys.argv[1:])
    gc.freeze()  # nor when Python ends
    sys.exit(code)


def _open_what_is_closed() -> None:
    """Let a standard stream that is closed lead nowhere, so that no other file is taken for it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest number
        if getattr(sys, name) is None:
            stream = open(number, "r" if number == 0 else "w", closefd=False)  # noqa: SIM115 (it stays open)
            setattr(sys, name, stream)


if __name__ == "__main__":
    main()
