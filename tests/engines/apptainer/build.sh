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
exec 9>"$cache/apptainer.lock"
flock 9 # another run of the tests may be making them
bash "$here/get.sh" "$cache/apptainer"
root=$cache/debian
if [ ! -e "$root.made" ]; then
    mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources | head -n 1)
    rm -rf "$root"
    mmdebstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
        bookworm "$root" "$mirror" >&2
    # No devices and one owner: what a user namespace can copy. pip.conf is a place to mount on.
    rm -rf "$root"/dev/*
    touch "$root/etc/pip.conf"
    chown -R root:root "$root"
    touch "$root.made"
fi
exec 9>&-
cd "$here/../../.."
binds=(--bind /etc/ssl/certs/ca-certificates.crt)
[ ! -e /etc/pip.conf ] || binds+=(--bind /etc/pip.conf)
unshare --user --map-root-user "$cache/apptainer/usr/bin/apptainer" build --force "${binds[@]}" \
    --build-arg BOOTSTRAP=localimage --build-arg FROM="$root" --build-arg EXTRAS= \
    "$image" docker/hpogrid.def >&2
