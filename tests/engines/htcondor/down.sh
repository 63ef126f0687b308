#!/usr/bin/env bash
# Stop what up.sh started and unmount what it mounted: down.sh DIR
dir=${1:?folder of the state}
[ -s "$dir/root" ] || exit 0 # it did not come up
root=$(readlink -f "$(cat "$dir/root")")
pid=$(cat "$root/run/condor/master.pid" 2>/dev/null)
if [ -n "$pid" ]; then
    kill -QUIT "$pid" 2>/dev/null # a fast shutdown
    for _ in $(seq 150); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null
    rm -f "$root/run/condor/master.pid"
fi
awk -v root="$root" '$5 == root || index($5, root "/") == 1 {print $5}' /proc/self/mountinfo |
    tac | while read -r place; do umount -l "$place"; done
exit 0
