#!/usr/bin/env bash
# Tries a release in a copy of the repository, with its own tag and key, and publishes nothing: archives
# and packages, their bills of materials and signatures, the chart; and, where images can be built (as
# root, with the bases of .ci/deploy/images.sh), the image, in a registry on this machine. Then it checks
# all of them. It takes minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gochat
port=${GOCHAT_REGISTRY_PORT:-24970}
work=$(mktemp -d)
registry=
clean() {
  if [ -n "$registry" ]; then kill "$registry" || true; fi
  rm -rf "$work"
}
trap clean EXIT
say() { printf -- '-- %s\n' "$*"; }
fail() { printf 'try: %s\n' "$*" >&2 && exit 1; }
# shellcheck source=/dev/null
. .ci/release/tools
release_tools cosign

copy() {
  git clone -q "$root" "$work/source"
  cd "$work/source"
  git remote set-url origin https://github.com/gochat/gochat.git
  sed -i 's/^## \[Unreleased\]/&\n\n## [9.8.7] - 2001-02-03/' CHANGELOG.md
  git -c user.name=ci -c user.email=ci@localhost commit -qam "Release 9.8.7"
  git tag v9.8.7
  [ "$(bash .ci/release/version.sh)" = 9.8.7 ] || fail "the version is not that of the tag"
}

keys() {
  (cd "$work" && COSIGN_PASSWORD='' cosign generate-key-pair >/dev/null 2>&1)
  COSIGN_PRIVATE_KEY=$(cat "$work/cosign.key") COSIGN_PUBLIC_KEY=$(cat "$work/cosign.pub") COSIGN_PASSWORD=''
  export COSIGN_PRIVATE_KEY COSIGN_PUBLIC_KEY COSIGN_PASSWORD
}

packages() {
  local deb file part
  say "archives and packages"
  bash .ci/release/packages.sh --skip=publish >"$work/said" 2>&1 || fail "no packages: $(tail -n 20 "$work/said")"
  (cd dist && sha256sum --quiet --check SHA256SUMS)
  bash .ci/release/sign.sh check-blob dist/SHA256SUMS dist/SHA256SUMS.sigstore.json
  cp dist/SHA256SUMS "$work/changed" && echo >>"$work/changed"
  if bash .ci/release/sign.sh check-blob "$work/changed" dist/SHA256SUMS.sigstore.json 2>/dev/null; then fail "a changed file has the same signature"; fi
  for file in dist/gochat_9.8.7_{linux,darwin}_{amd64,arm64}.tar.gz; do
    tar -tzf "$file" >"$work/list"
    for part in gochat LICENSE THIRD-PARTY-LICENSES; do
      grep -qx "$part" "$work/list" || fail "$file lacks $part"
    done
    grep -q go.uber.org/zap "$file.sbom.json" || fail "the bill of materials of $file lacks a module"
  done
  tar -xzf "dist/gochat_9.8.7_linux_$(go env GOHOSTARCH).tar.gz" -C "$work" gochat
  "$work/gochat" version | tee "$work/version"
  grep -qF "gochat 9.8.7 (revision $(git rev-parse HEAD)," "$work/version" || fail "the version is not stamped"
  grep -q 'version "9.8.7"' dist/homebrew/Casks/gochat.rb || fail "the cask is of another version"
  [ "$(find dist -name '*.rpm' | wc -l)" = 2 ] || fail "not two rpm packages"
  if command -v dpkg-deb >/dev/null; then
    deb=$(find dist -name '*_amd64.deb')
    dpkg-deb --contents "$deb" >"$work/list"
    for file in usr/bin/gochat usr/lib/systemd/system/gochat.service etc/gochat/gochat.yaml usr/share/doc/gochat/THIRD-PARTY-LICENSES; do
      grep -qF "./$file" "$work/list" || fail "$deb lacks $file"
    done
    grep -q ' root/gochat .*/etc/gochat/gochat.yaml' "$work/list" || fail "another group may read the settings"
  fi
}

chart_and_image() {
  local name
  say "a registry on this machine"
  GOFLAGS='' go build -C "$root/.ci/release/registry" -o "$work/registry" .
  "$work/registry" "127.0.0.1:$port" 2>"$work/registry.log" &
  registry=$!
  curl --silent --fail --retry 50 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/v2/" >/dev/null
  say "chart"
  CHART=127.0.0.1:$port/charts HELM_ARGS=--plain-http bash .ci/release/chart.sh >"$work/said" 2>&1 || fail "no chart: $(tail -n 20 "$work/said")"
  bash .ci/release/sign.sh check-image "127.0.0.1:$port/charts/gochat:9.8.7" 2>"$work/said" || fail "the chart is not signed: $(cat "$work/said")"
  tar -xOzf dist/gochat-9.8.7.tgz gochat/Chart.yaml >"$work/Chart.yaml"
  grep -qx 'appVersion: 9.8.7' "$work/Chart.yaml" || fail "the chart is of another version"
  if [ "$(id -u)" != 0 ] || [ ! -d "$cache/containers/store" ]; then
    say "no image: root, and the bases of .ci/deploy/images.sh, are missing"
    return
  fi
  say "image"
  name=$(IMAGE=127.0.0.1:$port/gochat LATEST=1 BUILD_IMAGE=localhost/golang:$(go env GOVERSION) BASE_IMAGE=scratch \
    BUILDAH_ARGS="--root $cache/containers/store --runroot $cache/containers/run" \
    BUILD_ARGS="--pull-never --volume $(go env GOMODCACHE):/cache/mod --volume $(go env GOCACHE):/cache/build" \
    PUSH_ARGS=--tls-verify=false SYFT_REGISTRY_INSECURE_USE_HTTP=true bash .ci/release/images.sh 2>"$work/said") || fail "no image: $(tail -n 20 "$work/said")"
  say "$name"
  bash .ci/release/sign.sh check-image "$name" 2>"$work/said" || fail "the image is not signed: $(cat "$work/said")"
  curl --silent --fail "http://127.0.0.1:$port/v2/gochat/manifests/latest" >"$work/list"
  grep -q '"architecture": *"arm64"' "$work/list" || fail "no arm64: $(cat "$work/list")"
  grep -q go.uber.org/zap dist/gochat_9.8.7_image.spdx.json || fail "the image's bill of materials lacks a module"
}

copy
keys
packages
chart_and_image
