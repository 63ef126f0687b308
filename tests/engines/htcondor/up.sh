#!/usr/bin/env bash
# Boot a personal HTCondor pool on 127.0.0.1:9618 out of a Debian 13 root filesystem, which is made
# once (Debian 12 has no HTCondor) and kept in ROOTFS.
#
#     up.sh DIR FOLDER...    # DIR takes the commands; jobs see FOLDERs (and files) at their paths
#     HIDDEN=FOLDER up.sh …  # for jobs that folder is an empty one, whatever is in it here
#
# HTCondor runs no job as root: submitting through DIR/bin is as www-data. Prints DIR/bin.
set -euo pipefail
dir=${1:?folder for the state}
shift
root=${ROOTFS:-/var/cache/hpogrid-tests/htcondor}
here=$(dirname "${BASH_SOURCE[0]}")
command -v mmdebstrap >/dev/null || { echo "no mmdebstrap: apt-get install mmdebstrap" >&2; exit 1; }
if [ ! -e "$root/.made" ]; then
    mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources | head -n 1)
    rm -rf "$root"
    mkdir -p "$(dirname "$root")"
    mmdebstrap --variant=apt --include=ca-certificates,python3-minimal,libffi8,minicondor,htcondor \
        trixie "$root" "$mirror" >&2
    touch "$root/.made"
fi
mkdir -p "$dir/bin"
echo "$root" >"$dir/root"
trap '[ $? -eq 0 ] || { tail -n 20 "$root"/var/log/condor/*Log; bash "$here/down.sh" "$dir"; } >&2' EXIT

share() { # SOURCE: the same path inside
    mountpoint -q "$root$1" && return
    if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$(dirname "$root$1")"; touch "$root$1"; fi
    mount --bind "$1" "$root$1"
}
# The root must itself be a mount point: the starter makes "/" private in a new mount namespace.
mountpoint -q "$root" || mount --bind "$root" "$root"
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
mountpoint -q "$root/dev" || { mount --rbind /dev "$root/dev" && mount --make-rslave "$root/dev"; }
mountpoint -q "$root/sys" || mount --bind /sys "$root/sys"
cp /etc/hosts "$root/etc/hosts"
hostname >"$root/etc/hostname"
chmod 755 "$root/root"
for path in "$dir" "$@"; do share "$path"; done

cat >"$root/etc/condor/config.d/99-hpogrid" <<X
USE_CLONE_TO_CREATE_PROCESSES = False
NETWORK_HOSTNAME = $(hostname)
UID_DOMAIN = $(hostname)
FILESYSTEM_DOMAIN = $(hostname)
ENABLE_IPV6 = False
use FEATURE: PartitionableSlot
NUM_CPUS = $(nproc)
STARTER_ALLOW_RUNAS_OWNER = True
# unless they are hidden jobs see the shared folders, and there are no cgroups to be had
MOUNT_UNDER_SCRATCH = ${HIDDEN:-}
BASE_CGROUP =
CGROUP_MEMORY_LIMIT_POLICY = none
START = True
SUSPEND = False
PREEMPT = False
KILL = False
NEGOTIATOR_INTERVAL = 1
NEGOTIATOR_CYCLE_DELAY = 1
NEGOTIATOR_MIN_INTERVAL = 1
SCHEDD_INTERVAL = 1
SCHEDD_MIN_INTERVAL = 1
SYSTEM_PERIODIC_REMOVE =
PERIODIC_EXPR_INTERVAL = 5
MASTER_NEW_BINARY_RESTART = NEVER
SEC_DEFAULT_AUTHENTICATION_METHODS = FS, IDTOKENS
X
chroot "$root" mkdir -p /run/condor /run/lock/condor /var/log/condor
chroot "$root" chown condor:condor /var/log/condor /run/lock/condor /run/condor
chroot "$root" /usr/sbin/condor_master -pidfile /run/condor/master.pid
up=
for _ in $(seq 300); do
    chroot "$root" condor_status -autoformat Name 2>/dev/null | grep -q . && { up=yes; break; }
    sleep 0.1
done
[ -n "$up" ] || { echo "HTCondor did not come up" >&2; exit 1; }
# What only the submitter may read is root's here, and has to be www-data's.
own="find '$1' -type f -perm 600 -exec chown www-data {} +"
for tool in condor_submit condor_q condor_rm condor_history condor_status condor_vacate_job; do
    cat >"$dir/bin/$tool" <<X
#!/bin/sh
$([ "$tool" != condor_submit ] || echo "$own")
exec chroot --userspec=www-data:www-data $root /bin/sh -c 'cd "\$1" 2>/dev/null; shift; exec "\$@"' sh "\$PWD" /usr/bin/$tool "\$@"
X
    chmod 755 "$dir/bin/$tool"
done
echo "$dir/bin"
