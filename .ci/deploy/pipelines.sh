#!/usr/bin/env bash
# Checks the files of the pipelines and of the release against their schemas, the recipes that they call, and
# each other. With CI_NIGHTLY=1 a release is tried, too: see .ci/release/try.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
here=$root/.ci/deploy
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tools=${XDG_CACHE_HOME:-$HOME/.cache}/gochat/deploy-$(sha256sum "$here/requirements.txt" | cut -c1-12)
if [ ! -x "$tools/bin/check-jsonschema" ]; then
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
fi

echo "-- workflows"
go tool -modfile="$here/pipelines/go.mod" actionlint -shellcheck "$tools/bin/shellcheck" -pyflakes=
"$tools/bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
echo "-- .gitlab-ci.yml"
"$tools/bin/check-jsonschema" --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci .gitlab-ci.yml
echo "-- devcontainer.json"
"$tools/bin/python" -m json.tool .devcontainer/devcontainer.json >/dev/null
# The development container has to be the environment of CI.
image=$("$tools/bin/python" -c 'import json; print(json.load(open(".devcontainer/devcontainer.json"))["image"])')
grep -qxF "  image: $image" .gitlab-ci.yml || { echo "devcontainer.json has the image $image, and .gitlab-ci.yml another one"; exit 1; }
echo "-- recipes"
"$tools/bin/python" "$here/pipelines/recipes.py"
echo "-- scripts"
"$tools/bin/shellcheck" --shell bash .ci/setup .ci/run .ci/check .githooks/pre-commit .ci/deadcode/run.sh .ci/release/tools .ci/deploy/pipelines.sh .ci/deploy/kubernetes.sh .ci/deploy/kubernetes-live.sh .ci/deploy/collector.sh .ci/deploy/kubernetes/crds.sh .ci/licenses/run.sh .ci/vulnerabilities/run.sh .ci/release/*.sh deploy/packages/*.sh
echo "-- .goreleaser.yaml"
# goreleaser needs a repository with the origin of releases; a checkout may have another one, or none.
git init -q "$work/released"
git -C "$work/released" remote add origin https://github.com/gochat/gochat.git
# shellcheck source=/dev/null
. .ci/release/tools
release_tools goreleaser
(cd "$work/released" && goreleaser check "$root/.goreleaser.yaml") >"$work/said" 2>&1 || { cat "$work/said"; exit 1; }
echo "-- changelog"
bash .ci/release/notes.sh >/dev/null

[ -z "${CI_NIGHTLY:-}" ] || bash .ci/release/try.sh
