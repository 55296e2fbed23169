#!/usr/bin/env bash
# Deploys the checked-out version to a test environment and tests it from outside. KUBECONFIG names the
# cluster.
#   KUBECONFIG_TEXT         the file's text, where there is no file
#   IMAGE                   the image's name, without a tag; its tag is the version
#   VALUES                  file of the environment's values (default: one node)
#   RELEASE, NAMESPACE      gochat, gochat-test
#   GOCHAT_TEST_URL         the public URL of the environment, for the tests from outside
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${IMAGE:?the name of the image without a tag}" "${GOCHAT_TEST_URL:?where people reach the test environment}"
export RELEASE=${RELEASE:-gochat} NAMESPACE=${NAMESPACE:-gochat-test}
values=${VALUES:-deploy/kubernetes/values/embedded.yaml}
version=$(bash .ci/release/version.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
GOFLAGS='' go tool -modfile=.ci/deploy/kubernetes/tools/go.mod helm version >/dev/null 2>&1
bin=$(dirname "$(GOFLAGS='' go tool -modfile=.ci/deploy/kubernetes/tools/go.mod -n helm)")
GOFLAGS='' go build -C .ci/release/kubectl -o "$work/kubectl" .
export PATH=$work:$bin:$PATH
if [ -n "${KUBECONFIG_TEXT:-}" ]; then
  (umask 077 && printf '%s\n' "$KUBECONFIG_TEXT" >"$work/config")
  export KUBECONFIG=$work/config
fi

roles=$(kubectl --namespace "$NAMESPACE" get deployment --output name --selector "app.kubernetes.io/instance=$RELEASE,app.kubernetes.io/component=repo")
if [ -n "$roles" ]; then # a cluster that is there goes role by role
  deploy/kubernetes/upgrade "$version" --values "$values" --set "image.repository=$IMAGE"
else
  helm upgrade --install "$RELEASE" deploy/kubernetes/chart --namespace "$NAMESPACE" --create-namespace --values "$values" \
    --set "image.repository=$IMAGE" --set-string "image.tag=$version" --wait --timeout 15m
fi
go test -count=1 -run 'Messages|Closings|World|Handshake' ./tests/blackbox
