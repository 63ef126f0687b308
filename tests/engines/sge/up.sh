#!/usr/bin/env bash
# Boot Grid Engine's qmaster and execd on this host. Its state is where Debian's packages have it.
#
#     up.sh DIR    # DIR takes what this script writes for itself
#
# Prints lines for the environment: SGE_ROOT=... SGE_CELL=...
set -euo pipefail
dir=${1:?folder for the state}
mkdir -p "$dir"
host=$(hostname)
export SGE_ROOT=/var/lib/gridengine SGE_CELL=default
for program in sge_qmaster sge_execd qconf; do
    [ -n "$(PATH=$PATH:/usr/sbin command -v "$program")" ] ||
        { echo "no $program: apt-get install gridengine-master gridengine-exec gridengine-client" >&2; exit 1; }
done
here=$(dirname "${BASH_SOURCE[0]}")
trap '[ $? -eq 0 ] || { tail -n 20 /var/spool/gridengine/*/messages /var/spool/gridengine/execd/*/messages; bash "$here/down.sh" "$dir"; } >&2' EXIT

common=$SGE_ROOT/$SGE_CELL/common
as_admin() { runuser -u sgeadmin -- env "SGE_ROOT=$SGE_ROOT" "SGE_CELL=$SGE_CELL" "$@"; }
as_admin /usr/share/gridengine/scripts/init_cluster \
    "$SGE_ROOT" "$SGE_CELL" /var/spool/gridengine/spooldb sgeadmin >&2
echo "$host" >"$common/act_qmaster"
# 127.0.0.1 resolves to "localhost": the same host, or qmaster and execd refuse each other.
[ "$host" = localhost ] || echo "$host localhost" >"$common/host_aliases"
chown sgeadmin:sgeadmin "$common/act_qmaster" "$common/host_aliases"

start_qmaster() { # now and then it ends without a word, and comes up the next time
    /usr/sbin/sge_qmaster
    for _ in $(seq 150); do qconf -sh >/dev/null 2>&1 && return; sleep 0.1; done
    bash "$here/../stop.sh" /var/spool/gridengine/qmaster/qmaster.pid
    return 1
}
start_qmaster || start_qmaster
as_admin qconf -am "$(id -un)" >&2 || true # the first manager is sgeadmin; perhaps we are one
{ qconf -ah "$host" || true; qconf -as "$host" || true; } >/dev/null 2>&1

has() { qconf "$1" 2>/dev/null | grep -qx "$2"; }
cat >"$dir/host" <<X
hostname $host
load_scaling NONE
complex_values NONE
user_lists NONE
xuser_lists NONE
projects NONE
xprojects NONE
usage_scaling NONE
report_variables NONE
X
has -sel "$host" || qconf -Ae "$dir/host" >&2
qconf -ssconf | sed -e 's/^schedule_interval.*/schedule_interval 0:0:2/' \
    -e 's/^flush_submit_sec.*/flush_submit_sec 1/' -e 's/^flush_finish_sec.*/flush_finish_sec 1/' \
    -e 's/^load_adjustment_decay_time.*/load_adjustment_decay_time 0:0:0/' \
    -e 's/^job_load_adjustments.*/job_load_adjustments NONE/' >"$dir/scheduler"
qconf -Msconf "$dir/scheduler" >&2
qconf -sconf | sed -e 's/^min_uid.*/min_uid 0/' -e 's/^min_gid.*/min_gid 0/' \
    -e 's/^load_report_time.*/load_report_time 0:0:5/' \
    -e 's/\<flush_time=[0-9:]*/flush_time=00:00:01/' \
    -e 's/\<accounting_flush_time=[0-9:]*/accounting_flush_time=00:00:00/' \
    -e 's/^mailer.*/mailer \/bin\/true/' -e 's/^execd_params.*/execd_params none/' >"$dir/global"
qconf -Mconf "$dir/global" >&2
/usr/sbin/sge_execd
printf 'group_name @allhosts\nhostlist %s\n' "$host" >"$dir/group"
has -shgrpl @allhosts || qconf -Ahgrp "$dir/group" >&2
cat >"$dir/pe" <<X
pe_name smp
slots 999
user_lists NONE
xuser_lists NONE
start_proc_args NONE
stop_proc_args NONE
allocation_rule \$pe_slots
control_slaves FALSE
job_is_first_task TRUE
urgency_slots min
accounting_summary FALSE
qsort_args NONE
X
has -spl smp || qconf -Ap "$dir/pe" >&2
sed -e "s/@SLOTS@/$(nproc)/" "$here/queue" >"$dir/queue"
has -sql main.q || qconf -Aq "$dir/queue" >&2
qconf -mattr queue slots "$(nproc)" main.q >&2

# The queue can be used once execd has reported a load.
state=
for _ in $(seq 300); do
    state=$(qstat -f 2>/dev/null | awk '/^main.q@/ {print $4 " [" $6 "]"}')
    case $state in *NA* | "") ;; *"[]") break ;; esac
    sleep 0.1
done
case $state in *"[]") ;; *) echo "Grid Engine did not come up: the queue is '$state'" >&2; exit 1 ;; esac
echo "$SGE_ROOT"
