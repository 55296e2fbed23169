#!/usr/bin/env bash
# Runs the Go benchmarks of the parts on a message's way, and prints them in the form of benchstat.
#   run.sh               to stdout
#   run.sh --baseline    to baseline.txt
#   run.sh --compare     measures, and compares with baseline.txt
# ROUNDS (6) is how often each benchmark is measured; benchstat needs at least six. Each round measures all benchmarks
# once, so that other load on the machine is spread over all of them; -count would put it on a few.
# TIME (100ms) is the time of each benchmark in a round.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${ROUNDS:-6}
each=${TIME:-100ms}
baseline=.ci/bench/baseline.txt
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT

# A package, and which of its benchmarks.
chosen() {
  cat <<'END'
contracts            EncodeFrame|Record
gateway              DecodeSend|ReadJSON|Push$|FanOut|Send$|Limit
routers              Stages
handlers/deliver     Send
infra/mq             Lanes
infra/mq/channel     Through
infra/mq/walog       Publish|Through
infra/rpc            Call/^(in-process|socket,conns=1)$/size=(64|65536)$
infra/idgen          Next
repo/cache/memory    Message
repo/store/sqlstore  Save$
repo                 SaveMessages
END
}

measure() {
  while read -r package _; do
    go test -c -o "$built/${package//\//-}" "./$package" </dev/null
  done < <(chosen)
  for round in $(seq 1 "$rounds"); do
    echo "round $round of $rounds" >&2
    while read -r package which; do
      (cd "$package" && "$built/${package//\//-}" -test.run '^$' -test.bench "$which" -test.benchmem -test.benchtime "$each" -test.timeout 20m </dev/null) |
        grep -E '^(goos|goarch|pkg|cpu|Benchmark)'
    done < <(chosen)
  done
}

case ${1:-} in
'')
  measure
  ;;
--baseline)
  measure >"$baseline.new"
  mv "$baseline.new" "$baseline"
  ;;
--compare)
  if [ ! -f "$baseline" ]; then
    echo "there is no $baseline: make it by run.sh --baseline, on this machine and before the change" >&2
    exit 1
  fi
  mkdir -p .ci/out
  measure >.ci/out/bench.txt
  go tool -modfile=.ci/bench/go.mod benchstat "$baseline" .ci/out/bench.txt
  ;;
*)
  echo "usage: run.sh [--baseline | --compare]" >&2
  exit 2
  ;;
esac
