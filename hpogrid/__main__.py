"""``python -m hpogrid``, and the ``hpogrid`` program."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the program and leave with its exit code."""
    gc.set_threshold(10_000)  # what is imported stays: nobody looks for rubbish there
    from hpogrid.cli.main import run

    code = run(sys.argv[1:])
    gc.freeze()  # nor when Python ends
    sys.exit(code)


if __name__ == "__main__":
    main()
