#!/usr/bin/env bash
# Prints the version that is checked out: its tag without the v, or one before the next that names the
# commit. Versions are made by tags alone; nothing in the repository has to be raised for one.
set -euo pipefail
cd "$(dirname "$0")/../.."
if tag=$(git describe --tags --exact-match --match 'v*' 2>/dev/null); then
  echo "${tag#v}"
else
  last=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || echo v0.0.0)
  echo "${last#v}-dev.$(git rev-list --count HEAD).g$(git rev-parse --short=8 HEAD)"
fi
