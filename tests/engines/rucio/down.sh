#!/usr/bin/env bash
# Stop the server that up.sh started in DIR, and nothing else. The data stays.
# usage: down.sh DIR
set -uo pipefail
root=$(cd "${1:?usage: down.sh DIR}" && pwd)
pid=$(cat "$root/server.pid" 2>/dev/null) || exit 0
if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$root/"; then
    kill -TERM "$pid"
    for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL -- "-$pid" 2>/dev/null
fi
rm -f "$root/server.pid"
