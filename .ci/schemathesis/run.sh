#!/usr/bin/env bash
# Generates valid and invalid calls from openapi.yaml, makes them to a server, and checks the answers against
# the same file. Settings, all optional:
#   GOCHAT_BIN       a built server; without it one is built
#   GOCHAT_EXAMPLES  number of generated calls for each call of the contract (default 20)
#   GOCHAT_SEED      seed, to repeat the same calls
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/.ci/schemathesis
work=$(mktemp -d)
server=
stop() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  wait || true
  rm -rf "$work"
}
trap stop EXIT

tools=$HOME/.cache/gochat/schemathesis-$(sha256sum "$here/requirements.txt" | cut -c1-12)
if [ ! -x "$tools/bin/schemathesis" ]; then
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
fi

bin=${GOCHAT_BIN:-$work/gochat}
[ -n "${GOCHAT_BIN:-}" ] || go build -o "$bin" .
export GOCHAT_LIMITS_AUTH_PER_MINUTE=1000000 GOCHAT_LIMITS_CALLS_PER_SECOND=1000000 GOCHAT_LIMITS_CALLS_BURST=1000000
export GOCHAT_AUTH_LOGIN_ATTEMPTS=1000000 GOCHAT_AUTH_ACCOUNT_ATTEMPTS=1000000
"$bin" --data-dir "$work/data" --gateway-listen 127.0.0.1:0 >"$work/log" 2>&1 &
server=$!
GOCHAT_URL=
for _ in $(seq 600); do
  GOCHAT_URL=$(sed -n 's/^  open  //p' "$work/log")
  [ -z "$GOCHAT_URL" ] || break
  kill -0 "$server" || { cat "$work/log"; exit 1; }
  sleep 0.1
done
[ -n "$GOCHAT_URL" ] || { echo "the server did not say within a minute where it serves:"; cat "$work/log"; exit 1; }

export GOCHAT_URL SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$here
cd "$work" # the tool leaves files in the working directory
timeout 1200 "$tools/bin/schemathesis" --config-file "$here/schemathesis.toml" run "$OLDPWD/contracts/openapi.yaml" --url "$GOCHAT_URL" \
  --warnings off --phases examples,coverage,fuzzing,stateful \
  --max-examples "${GOCHAT_EXAMPLES:-20}" ${GOCHAT_SEED:+--seed "$GOCHAT_SEED"}
