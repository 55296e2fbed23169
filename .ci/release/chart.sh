#!/usr/bin/env bash
# Packages the Helm chart with the version that is checked out, into dist; with CHART it pushes and
# signs it as well.
#   CHART                              where it goes: registry.example.com/charts
#   REGISTRY_USER, REGISTRY_PASSWORD   for that registry, if it needs a login
#   HELM_ARGS                          more for the push
set -euo pipefail
cd "$(dirname "$0")/../.."
helm=(go tool "-modfile=$PWD/.ci/deploy/kubernetes/tools/go.mod" helm)
export GOFLAGS=''
version=$(bash .ci/release/version.sh)
read -ra more <<<"${HELM_ARGS:-}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p dist
"${helm[@]}" package deploy/kubernetes/chart --version "$version" --app-version "$version" --destination dist 2> >(grep -v 'found symbolic link' >&2)
[ -n "${CHART:-}" ] || exit 0
export HELM_REGISTRY_CONFIG=$work/config.json DOCKER_CONFIG=$work
if [ -n "${REGISTRY_USER:-}" ]; then
  "${helm[@]}" registry login --username "$REGISTRY_USER" --password-stdin "${CHART%%/*}" <<<"${REGISTRY_PASSWORD:?of $REGISTRY_USER}"
fi
"${helm[@]}" push "dist/gochat-$version.tgz" "oci://$CHART" "${more[@]}" 2>&1 | tee "$work/said"
digest=$(sed -n 's/^Digest: //p' "$work/said")
bash .ci/release/sign.sh image "$CHART/gochat@${digest:?helm said none}"
