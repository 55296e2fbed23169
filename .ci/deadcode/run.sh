#!/usr/bin/env bash
# Fails when no program and no test can reach a function: delete such a function, or call it.
set -euo pipefail
cd "$(dirname "$0")/../.."
found=$(go tool -modfile=.ci/deadcode/go.mod deadcode -test ./...)
[ -z "$found" ] || { echo "nobody calls these:"; echo "$found"; exit 1; }
