#!/usr/bin/env bash
# Boot a Rucio server (SQLite, ATLAS policy) with one account and one storage, on 127.0.0.1.
# usage: up.sh DIR [ACCOUNT]   -> prints "export RUCIO_CONFIG=..."; safe to run again
# RUCIO_LOCAL_PORT: the port (25090). RUCIO_LOCAL_VENV: an environment to share between folders.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(mkdir -p "${1:?usage: up.sh DIR [ACCOUNT]}" && cd "$1" && pwd)
account=${2:-tuser}
port=${RUCIO_LOCAL_PORT:-25090}
venv=${RUCIO_LOCAL_VENV:-$root/venv}
url=http://127.0.0.1:$port

answers() { "$venv/bin/python" -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=5)' "$url/ping" 2>/dev/null; }
alive() { local p; p=$(cat "$root/server.pid" 2>/dev/null) && tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -qF "$root/"; }

if [ ! -e "$venv/.complete" ]; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        rucio==41.5.1 gunicorn==27.0.1 atlas-rucio-policy-package==0.8.6
    touch "$venv/.complete"
fi
if [ ! -e "$root/server/rucio.db" ]; then
    "$venv/bin/python" "$here/make_server.py" "$root/server" "$url" >"$root/make.log" 2>&1 ||
        { cat "$root/make.log" >&2; exit 1; }
fi
if ! alive; then
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        echo "port $port is taken: set RUCIO_LOCAL_PORT" >&2
        exit 1
    fi
    rm -f "$root/server.pid" # gunicorn takes a killed server that nobody has waited for for a living one
    # One worker: with more of them SQLite locks.
    RUCIO_HOME=$root/server RUCIO_CONFIG=$root/server/etc/rucio.cfg setsid "$venv/bin/gunicorn" \
        --bind "127.0.0.1:$port" --workers 1 --worker-class sync --timeout 120 --no-control-socket \
        --pid "$root/server.pid" --error-logfile "$root/server/log/error.log" --capture-output \
        rucio.web.rest.flaskapi.v1.main:application </dev/null >"$root/server.log" 2>&1 &
fi
for _ in $(seq 300); do answers && break; sleep 0.2; done
answers || { echo "the Rucio server does not answer; see $root/server.log" >&2; exit 1; }
"$venv/bin/python" "$here/client_config.py" "$root/root.cfg" "$url" root ddmlab secret
"$venv/bin/python" "$here/client_config.py" "$root/client.cfg" "$url" "$account" "$account" secret-of-the-user
if [ ! -e "$root/.seeded" ]; then
    RUCIO_CONFIG=$root/root.cfg "$venv/bin/python" "$here/seed.py" "$root/storage" "$account" >"$root/seed.log" 2>&1 ||
        { cat "$root/seed.log" >&2; exit 1; }
    touch "$root/.seeded"
fi
echo "export RUCIO_CONFIG=$root/client.cfg"
