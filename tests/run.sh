#!/usr/bin/env bash
# The tests, in an environment of their own (.venv-test):
#
#     bash tests/run.sh           # what needs nothing but Python
#     bash tests/run.sh all       # also those with real engines (.ci/packages.txt lists what they need)
#     bash tests/run.sh cov       # with the lines that no test reaches; it takes twice as long
#     bash tests/run.sh -k space  # whatever else pytest understands
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=$PWD/.venv-test
made_of="$PWD $(cat pyproject.toml constraints.txt | cksum)"
if [ "$(cat "$venv/.made-of" 2>/dev/null)" != "$made_of" ]; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint constraints.txt --config-settings editable_mode=compat --editable '.[dev]'
    printf '%s' "$made_of" >"$venv/.made-of"
fi
export PATH="$venv/bin:$PATH" VIRTUAL_ENV=$venv
unset PYTHONDONTWRITEBYTECODE  # or each of the many processes compiles hpogrid anew

# Half of the time of a quick test is waiting: two of them for each core.
only=(-m "not engine" --numprocesses "$((2 * $(nproc)))") cover=()
while true; do
    case "${1:-}" in
    all) only=() ;;
    cov) cover=(--cov --cov-report term:skip-covered) ;;
    *) break ;;
    esac
    shift
done
# Which tests with real engines run side by side: tests/conftest.py.
exec pytest "${cover[@]}" "${only[@]}" "$@"
