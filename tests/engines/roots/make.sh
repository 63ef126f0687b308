#!/usr/bin/env bash
# A root filesystem of a Debian release with its Python, or these packages, and nothing else; made once.
#
#     make.sh SUITE ROOT [PACKAGES]
set -euo pipefail
mkdir -p "$(dirname "$2")"
exec 9>"$2.lock"
flock 9 # another run of the tests may be making it
[ -e "$2/.made" ] && exit
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources | head -n 1)
rm -rf "$2"
mmdebstrap --variant=essential --include="${3:-python3}" "$1" "$2" "$mirror" >&2
touch "$2/.made"
