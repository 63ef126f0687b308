#!/usr/bin/env bash
# A root filesystem of a Debian release with its Python, and nothing else; made once.
#
#     make.sh SUITE ROOT
set -euo pipefail
[ -e "$2/.made" ] && exit
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources | head -n 1)
rm -rf "$2"
mkdir -p "$(dirname "$2")"
mmdebstrap --variant=essential --include=python3 "$1" "$2" "$mirror" >&2
touch "$2/.made"
