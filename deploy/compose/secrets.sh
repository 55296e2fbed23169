#!/bin/sh
# Makes the passwords and keys of the cluster once, each in the files of those who need it:
#   sh secrets.sh [DIRECTORY]      the directory is "secrets" beside this script by default
set -eu
dir=${1:-$(dirname "$0")/secrets}
umask 077
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
# ops.token, which requests for the status, profiles and log level of a process need.
operations() { echo "GOCHAT_OPS_TOKEN=$(random)" >"$1/ops.env"; }

if [ -d "$dir" ] && [ ! -e "$dir/ops.env" ]; then # the directory is older than ops.token
  operations "$dir"
  echo "made $dir/ops.env; the rest of $dir is kept"
  exit 0
fi
if [ -e "$dir" ]; then
  echo "$dir is there already and is kept: the databases know its passwords. Remove it together with them (docker compose --profile cluster down --volumes) to make new ones." >&2
  exit 1
fi
new=$dir.new
rm -rf "$new"
mkdir -p "$new"
operations "$new"

mysql=$(random)
redis=$(random)
echo "MYSQL_PASSWORD=$mysql" >"$new/mysql.env"
echo "REDISCLI_AUTH=$redis" >"$new/redis.env"
cat >"$new/repo.env" <<TXT
GOCHAT_DB_DSN=gochat:$mysql@tcp(mysql:3306)/gochat
GOCHAT_KV_PASSWORD=$redis
TXT
# Tokens are signed with the active key and accepted with any of the keys. To change keys, add k2, make
# it active, and remove k1 when the last token signed with it has expired.
cat >"$new/logic.env" <<TXT
GOCHAT_AUTH_KEYS=k1=$(random)
GOCHAT_AUTH_ACTIVE_KEY=k1
TXT
echo "GF_SECURITY_ADMIN_PASSWORD=$(random)" >"$new/grafana.env"
mv "$new" "$dir"
echo "made $dir; Grafana's user is admin, with the password in $dir/grafana.env"
