#!/usr/bin/env bash
# Lints the client contract's OpenAPI and AsyncAPI files: warnings fail, too.
set -euo pipefail
cd "$(dirname "$0")"
npm ci --no-audit --no-fund --silent --ignore-scripts
contracts=../../contracts
npx redocly lint --config redocly.yaml --max-problems 1000 http socket
npx spectral lint --ruleset .spectral.yaml --fail-severity warn "$contracts/openapi.yaml" "$contracts/asyncapi.yaml"
node parse.mjs "$contracts/asyncapi.yaml"
