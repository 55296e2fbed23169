#!/usr/bin/env bash
# Runs load.js against a server, or, without URL, against a server that it starts on empty data and stops again.
# usage: [VUS=20 SECONDS=30 …] run.sh [URL]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
k6=(go tool -C "$here" k6)
[ -z "${K6:-}" ] || k6=("$K6") # an installed k6

if [ -n "${1:-}" ]; then
  URL=$1
else
  dir=$(mktemp -d)
  server=
  trap 'kill "$server" 2>/dev/null && wait "$server"; rm -rf "$dir"' EXIT
  bin=${GOCHAT:-$dir/gochat}
  [ -n "${GOCHAT:-}" ] || (cd "$here/../.." && go build -o "$bin" .)
  port=${PORT:-$((20000 + RANDOM % 20000))}
  # All users come from one address, and cheap password hashes leave the CPU to messages.
  GOCHAT_DATA_DIR=$dir/data GOCHAT_GATEWAY_LISTEN=127.0.0.1:$port GOCHAT_LIMITS_AUTH_PER_MINUTE=1000000 \
    GOCHAT_AUTH_BCRYPT_COST=4 "$bin" >"$dir/log" 2>&1 &
  server=$!
  URL=http://127.0.0.1:$port
  curl -sf -o /dev/null --retry 60 --retry-delay 1 --retry-connrefused "$URL/readyz" || { cat "$dir/log"; exit 1; }
fi
export URL
"${k6[@]}" run --no-usage-report "$here/load.js"
