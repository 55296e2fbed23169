#!/usr/bin/env bash
# Runs a collector with deploy/monitoring/collector.yaml between a GoChat and a receiver of traces, and compares the
# kept traces with all. The collector is built once from the modules of its release, which takes minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/.ci/deploy/collector
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
step() { printf -- '-- %s\n' "$*"; }
fail() { printf 'collector: %s\n' "$*" >&2; exit 1; }

bin=${XDG_CACHE_HOME:-$HOME/.cache}/gochat/collector-$(cat "$here"/builder/* | sha256sum | cut -c1-12)
if [ ! -x "$bin/otelcol" ]; then
  step "building the collector"
  mkdir -p "$bin"
  go build -C "$here/builder" -o "$work/builder" go.opentelemetry.io/collector/cmd/builder
  (cd "$work" && ./builder --config "$here/builder/manifest.yaml") >"$work/said" 2>&1 || { cat "$work/said"; fail "not built"; }
  mv "$work/source/otelcol" "$bin/otelcol"
fi
step "$("$bin/otelcol" --version)"
"$bin/otelcol" validate --config deploy/monitoring/collector.yaml
go build -o "$work/gochat" .
go build -o "$work/try" ./.ci/deploy/collector/try

try() { # further arguments of the command try
  "$work/try" -collector "$bin/otelcol" -gochat "$work/gochat" \
    -config deploy/monitoring/collector.yaml -config "$here/override.yaml" "$@"
}
step "failed traces, slow ones, and a quarter of the others"
try -percent 25
step "failed traces, slow ones, and no others"
try -percent 0
step "a policy without failures and slowness is refused"
if try -percent 0 -config "$here/broken.yaml" >"$work/said" 2>&1; then fail "it was taken: $(cat "$work/said")"; fi
for kind in failed slow; do
  grep -q "$kind trace .*: 0 of its [0-9]* spans were kept" "$work/said" || fail "no $kind trace is missed: $(cat "$work/said")"
done
