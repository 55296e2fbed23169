#!/usr/bin/env bash
# Prints the checked-out version: its tag without the v, or without a tag a pre-release of the next version
# with the commit. Only tags make versions; no file in the repository holds one.
set -euo pipefail
cd "$(dirname "$0")/../.."
if tag=$(git describe --tags --exact-match --match 'v*' 2>/dev/null); then
  echo "${tag#v}"
else
  last=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || echo v0.0.0)
  echo "${last#v}-dev.$(git rev-list --count HEAD).g$(git rev-parse --short=8 HEAD)"
fi
