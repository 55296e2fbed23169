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

# What CI does, on this machine
ci:
    bash .ci/run

# gofmt, vet, golangci-lint, protobuf
lint:
    test -z "$(gofmt -l $(git ls-files '*.go' | grep -v contracts/gen))"
    go vet ./...
    {{ golangci }} run ./...
    cd contracts && {{ buf }} lint

# OpenAPI and AsyncAPI (needs Node)
lint-contracts:
    bash .ci/contracts/lint.sh

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

# Go benchmarks
bench *ARGS:
    go test -run '^$' -bench . -benchmem ./... {{ ARGS }}

# The whole server through real sockets: throughput, latency, memory per socket
load *ARGS:
    go build -o bin/gochat .
    bash deploy/load/run.sh bin/gochat {{ ARGS }}

# Kill -9 the server again and again under load, then judge every client's log
chaos rounds="100":
    GOCHAT_TEST_KILL_ROUNDS={{ rounds }} go test -count=1 -timeout 60m -run TestKillNine -v ./deploy/chaos

# Fuzz every decoder for a while
fuzz time="1m":
    bash .ci/fuzz {{ time }}
