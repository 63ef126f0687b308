#!/usr/bin/env bash
# slurmdbd and its MariaDB for up.sh, which has started munge.
set -euo pipefail
dir=${1:?folder for the state}
for program in slurmdbd mariadbd; do
    command -v "$program" >/dev/null || { echo "no $program: apt-get install slurmdbd mariadb-server" >&2; exit 1; }
done
getent passwd mysql >/dev/null || { echo "no user mysql: Debian's package mariadb-server makes it" >&2; exit 1; }
data=$dir/mysql
mkdir -p "$data"
chown mysql:mysql "$data"
mariadb-install-db --user=mysql --datadir="$data" --auth-root-authentication-method=socket \
    --skip-test-db >/dev/null
mariadbd --no-defaults --user=mysql --datadir="$data" --socket="$data/sock" --pid-file="$data/pid" \
    --bind-address=127.0.0.1 --port=13306 --innodb-buffer-pool-size=64M \
    --innodb-lock-wait-timeout=900 >"$dir/log/mariadb.log" 2>&1 &
for _ in $(seq 200); do
    mariadb-admin --no-defaults --socket="$data/sock" ping >/dev/null 2>&1 && break
    sleep 0.1
done
mariadb --no-defaults --socket="$data/sock" -e "
    CREATE DATABASE slurm_acct_db;
    CREATE USER slurm@127.0.0.1 IDENTIFIED BY 'local-test';
    CREATE USER slurm@localhost IDENTIFIED BY 'local-test';
    GRANT ALL ON slurm_acct_db.* TO slurm@127.0.0.1;
    GRANT ALL ON slurm_acct_db.* TO slurm@localhost;"
cat >"$dir/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$dir/munge/sock
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=17819
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=13306
StorageUser=slurm
StoragePass=local-test
StorageLoc=slurm_acct_db
PidFile=$dir/slurmdbd.pid
LogFile=$dir/log/slurmdbd.log
CONF
chmod 600 "$dir/slurmdbd.conf"
SLURM_CONF=$dir/slurm.conf slurmdbd # it looks for slurmdbd.conf beside slurm.conf
for _ in $(seq 200); do
    (exec 3<>/dev/tcp/127.0.0.1/17819) 2>/dev/null && exit 0
    sleep 0.1
done
echo "slurmdbd did not come up" >&2
exit 1
