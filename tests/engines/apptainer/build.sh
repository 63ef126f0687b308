#!/usr/bin/env bash
# Build the image of docker/hpogrid.def as a SIF file, without a registry: build.sh IMAGE
#
# With only what hpogrid itself needs. CACHE keeps Apptainer and the root filesystem.
set -euo pipefail
image=${1:?file to write}
cache=${CACHE:-/var/cache/hpogrid-tests}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v mmdebstrap >/dev/null || { echo "no mmdebstrap: apt-get install mmdebstrap" >&2; exit 1; }
mkdir -p "$cache"
bash "$here/get.sh" "$cache/apptainer"
root=$cache/debian
if [ ! -e "$root.made" ]; then
    mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources | head -n 1)
    rm -rf "$root"
    # No devices and one owner: what a user namespace can copy. pip.conf is a place to mount on.
    # The system's own /proc and /sys are mounted in the root then.
    mmdebstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
        --customize-hook='rm -rf "$1"/dev/*; touch "$1/etc/pip.conf"; find "$1" -xdev -not -path "$1/proc" -not -path "$1/sys" -exec chown -h root:root {} +' \
        bookworm "$root" "$mirror" >&2
    touch "$root.made"
fi
cd "$here/../../.."
binds=(--bind /etc/ssl/certs/ca-certificates.crt)
[ ! -e /etc/pip.conf ] || binds+=(--bind /etc/pip.conf)
unshare --user --map-root-user "$cache/apptainer/usr/bin/apptainer" build --force "${binds[@]}" \
    --build-arg BOOTSTRAP=localimage --build-arg FROM="$root" --build-arg EXTRAS= \
    "$image" docker/hpogrid.def >&2
