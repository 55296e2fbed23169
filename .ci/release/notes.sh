#!/usr/bin/env bash
# Prints what CHANGELOG.md says of the version that is checked out: that of its tag, or what is not
# released yet. A tag without a chapter is an error.
set -euo pipefail
cd "$(dirname "$0")/../.."
tag=$(git describe --tags --exact-match --match 'v*' 2>/dev/null || true)
chapter=${tag#v}
notes=$(awk -v want="[${chapter:-Unreleased}]" '/^## /{on = $2 == want; next} /^\[.*\]: /{on = 0} on' CHANGELOG.md)
[ -n "${notes//[[:space:]]/}" ] || { echo "notes: CHANGELOG.md has no chapter [${chapter:-Unreleased}], or nothing in it" >&2; exit 1; }
printf '%s\n' "$notes"
