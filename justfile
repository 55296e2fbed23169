# `just` lists the recipes. Everything that needs more than Go says so.

set shell := ["bash", "-euo", "pipefail", "-c"]

buf := "go tool -modfile=../.ci/tools/go.mod buf"
golangci := "go tool -modfile=.ci/lint/go.mod golangci-lint"

[private]
default:
    @just --list

# Start everything in one process
run *ARGS:
    go run . {{ ARGS }}

# All tests, with the race detector
test *ARGS:
    go test -race ./... {{ ARGS }}

# A quick look at what is not committed, or what differs from a commit: just check main
check *ARGS:
    bash .ci/check {{ ARGS }}

# Let git run `check` before each commit in this clone
hooks:
    git config core.hooksPath .githooks

# What CI does, on this machine
ci:
    bash .ci/run

# gofmt, vet, golangci-lint, functions that nobody calls, protobuf
lint:
    test -z "$(gofmt -l $(git ls-files '*.go' | grep -v contracts/gen))"
    go vet ./...
    {{ golangci }} run ./...
    bash .ci/deadcode/run.sh
    cd contracts && {{ buf }} lint

# OpenAPI and AsyncAPI (needs Node)
lint-contracts:
    bash .ci/contracts/lint.sh

# Licenses of all Go modules, held to those that are allowed
licenses *ARGS:
    bash .ci/licenses/run.sh {{ ARGS }}

# Known vulnerabilities that the program can reach (needs the network)
vulnerabilities:
    bash .ci/vulnerabilities/run.sh

# The pipelines' files, held to their schemas and to these recipes (needs Python)
pipelines:
    bash .ci/deploy/pipelines.sh

# Calls made up from openapi.yaml against a server, all answers held to the file (needs Python)
made-up:
    bash .ci/schemathesis/run.sh

# Generate the code in contracts/gen
generate:
    cd contracts && {{ buf }} generate

# Build the web client into gateway/web/dist (needs Node)
web:
    cd gateway/web && npm ci && npm run build

# Two browsers talk to each other (needs Node and Chromium)
browser:
    bash .ci/browser/setup.sh
    bash .ci/browser/run.sh

# Go benchmarks of what a message passes, as benchstat reads them; --baseline keeps them (ROUNDS=6, TIME=100ms)
bench *ARGS:
    bash .ci/bench/run.sh {{ ARGS }}

# The same, compared with the baseline by benchstat, so that a difference that is noise is called one
bench-compare:
    bash .ci/bench/run.sh --compare

# All Go benchmarks there are, once
bench-all *ARGS:
    go test -run '^$' -bench . -benchmem ./... {{ ARGS }}

# The whole server through real sockets: throughput, latency, memory per socket
load *ARGS:
    go build -o bin/gochat .
    bash tests/load/run.sh bin/gochat {{ ARGS }}

# Pairs talk through a server and everything is checked, by k6: against an embedded one, or URL (VUS=… SECONDS=…)
k6 *URL:
    bash deploy/load/run.sh {{ URL }}

# Which shards of Vitess each statement of the store touches (minutes to build once)
vitess *ARGS:
    nice -n 19 go -C tests/vitess test ./... {{ ARGS }}

# Kill -9 the server again and again under load, then judge every client's log
chaos rounds="100":
    GOCHAT_TEST_KILL_ROUNDS={{ rounds }} go test -count=1 -timeout 60m -run TestKillNine -v ./tests/chaos

# Take the power from a server again and again under load, then judge (needs root or fusermount, and /dev/fuse)
powerloss losses="100":
    GOCHAT_TEST_POWER_LOSSES={{ losses }} go test -count=1 -timeout 3h -v ./tests/powerloss

# Real servers on this machine: just servers up | status | kill kafka | down …
servers *ARGS:
    deploy/local/local {{ ARGS }}

# Every role as processes of its own on real servers, until Ctrl-C
cluster *ARGS:
    go run ./tests/cluster/up {{ ARGS }}

# Break each part of a cluster under load, one at a time, and judge (about 20 minutes)
faults which="all":
    GOCHAT_TEST_CLUSTER=1 GOCHAT_TEST_FAULTS="{{ which }}" go test -count=1 -timeout 90m -run 'TestFaults|TestPromotion' -v ./tests/cluster

# Fuzz every decoder for a while, or those that match: just fuzz 10m gateway/FuzzSend
fuzz time="1m" only=".":
    bash .ci/fuzz {{ time }} "{{ only }}"

# Archives, deb and rpm, bills of materials, signatures: just packages --snapshot publishes nothing
packages *ARGS:
    bash .ci/release/packages.sh {{ ARGS }}

# The image for two platforms, pushed and signed (IMAGE=…)
images:
    bash .ci/release/images.sh

# The Helm chart as a package, pushed and signed where CHART=… says
chart:
    bash .ci/release/chart.sh

# Bring this version to a test environment and look at it from outside (IMAGE=…, GOCHAT_TEST_URL=…)
deploy:
    bash .ci/release/deploy.sh
