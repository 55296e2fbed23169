#!/usr/bin/env bash
# Lints the client contract's OpenAPI and AsyncAPI files.
set -euo pipefail
cd "$(dirname "$0")"
npm ci --no-audit --no-fund --silent
npx redocly lint --config redocly.yaml http socket
