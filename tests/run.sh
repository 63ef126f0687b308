#!/usr/bin/env bash
# The tests, in an environment of their own (.venv-test):
#
#     bash tests/run.sh           # what needs nothing but Python
#     bash tests/run.sh all       # also those with real engines (.ci/packages.txt lists what they need)
#     bash tests/run.sh cov       # with the lines that no test reaches; it takes twice as long
#     bash tests/run.sh -k space  # whatever else pytest understands
#     bash tests/run.sh on python3.13   # what needs no large library, in another Python
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=python3 venv=$PWD/.venv-test needs=(--editable '.[dev]') lists=() rooms=()
if [ "${1:-}" = on ]; then
    python=$2
    venv=$PWD/.venv-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    needs=(--requirement .ci/other-python.txt --editable .) lists=(.ci/other-python.txt)
    rooms=(tests/trial tests/engine tests/job --ignore tests/engine/test_ray_parts.py)
    shift 2
fi
made_of="$PWD $(cat pyproject.toml constraints.txt "${lists[@]}" | cksum)"
if [ "$(cat "$venv/.made-of" 2>/dev/null)" != "$made_of" ]; then
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint constraints.txt --config-settings editable_mode=compat "${needs[@]}"
    printf '%s' "$made_of" >"$venv/.made-of"
fi
export PATH="$venv/bin:$PATH" VIRTUAL_ENV=$venv
unset PYTHONDONTWRITEBYTECODE  # or each of the many processes compiles hpogrid anew

only=(-m "not engine") cover=()
while true; do
    case "${1:-}" in
    all) only=() ;;
    cov) cover=(--cov --cov-report term:skip-covered) ;;
    *) break ;;
    esac
    shift
done
# Which tests with real engines run side by side: tests/conftest.py.
exec pytest "${cover[@]}" "${only[@]}" "${rooms[@]}" "$@"
