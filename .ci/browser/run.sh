#!/usr/bin/env bash
# Runs the browser tests: users in several browsers chat through one server. Settings, all optional:
#   GOCHAT_URL       a running server; without it one is built and started in a folder that is removed after
#   GOCHAT_BIN       a built server to start in place of building one
#   GOCHAT_SHOTS     where screenshots go (default .ci/out/browser)
#   GOCHAT_CHROMIUM  the browser (default /usr/bin/chromium)
#   GOCHAT_ONLY      runs the tests whose name contains this, or those of the file of this name (groups)
set -euo pipefail
cd "$(dirname "$0")/../.."
export GOCHAT_SHOTS="${GOCHAT_SHOTS:-$PWD/.ci/out/browser}"
mkdir -p "$GOCHAT_SHOTS"

if [ -z "${GOCHAT_URL:-}" ] && [ -z "${GOCHAT_BIN:-}" ]; then
  built=$(mktemp -d)
  trap 'rm -rf "$built"' EXIT
  go build -o "$built/gochat" .
  export GOCHAT_BIN="$built/gochat"
fi
node .ci/browser/main.mjs
