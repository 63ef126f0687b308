#!/bin/sh
# hpogrid_job.sh PYTHON PROGRAM ...: runs a program with this Python, else with a newer one.
own=$(command -v "$1" || command -v python)
shift

version() {
    "$1" -E -S -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

start() {
    python=$1
    shift
    case $(version "$python") in
    3.1[1-9] | 3.[2-9][0-9]) ;;
    *) return ;;
    esac
    case $has in
    3.9 | 3.10) HPOGRID_TRIAL_PYTHON=$own && export HPOGRID_TRIAL_PYTHON ;; # new enough for trials
    3.1[1-9] | 3.[2-9][0-9]) ;;
    *) echo "hpogrid: $words; functions are called by $python" >&2 ;;
    esac
    exec "$python" "$@"
}

has=
[ -z "$own" ] || has=$(version "$own")
words="this image has no Python"
[ -z "$has" ] || words="this image has Python $has ($own)"

[ -z "$has" ] || start "$own" "$@"
[ -z "$HPOGRID_PYTHON" ] || start "$HPOGRID_PYTHON" "$@"
machine=$(uname -m 2>/dev/null)
found=
for path in @PLACES@; do
    [ ! -x "$path" ] || found="$path $found" # the newest first
done
libraries=$LD_LIBRARY_PATH
for path in $found; do
    start "$path" "$@"
    # One on CVMFS may have to be told where its own library is.
    real=$(readlink -f "$path" 2>/dev/null)
    export LD_LIBRARY_PATH="${real%/bin/*}/lib${libraries:+:$libraries}"
    export HPOGRID_TRIAL_LIBRARIES="$libraries"
    start "$path" "$@"
    LD_LIBRARY_PATH=$libraries
done

given="HPOGRID_PYTHON is not set"
[ -z "$HPOGRID_PYTHON" ] || given="HPOGRID_PYTHON ($HPOGRID_PYTHON) is none"
echo "hpogrid: $words, and hpogrid needs 3.11 or later; $given, and there is none at" \
    "@PLACES@: choose another image ('hpogrid grid_config update NAME --container IMAGE')," \
    "or say where jobs see one (--driver_python)" >&2
exit 1
