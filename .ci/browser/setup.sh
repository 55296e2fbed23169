#!/usr/bin/env bash
# Installs what the browser test needs: its npm package, and Chromium when there is none.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --no-audit --no-fund

if [ ! -x "${GOCHAT_CHROMIUM:-/usr/bin/chromium}" ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
fi
