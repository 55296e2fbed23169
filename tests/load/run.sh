#!/usr/bin/env bash
# Measures a binary: starts it on empty data, runs both load tests, stops it.
# usage: run.sh BINARY [loadtest flags for the pairs]
set -euo pipefail
bin=$(realpath "${1:?usage: run.sh BINARY [flags of gochat loadtest for the pairs]}")
shift
dir=$(mktemp -d)
port=$((20000 + RANDOM % 20000))
start() {
  GOCHAT_DATA_DIR=$dir/$1 GOCHAT_GATEWAY_LISTEN=127.0.0.1:$port GOCHAT_LIMITS_AUTH_PER_MINUTE=1000000 \
    GOCHAT_AUTH_BCRYPT_COST=4 "$bin" >"$dir/$1.log" 2>&1 &
  server=$!
  for _ in $(seq 1 100); do
    curl -sf -o /dev/null "http://127.0.0.1:$port/readyz" && return 0
    sleep 0.1
  done
  cat "$dir/$1.log"
  return 1
}
stop() {
  kill "$server"
  wait "$server"
}
trap 'kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT

start pairs
"$bin" loadtest --url "http://127.0.0.1:$port" "$@"
stop
# A low GOGC keeps garbage small, so that the memory is that of the sockets.
export GOGC=25
start idle
"$bin" loadtest --url "http://127.0.0.1:$port" --idle 10000 --duration 30s
stop
