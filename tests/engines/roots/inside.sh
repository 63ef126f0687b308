#!/usr/bin/env bash
# Run a command in a root filesystem, read-only and without a network; FOLDER is /mnt there.
#
#     inside.sh ROOT FOLDER COMMAND...
set -euo pipefail
[ "${HPOGRID_INSIDE:-}" ] || HPOGRID_INSIDE=1 exec unshare --mount --net --pid --fork bash "$0" "$@"
root=$1 folder=$2
shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$folder" "$root/mnt"
exec chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/nonexistent \
    sh -c 'cd /mnt && exec "$@"' sh "$@"
