#!/usr/bin/env bash
# Run a command in a root filesystem, read-only and without a network. FOLDER is /mnt there, and
# FOUND, if there is one, /opt.
#
#     inside.sh ROOT FOLDER FOUND COMMAND...
set -euo pipefail
[ "${HPOGRID_INSIDE:-}" ] || HPOGRID_INSIDE=1 exec unshare --mount --net --pid --fork bash "$0" "$@"
root=$1 folder=$2 found=$3
shift 3
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$folder" "$root/mnt"
[ -z "$found" ] || mount --bind "$found" "$root/opt"
exec chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/nonexistent \
    ${found:+HPOGRID_PYTHON=/opt/bin/python3} sh -c 'cd /mnt && exec "$@"' sh "$@"
