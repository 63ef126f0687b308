#!/usr/bin/env bash
# Hold a root filesystem open, in which FOLDERs (and files) are seen at their paths, until stdin ends.
# Prints the number of the process whose root it is: nsenter --target NUMBER --mount --root COMMAND...
# What still runs there then goes on to see it.
#
#     open.sh ROOT FOLDER...
set -euo pipefail
[ "${HPOGRID_INSIDE:-}" ] || HPOGRID_INSIDE=1 exec unshare --mount bash "$0" "$@"
root=$1
shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
for path in /etc/hosts "$@"; do
    if [ -d "$path" ]; then mkdir -p "$root$path"; else mkdir -p "$(dirname "$root$path")" && touch "$root$path"; fi
    mount --rbind "$path" "$root$path"
done
exec chroot "$root" sh -c 'echo $$ && exec cat >/dev/null'
