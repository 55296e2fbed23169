#!/usr/bin/env bash
# Fetches the Go modules that define the custom resources of the chart, and prints the paths of the files with
# the definitions, one on a line.
set -euo pipefail
keda=github.com/kedacore/keda/v2@v2.20.2
prometheus=github.com/prometheus-operator/prometheus-operator@v0.85.0
secrets=github.com/external-secrets/external-secrets@v1.3.2
certs=github.com/cert-manager/cert-manager@v1.21.2
modules=$(go env GOMODCACHE)
(cd / && GOFLAGS='' go mod download "$keda" "$prometheus" "$secrets" "$certs")
printf '%s\n' \
  "$modules/$keda/config/crd/bases/keda.sh_scaledobjects.yaml" \
  "$modules/$prometheus"/example/prometheus-operator-crd/monitoring.coreos.com_{servicemonitors,prometheusrules}.yaml \
  "$modules/$secrets/config/crds/bases/external-secrets.io_externalsecrets.yaml" \
  "$modules/$certs"/deploy/crds/cert-manager.io_{certificates,issuers}.yaml
