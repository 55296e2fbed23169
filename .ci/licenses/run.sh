#!/usr/bin/env bash
# Checks the licenses of all Go modules against the list of allowed ones.
#   run.sh [FILE]   also writes their texts to FILE, which a release has to include
set -euo pipefail
cd "$(dirname "$0")/../.."
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
go build -C .ci/licenses -o "$tool/licenses" .
"$tool/licenses" .ci/licenses/allowed "$@"
