#!/usr/bin/env bash
# Makes archives, Debian and RPM packages, their bills of materials, checksums and the signature of the
# checksums in dist, as .goreleaser.yaml says.
#   packages.sh              of the tag that is checked out, and publishes them: GITHUB_TOKEN or
#                            GITLAB_TOKEN, and HOMEBREW_TAP_TOKEN where there is a tap
#   packages.sh --snapshot   of whatever is checked out, and publishes nothing
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=/dev/null
. .ci/release/tools
release_tools goreleaser syft cosign
mkdir -p .ci/out
bash .ci/licenses/run.sh .ci/out/THIRD-PARTY-LICENSES >/dev/null
bash .ci/release/notes.sh >.ci/out/notes.md
goreleaser release --clean --release-notes .ci/out/notes.md "$@"
