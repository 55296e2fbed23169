#!/usr/bin/env bash
# Checks the chart and the plain manifests of deploy/kubernetes against the schemas of Kubernetes and of the
# operators, against each other, GoChat's settings, and the policies of kube-score and checkov.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
here=$root/.ci/deploy/kubernetes
kubernetes=1.37.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tools=$HOME/.cache/gochat/kubernetes-$(sha256sum "$here/requirements.txt" | cut -c1-12)
if [ ! -x "$tools/bin/checkov" ]; then
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
fi
mapfile -t crds < <(bash "$here/crds.sh")
[ ${#crds[@]} = 6 ]

# Tools are built once; these are their paths in the build cache.
go tool -modfile="$here/tools/go.mod" helm version >/dev/null 2>&1
HELM=$(go tool -modfile="$here/tools/go.mod" -n helm)
export HELM
go tool -modfile="$here/tools/go.mod" kustomize version >/dev/null
kustomize=$(go tool -modfile="$here/tools/go.mod" -n kustomize)
go tool -modfile="$here/score/go.mod" kube-score version >/dev/null
score=$(go tool -modfile="$here/score/go.mod" -n kube-score)
helm() { "$HELM" "$@" 2> >(grep -v 'found symbolic link' >&2); }
excepted() { awk -v tool="$1" '$1 == tool {print $2}' "$here/exceptions"; }

cd deploy/kubernetes
echo "-- the chart, packaged"
helm package chart --destination "$work" >/dev/null
tar -xzf "$work"/gochat-*.tgz -C "$work"
# The alert rules are a symbolic link in the repository, and files in the packaged chart.
if [ -L "$work/gochat/files/rules" ] || ! diff -r "$work/gochat/files/rules" ../monitoring/rules; then
  echo "the package lacks the rules of deploy/monitoring/rules"
  exit 1
fi

declare -A sets=(
  [embedded]="-f values/embedded.yaml"
  [cluster]="-f values/cluster.yaml"
  [trial]="-f values/cluster.yaml -f values/trial.yaml"
  [production]="-f values/cluster.yaml -f values/production.yaml"
  [kafka]="-f values/cluster.yaml -f values/production.yaml --set keda.trigger=kafka --set migrate.job=true"
)
for name in "${!sets[@]}"; do
  echo "-- the chart with values for $name"
  # shellcheck disable=SC2086 # several words each
  helm lint --strict --quiet --kube-version "$kubernetes" "$work/gochat" ${sets[$name]}
  # shellcheck disable=SC2086
  helm template gochat "$work/gochat" --namespace gochat --kube-version "$kubernetes" ${sets[$name]} >"$work/helm-$name.yaml"
done

echo "-- values that must be refused"
while IFS='|' read -r values sentence; do
  # shellcheck disable=SC2086
  if said=$(helm template gochat chart --kube-version "$kubernetes" $values 2>&1); then
    echo "was not refused: $values"
    exit 1
  fi
  grep -qF -- "$sentence" <<<"$said" || { printf 'refused %s, but did not say "%s":\n%s\n' "$values" "$sentence" "$said"; exit 1; }
done <"$here/refused"

echo "-- plain manifests"
cp -r kustomize "$work/made"
./render "$work/made"
diff -r kustomize "$work/made" || { echo "the manifests are not those of the chart: run deploy/kubernetes/render"; exit 1; }
for name in base embedded overlays/dev overlays/prod; do
  "$kustomize" build "kustomize/$name" >"$work/kustomize-${name//\//-}.yaml"
done
"$kustomize" build ../load >"$work/kustomize-load.yaml"

echo "-- schemas and references"
"$tools/bin/python" "$here/validate.py" "$kubernetes" "${crds[@]}" -- "$work"/{helm,kustomize}-*.yaml examples/*.yaml

echo "-- kube-score"
mapfile -t ignore < <(excepted kube-score | sed 's/^/--ignore-test=/')
for file in "$work"/{helm,kustomize}-*.yaml; do # one by one: each is a cluster of its own
  "$score" score --kubernetes-version "v${kubernetes%.*}" --output-format ci --exit-one-on-warning \
    --ignore-container-cpu-limit "${ignore[@]}" "$file" >"$work/score" ||
    { echo "$(basename "$file"):"; grep -v '^\[OK\]\|^\[SKIPPED\]' "$work/score"; exit 1; }
done

echo "-- checkov"
"$tools/bin/checkov" --framework kubernetes --skip-download --quiet --compact --skip-check "$(excepted checkov | paste -sd,)" \
  -f "$work"/helm-{embedded,production,kafka}.yaml -f "$work"/kustomize-overlays-{dev,prod}.yaml -f "$work/kustomize-load.yaml"

echo "-- GoChat's settings"
cd "$root"
go test -count=1 ./deploy/kubernetes
