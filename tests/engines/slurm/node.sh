#!/usr/bin/env bash
# A node of the cluster of up.sh: init of namespaces of its own, so that killing it is pulling its plug.
#
#     node.sh DIR NAME ADDRESS    # exits when it is told to, or when the network is not there in 10 s
set -euo pipefail
dir=$1 name=$2 address=$3
hostname "$name"
mount --bind "$dir/hosts" /etc/hosts
mount -t tmpfs "$name" /var/tmp # a disk of its own
for _ in $(seq 100); do
    ip link show eth0 >/dev/null 2>&1 && break
    sleep 0.1
done
ip link set lo up
ip address add "$address/24" dev eth0
ip link set eth0 up
exec slurmd -D -N "$name" -f "$dir/slurm.conf"
