#!/usr/bin/env bash
# Asks the Go project's database which known vulnerabilities the program can reach. It needs the
# network, so it is for the pipelines.
set -euo pipefail
cd "$(dirname "$0")/../.."
go tool -modfile=.ci/vulnerabilities/go.mod govulncheck ./...
