#!/usr/bin/env bash
# Stop what up.sh started: down.sh DIR
export SGE_ROOT=/var/lib/gridengine SGE_CELL=default
spool=/var/spool/gridengine
qdel -u "$(id -un)" >/dev/null 2>&1
stop=$(dirname "${BASH_SOURCE[0]}")/../stop.sh
bash "$stop" "$spool"/execd/*/execd.pid
bash "$stop" "$spool/qmaster/qmaster.pid" # it takes ten seconds
rm -f "$spool"/execd/*/execd.pid "$spool/qmaster/qmaster.pid"
