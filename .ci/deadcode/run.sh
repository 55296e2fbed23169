#!/usr/bin/env bash
# Fails when there is a function that no program and no test can reach: it is to be deleted, or called.
set -euo pipefail
cd "$(dirname "$0")/../.."
found=$(go tool -modfile=.ci/deadcode/go.mod deadcode -test ./...)
[ -z "$found" ] || { echo "nobody calls these:"; echo "$found"; exit 1; }
