#!/usr/bin/env bash
# The tests, in an environment of their own (.venv-test):
#
#     bash tests/run.sh           # what is quick and needs nothing but Python; installs no large library
#     bash tests/run.sh all       # also the slow ones, those with real engines (.ci/packages.txt lists
#                                 # what they need) and with Ray, torch, Ax, MLflow, which it installs
#     bash tests/run.sh cov       # with the lines that no test reaches; it takes twice as long
#     bash tests/run.sh -k space  # whatever else pytest understands
#     bash tests/run.sh on python3.13   # in another Python
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Half of the time of a quick test is waiting: three of them for each core.
only=(-m "not engine and not slow" --numprocesses "$((3 * $(nproc)))") cover=() extra=quick
python=python3 venv=$PWD/.venv-test
while true; do
    case "${1:-}" in
    all) only=() extra=dev ;;
    cov) cover=(--cov --cov-report term:skip-covered) ;;
    on)
        python=$2
        venv=$PWD/.venv-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        shift
        ;;
    *) break ;;
    esac
    shift
done

constraints=$(cat pyproject.toml constraints.txt | cksum)
whole="$PWD $constraints"  # what an environment with all is made of
made_of=$whole
[ "$extra" = dev ] || made_of="$whole quick"
there=$(cat "$venv/.made-of" 2>/dev/null || true)
if [ "$there" != "$made_of" ] && [ "$there" != "$whole" ]; then
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint constraints.txt --config-settings editable_mode=compat --editable ".[$extra]"
    printf '%s' "$made_of" >"$venv/.made-of"
fi
export PATH="$venv/bin:$PATH" VIRTUAL_ENV=$venv
export HYPOTHESIS_NO_PLUGINS=1  # or each of the workers loads trio
unset PYTHONDONTWRITEBYTECODE   # or each of the many processes compiles hpogrid anew

# Which tests with real engines run side by side: tests/conftest.py.
exec pytest "${cover[@]}" "${only[@]}" "$@"
