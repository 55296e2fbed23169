#!/usr/bin/env bash
# Holds the licenses of all Go modules to the list of allowed ones.
#   run.sh [FILE]   also writes their texts to FILE, as releases have to have them
set -euo pipefail
cd "$(dirname "$0")/../.."
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
go build -C .ci/licenses -o "$tool/licenses" .
"$tool/licenses" .ci/licenses/allowed "$@"
