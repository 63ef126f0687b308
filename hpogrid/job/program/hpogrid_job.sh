#!/bin/sh
# Starts a job of hpogrid with a Python that can run it: the image's, else one that is found.
here=$(cd "${0%/*}" 2>/dev/null && pwd) || here=.
own=$(command -v python3 || command -v python)
HPOGRID_IMAGE_PYTHON=$own
export HPOGRID_IMAGE_PYTHON

version() {
    "$1" -E -S -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

start() {
    python=$1
    shift
    case $(version "$python") in
    3.1[1-9] | 3.[2-9][0-9]) exec "$python" "$here/hpogrid_job.py" "$@" ;;
    esac
}

[ -z "$own" ] || start "$own" "$@"
[ -z "$HPOGRID_PYTHON" ] || start "$HPOGRID_PYTHON" "$@"
machine=$(uname -m 2>/dev/null)
found=
for path in @PLACES@; do
    [ ! -x "$path" ] || found="$path $found" # the newest first
done
libraries=$LD_LIBRARY_PATH
for path in $found; do
    start "$path" "$@"
    HPOGRID_IMAGE_LIBRARIES=$libraries
    LD_LIBRARY_PATH=${path%/bin/*}/lib${libraries:+:$libraries}
    export HPOGRID_IMAGE_LIBRARIES LD_LIBRARY_PATH
    start "$path" "$@"
    LD_LIBRARY_PATH=$libraries
    unset HPOGRID_IMAGE_LIBRARIES
done

has="no Python"
[ -z "$own" ] || has="Python $(version "$own") ($own)"
given="HPOGRID_PYTHON is not set"
[ -z "$HPOGRID_PYTHON" ] || given="HPOGRID_PYTHON ($HPOGRID_PYTHON) is none"
echo "hpogrid: this image has $has, and hpogrid needs 3.11 or later; $given, and there is none at" \
    "@PLACES@: choose another image ('hpogrid grid_config update NAME --container IMAGE')," \
    "or say where jobs see one (--driver_python)" >&2
exit 1
