#!/usr/bin/env bash
# Stop what up.sh started: down.sh DIR
dir=${1:?folder of the state}
export SLURM_CONF=$dir/slurm.conf
scancel --user="$(id -un)" >/dev/null 2>&1
stop=$(dirname "${BASH_SOURCE[0]}")/../stop.sh
bash "$stop" "$dir"/{slurmctld,slurmdbd,slurmd,n[0-9]}.pid
bash "$stop" "$dir/munge/munged.pid" "$dir/mysql/pid"
[ ! -e "$dir/bridge" ] || ip link delete "$(cat "$dir/bridge")" 2>/dev/null
exit 0 # up.sh has been here before when it did not come up
