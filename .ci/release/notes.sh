#!/usr/bin/env bash
# Prints the chapter of CHANGELOG.md for the checked-out version: that of its tag, or without a tag that
# of unreleased changes. A tag without a chapter is an error.
set -euo pipefail
cd "$(dirname "$0")/../.."
tag=$(git describe --tags --exact-match --match 'v*' 2>/dev/null || true)
chapter=${tag#v}
notes=$(awk -v want="[${chapter:-Unreleased}]" '/^## /{on = $2 == want; next} /^\[.*\]: /{on = 0} on' CHANGELOG.md)
[ -n "${notes//[[:space:]]/}" ] || { echo "notes: CHANGELOG.md has no chapter [${chapter:-Unreleased}], or nothing in it" >&2; exit 1; }
printf '%s\n' "$notes"
