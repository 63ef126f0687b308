#!/usr/bin/env bash
# Boot munge, slurmctld and slurmd on this host: no systemd, no cgroups.
#
#     up.sh DIR [accounting]    # "accounting" adds slurmdbd with a MariaDB of its own
#     NODES=2 up.sh DIR         # with nodes n1, n2, ... in namespaces of their own (DIR/n1.pid, ...)
#
# MIN_JOB_AGE (seconds after which it forgets jobs that have ended) and MAX_ARRAY_SIZE can be set.
#
# Everything is below DIR, ports are on 127.0.0.1, or on a bridge to the nodes. The last line printed
# is DIR/slurm.conf.
set -euo pipefail
dir=${1:?folder for the state}
accounting=${2:-}
nodes=${NODES:-0}
host=$(hostname -s)
cores=$(nproc)
memory=$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) / 1024 - 512))
here=$(dirname "${BASH_SOURCE[0]}")
for program in munged slurmctld slurmd; do
    command -v "$program" >/dev/null || { echo "no $program: apt-get install slurm-wlm munge" >&2; exit 1; }
done
getent passwd munge >/dev/null || { echo "no user munge: Debian's package munge makes it" >&2; exit 1; }
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
AccountingStorageEnforce=limits
JobAcctGatherType=jobacct_gather/linux"
else
    storage="AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none"
fi
names=$host controller=127.0.0.1 pid_file=$dir/slurmd.pid
node="NodeName=$host NodeAddr=127.0.0.1"
if [ "$nodes" -gt 0 ]; then
    for third in {77..99}; do # a boot that was killed leaves its network behind
        net=10.209.$third
        [ -n "$(ip -oneline address show to "$net.0/24")" ] || break
    done
    names="n[1-$nodes]" controller=$net.1
    last=$((nodes + 10)) pid_file=/run/slurmd-%n # numbers of their own namespaces: nobody's here
    node="NodeName=$names NodeAddr=$net.[11-$last] NodeHostname=$names"
fi
cat >"$dir/slurm.conf" <<CONF
ClusterName=hpogrid
SlurmctldHost=$host($controller)
SlurmctldPort=17817
SlurmdPort=17818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/sock
CredType=cred/munge
StateSaveLocation=$dir/ctld
SlurmdSpoolDir=$dir/slurmd/%n
SlurmdTimeout=10
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$pid_file
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd-%n.log
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
MinJobAge=${MIN_JOB_AGE:-600}
KillWait=5
EpilogMsgTime=0
CompleteWait=0
MaxArraySize=${MAX_ARRAY_SIZE:-1001}
$node CPUs=$cores RealMemory=$memory State=UNKNOWN
PartitionName=main Nodes=$names Default=YES MaxTime=1:00:00 State=UP OverSubscribe=NO
CONF
export SLURM_CONF=$dir/slurm.conf

runuser -u munge -- munged --key-file="$dir/munge/munge.key" --socket="$dir/munge/sock" \
    --pid-file="$dir/munge/munged.pid" --log-file="$dir/munge/munged.log" \
    --seed-file="$dir/munge/munge.seed"
[ -z "$accounting" ] || bash "$here/accounting.sh" "$dir" >&2
boot_nodes() { # each has a network card of its own, plugged into a bridge
    local bridge=hp$$ number name
    echo "$bridge" >"$dir/bridge"
    ip link add "$bridge" type bridge
    ip address add "$net.1/24" dev "$bridge"
    ip link set "$bridge" up
    { echo "127.0.0.1 localhost"; echo "$net.1 $host"; } >"$dir/hosts"
    for number in $(seq "$nodes"); do echo "$net.$((number + 10)) n$number" >>"$dir/hosts"; done
    for number in $(seq "$nodes"); do
        name=n$number
        unshare --net --uts --mount --pid --mount-proc --fork --kill-child \
            bash "$here/node.sh" "$dir" "$name" "$net.$((number + 10))" >"$dir/log/$name.log" 2>&1 &
        until pgrep -P $! >"$dir/$name.pid"; do sleep 0.05; done
        ip link add "$bridge.$number" type veth peer name eth0 netns "$(cat "$dir/$name.pid")"
        ip link set "$bridge.$number" master "$bridge" up
    done
}

[ "$nodes" -eq 0 ] || boot_nodes
slurmctld -f "$SLURM_CONF"
[ "$nodes" -gt 0 ] || slurmd -f "$SLURM_CONF"
state=
for _ in $(seq 200); do
    state=$(sinfo --noheader --format=%T 2>/dev/null || true)
    [ "$state" = idle ] && break
    sleep 0.1
done
[ "$state" = idle ] || { echo "Slurm did not come up: the nodes are '$state'" >&2; exit 1; }
echo "$SLURM_CONF"
