#!/usr/bin/env bash
# Stop the processes of pid files: stop.sh FILE... ; by force after 15 seconds.
pids=()
for file in "$@"; do
    [ -s "$file" ] && pids+=("$(cat "$file")")
done
[ ${#pids[@]} -gt 0 ] || exit 0
kill "${pids[@]}" 2>/dev/null
for _ in $(seq 150); do
    kill -0 "${pids[@]}" 2>/dev/null || break # false once none of them is left
    sleep 0.1
done
kill -KILL "${pids[@]}" 2>/dev/null
exit 0
