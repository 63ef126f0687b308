"""What a user wants before a job: environment variables, a folder, and lines of shell."""

from __future__ import annotations

import shlex

from hpogrid.config.schemas import GridConfig

IN_BASH = """# The lines below may need bash (module, source, conda):
[ -n "$BASH_VERSION" ] || ! command -v bash >/dev/null || exec bash "$0" "$@"
"""

_MODULES = """for name in modules lmod z00_lmod; do
    file=/etc/profile.d/$name.sh
    command -v module >/dev/null || [ ! -r "$file" ] || . "$file"
done
"""


def in_bash(grid: GridConfig) -> str:
    """What has to come first in a script with the user's lines."""
    return IN_BASH if grid.setup else ""


def setup_lines(grid: GridConfig) -> str:
    """The user's variables, folder and lines, as a script has them; empty: there are none."""
    parts = [f"export {name}={shlex.quote(value)}\n" for name, value in grid.environment.items()]
    if grid.workdir:
        missing = shlex.quote(f"hpogrid: workdir: there is no folder {grid.workdir} on")
        parts.append(
            f"cd {shlex.quote(grid.workdir)} 2>/dev/null || "
            f"{{ printf '%s %s\\n' {missing} \"$(uname -n)\" >&2; exit 1; }}\n"
        )
    if grid.setup:
        parts += [_MODULES, grid.setup.rstrip("\n"), "\n"]
    return f"# As the grid config says, before the job:\n{''.join(parts)}" if parts else ""
