#!/usr/bin/env bash
# Boot munge, slurmctld and slurmd on this host: no systemd, no cgroups.
#
#     up.sh DIR [accounting]    # "accounting" adds slurmdbd with a MariaDB of its own
#
# Everything is below DIR, ports are on 127.0.0.1. The last line printed is DIR/slurm.conf.
set -euo pipefail
dir=${1:?folder for the state}
accounting=${2:-}
host=$(hostname -s)
cores=$(nproc)
memory=$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) / 1024 - 512))
here=$(dirname "${BASH_SOURCE[0]}")
for program in munged slurmctld slurmd; do
    command -v "$program" >/dev/null || { echo "no $program: apt-get install slurm-wlm munge" >&2; exit 1; }
done
trap '[ $? -eq 0 ] || { tail -n 20 "$dir"/log/*.log "$dir"/munge/munged.log; bash "$here/down.sh" "$dir"; } >&2 2>/dev/null' EXIT

mkdir -p "$dir"/{ctld,slurmd,log,munge}
dd if=/dev/urandom of="$dir/munge/munge.key" bs=1 count=128 status=none
chown -R munge:munge "$dir/munge"
chmod 0600 "$dir/munge/munge.key"
chmod 0711 "$dir" "$dir/munge"

if [ -n "$accounting" ]; then
    storage="AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=17819
AccountingStoragePass=$dir/munge/sock
JobAcctGatherType=jobacct_gather/linux"
else
    storage="AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none"
fi
cat >"$dir/slurm.conf" <<CONF
ClusterName=hpogrid
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=17817
SlurmdPort=17818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/sock
CredType=cred/munge
StateSaveLocation=$dir/ctld
SlurmdSpoolDir=$dir/slurmd
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
$storage
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
MinJobAge=600
KillWait=5
EpilogMsgTime=0
CompleteWait=0
MaxArraySize=1001
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cores RealMemory=$memory State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=1:00:00 State=UP OverSubscribe=NO
CONF
export SLURM_CONF=$dir/slurm.conf

runuser -u munge -- munged --key-file="$dir/munge/munge.key" --socket="$dir/munge/sock" \
    --pid-file="$dir/munge/munged.pid" --log-file="$dir/munge/munged.log" \
    --seed-file="$dir/munge/munge.seed"
[ -z "$accounting" ] || bash "$here/accounting.sh" "$dir" >&2
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF"
state=
for _ in $(seq 200); do
    state=$(sinfo --noheader --format=%T 2>/dev/null || true)
    [ "$state" = idle ] && break
    sleep 0.1
done
[ "$state" = idle ] || { echo "Slurm did not come up: the node is '$state'" >&2; exit 1; }
echo "$SLURM_CONF"
