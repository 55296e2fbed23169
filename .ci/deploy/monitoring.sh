#!/usr/bin/env bash
# Checks rules, their tests, the queries of the dashboards and the configuration of Alertmanager with
# Prometheus' own tools, and all of them against the metrics of the program.
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in promtool amtool; do
  command -v "$tool" >/dev/null && continue
  package=prometheus
  [ "$tool" = promtool ] || package=prometheus-alertmanager
  # The package is unpacked and not installed, since an installation would start the server.
  tools=${tools:-$(mktemp -d)}
  trap 'rm -rf "$tools"' EXIT
  (cd "$tools" && { apt-get download -qq "$package" || { apt-get update -qq && apt-get download -qq "$package"; }; } && dpkg-deb -x "$package"_*.deb .)
  PATH=$tools/usr/bin:$PATH
done

work=$(mktemp -d)
trap 'rm -rf "$work" ${tools:+"$tools"}' EXIT

echo "-- rules"
promtool check rules deploy/monitoring/rules/*.yaml
promtool test rules deploy/monitoring/tests/*_test.yaml
promtool check config --syntax-only deploy/compose/prometheus.yml

echo "-- queries of the dashboards"
go run ./deploy/monitoring/make -rules >"$work/dashboards.yaml"
promtool check rules "$work/dashboards.yaml"

echo "-- the dashboards' schema"
go build -C .ci/grafana -o "$work/grafana" .
"$work/grafana" deploy/monitoring/dashboards/*.json
sed 's/"legendFormat"/"legendFormatt"/' deploy/monitoring/dashboards/edge.json >"$work/wrong.json"
if "$work/grafana" "$work/wrong.json" 2>/dev/null; then
  echo "a field that Grafana does not know was taken"
  exit 1
fi

echo "-- Alertmanager"
amtool check-config deploy/monitoring/alertmanager.yaml
while read -r receiver labels; do
  # shellcheck disable=SC2086 # several words
  amtool config routes test --config.file deploy/monitoring/alertmanager.yaml --verify.receivers="$receiver" $labels >/dev/null ||
    { echo "an alert with $labels does not go to $receiver"; exit 1; }
done <<'ROUTES'
page alertname=GoChatRoleDown severity=page
ticket alertname=GoChatPoisoned severity=ticket
ticket alertname=SomethingElse
ROUTES

echo "-- names, pages, dashboards"
go test -count=1 ./deploy/monitoring/...
