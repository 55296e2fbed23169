#!/usr/bin/env bash
# Checks the image and the compose file. Each run uses linters and schemas, which takes seconds. With
# CI_NIGHTLY=1 the image is built for two platforms, run read-only by an unprivileged user behind the
# proxy of the compose file, and tested from outside; that needs root on Debian. The base images are
# made of Debian's packages here, since Alpine's image would need a registry.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/.ci/deploy
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gochat
port=${GOCHAT_IMAGE_PORT:-24960} # this port and the next two
work=$(mktemp -d)
container=gochat-ci-$$
revision=$(git rev-parse --short HEAD)
proxy=

say() { printf -- '-- %s\n' "$*"; }
fail() { printf 'images: %s\n' "$*" >&2 && exit 1; }

clean() {
  if [ -n "$proxy" ]; then kill "$proxy" || true; fi
  if [ -n "${CI_NIGHTLY:-}" ] && command -v podman >/dev/null; then
    on_store podman rm -f -t 5 "$container" >/dev/null 2>&1 || true
    on_store podman volume rm -f "$container" >/dev/null 2>&1 || true
  fi
  rm -rf "$work"
}
trap clean EXIT

lint() {
  local tools
  tools=$cache/deploy-$(sha256sum "$here/requirements.txt" | cut -c1-12)
  if [ ! -x "$tools/bin/hadolint" ]; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  fi
  say "Dockerfile"
  "$tools/bin/hadolint" --failure-threshold info deploy/images/Dockerfile
  say "compose.yaml"
  "$tools/bin/check-jsonschema" --builtin-schema vendor.compose-spec deploy/compose/compose.yaml
  say "scripts"
  "$tools/bin/shellcheck" .ci/deploy/images.sh deploy/compose/secrets.sh
}

# install COMMAND=PACKAGE…
install_missing() {
  local want missing=()
  PATH=$PATH:/usr/sbin:/sbin
  for want in "$@"; do
    command -v "${want%=*}" >/dev/null || missing+=("${want#*=}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || fail "missing: ${missing[*]}; root installs them by apt-get"
  say "installing ${missing[*]}"
  exec 9>/tmp/gochat-apt.lock
  flock 9
  if ! { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"; } >"$work/apt.log" 2>&1; then
    fail "apt-get could not install them: $(tail -n 3 "$work/apt.log")"
  fi
  exec 9>&-
}

# configurations: lets each program check its own configuration file.
configurations() {
  local compose=(go tool -modfile="$here/compose/go.mod" cmd --project-directory "$work/deploy/compose")
  say "configurations of Prometheus, Alertmanager and the proxy"
  promtool check config --syntax-only deploy/compose/prometheus.yml
  amtool check-config deploy/monitoring/alertmanager.yaml
  caddy validate --config deploy/compose/Caddyfile --adapter caddyfile >"$work/caddy.log" 2>&1 || fail "$(cat "$work/caddy.log")"
  say "docker compose config"
  mkdir -p "$work/deploy"
  cp -r deploy/compose "$work/deploy/compose"
  rm -rf "$work/deploy/compose/secrets"
  compose+=(--file "$work/deploy/compose/compose.yaml" --env-file "$work/deploy/compose/.env")
  [ "$("${compose[@]}" config --services)" = gochat ] || fail "docker compose up does not start one process"
  if "${compose[@]}" --profile cluster config -q 2>"$work/refused"; then fail "the cluster starts without secrets"; fi
  grep -q 'secrets/.*not found' "$work/refused" || fail "what is missing is not told: $(cat "$work/refused")"
  sh "$work/deploy/compose/secrets.sh" >/dev/null
  "${compose[@]}" --profile cluster config -q
  if "${compose[@]}" --profile cluster config --services | grep -qx gochat; then fail "the cluster has the one process, too"; fi
}

# on_store runs buildah or podman with a separate store of images.
on_store() {
  local tool=$1
  shift
  case $tool in
  buildah) buildah --root "$cache/containers/store" --runroot "$cache/containers/run" "$@" ;;
  podman)
    podman --root "$cache/containers/store" --runroot "$cache/containers/run" --runtime runc --cgroup-manager cgroupfs \
      --events-backend file "$@"
    ;;
  esac
}

# shellcheck disable=SC2016 # the words of apt-get
mirror() { apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | awk '!/security/ && !seen++'; }

# bases makes a Debian image, and one with this machine's Go, its trusted certificates and its caches.
bases() {
  local c debian=$cache/bookworm
  mkdir -p "$cache/containers"
  if [ ! -f "$debian/complete" ]; then
    say "fetching a Debian base"
    rm -rf --one-file-system "$debian" "$debian.new"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$debian.new" \
      "$(mirror)" >"$work/debootstrap.log" 2>&1 ||
      fail "no Debian base: $(tail -n 3 "$work/debootstrap.log")"
    rm -rf "$debian.new/var/cache/apt/archives" "$debian.new/var/lib/apt/lists"
    touch "$debian.new/complete"
    mv "$debian.new" "$debian"
  fi
  if ! on_store buildah inspect --type image localhost/debian:ci >/dev/null 2>&1; then
    c=$(on_store buildah from scratch)
    on_store buildah add -q "$c" "$debian" / >/dev/null
    on_store buildah commit -q --rm "$c" localhost/debian:ci >/dev/null
  fi
  local go
  go=localhost/golang:$(go env GOVERSION)
  if ! on_store buildah inspect --type image "$go" >/dev/null 2>&1; then
    c=$(on_store buildah from --pull-never localhost/debian:ci)
    on_store buildah add -q "$c" "$(go env GOROOT)" /usr/local/go >/dev/null
    on_store buildah add -q "$c" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt >/dev/null
    on_store buildah config --env PATH=/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin --env GOMODCACHE=/cache/mod --env GOCACHE=/cache/build "$c"
    on_store buildah commit -q --rm "$c" "$go" >/dev/null
  fi
}

# build PLATFORM BASE NAME. Debian's buildah needs the builder's own platform as an argument.
build() {
  say "building $3 for $1"
  on_store buildah bud --format docker --pull-never --isolation chroot --platform "$1" --file deploy/images/Dockerfile \
    --volume "$(go env GOMODCACHE):/cache/mod" --volume "$(go env GOCACHE):/cache/build" \
    --build-arg BUILDPLATFORM="linux/$(go env GOHOSTARCH)" --build-arg BUILD_IMAGE="localhost/golang:$(go env GOVERSION)" --build-arg BASE_IMAGE="$2" \
    --build-arg VERSION=0.0.0-ci --build-arg REVISION="$revision" \
    --tag "localhost/gochat:$3" . >"$work/build.log" 2>&1 || fail "building $3: $(tail -n 30 "$work/build.log")"
}

# contents prints what the images contain, and checks it.
contents() {
  local arch size
  for arch in amd64 arm64; do
    [ "$(on_store podman image inspect --format '{{.Architecture}}' "localhost/gochat:$arch")" = "$arch" ] || fail "the image for $arch is not"
  done
  on_store podman image inspect --format '{{.Config.User}} {{index .Labels "org.opencontainers.image.version"}} {{.HealthCheck.Test}}' localhost/gochat:amd64 |
    tee "$work/config"
  grep -qx '10001:10001 0.0.0-ci \[CMD gochat healthcheck\]' "$work/config" || fail "user, label or health check are not what they should be"
  # On an empty base: only what GoChat itself adds.
  size=$(on_store podman image inspect --format '{{.Size}}' localhost/gochat:arm64)
  say "without its base the image has $((size / 1000000)) MB"
  [ "$size" -lt 100000000 ] || fail "more than 100 MB"
}

start() {
  on_store podman run --detach --name "$container" --network host --read-only --read-only-tmpfs=false --cap-drop ALL \
    --security-opt no-new-privileges --ulimit nofile=20000:20000 --ulimit nproc=4096:4096 --volume "$container:/var/lib/gochat" \
    --env GOCHAT_GATEWAY_LISTEN="127.0.0.1:$port" --env GOCHAT_OPS_LISTEN="127.0.0.1:$((port + 1))" \
    --env GOCHAT_GATEWAY_TRUSTED_PROXIES=127.0.0.1 --env GOCHAT_GATEWAY_ALLOWED_ORIGINS=https://app.elsewhere.example \
    --env GOCHAT_LIMITS_AUTH_PER_MINUTE=1000000 --env GOCHAT_AUTH_BCRYPT_COST=4 --env GOCHAT_LIMITS_SOCKETS_PER_USER=20 --env GOCHAT_ROUTER_GROUP_LIMIT=8 \
    localhost/gochat:amd64 >/dev/null
  for _ in $(seq 300); do
    if on_store podman exec "$container" gochat healthcheck --ready >"$work/health" 2>&1; then return; fi
    sleep 0.2
  done
  fail "not ready: $(cat "$work/health") $(on_store podman logs "$container" 2>&1 | tail -n 20)"
}

# run starts the image, tests it from outside, directly and through the proxy, and stops it by SIGTERM.
run() {
  say "running it read-only, as a user without rights"
  start
  on_store podman healthcheck run "$container"
  on_store podman exec "$container" gochat version | grep -F "gochat 0.0.0-ci (revision $revision," || fail "the version is not stamped"
  [ "$(on_store podman exec "$container" id -u)" = 10001 ] || fail "it does not run as the user 10001"
  if on_store podman exec "$container" touch /tmp/x 2>/dev/null; then fail "the root file system can be written to"; fi
  say "tests from outside"
  GOCHAT_TEST_URL=http://127.0.0.1:$port go test -count=1 ./tests/blackbox
  say "tests from outside, through the proxy"
  SITE_ADDRESS=http://localhost:$((port + 2)) GATEWAY_NAME=localhost GATEWAY_PORT=$port XDG_DATA_HOME=$work/caddy XDG_CONFIG_HOME=$work/caddy \
    caddy run --config deploy/compose/Caddyfile --adapter caddyfile >"$work/caddy.log" 2>&1 &
  proxy=$!
  curl --silent --retry 50 --retry-delay 1 --retry-connrefused --output /dev/null --write-out '%{http_code}\n' "http://localhost:$((port + 2))/metrics" |
    grep -qx 404 || fail "the proxy shows clients what is for machines: $(tail -n 5 "$work/caddy.log")"
  # Not TestClosings: a proxy may cut a client that floods before it has passed the close code on.
  GOCHAT_TEST_URL=http://localhost:$((port + 2)) go test -count=1 -run 'Handshake|Messages|World|Resends|Outsiders' ./tests/blackbox
  say "ending it, and starting it again on its volume"
  on_store podman stop -t 30 "$container" >/dev/null
  [ "$(on_store podman inspect --format '{{.State.ExitCode}}' "$container")" = 0 ] || fail "it did not end in order: $(on_store podman logs "$container" 2>&1 | tail -n 20)"
  on_store podman start "$container" >/dev/null
  for _ in $(seq 300); do
    if on_store podman exec "$container" gochat healthcheck --ready >/dev/null 2>&1; then return; fi
    sleep 0.2
  done
  fail "not ready again: $(on_store podman logs "$container" 2>&1 | tail -n 20)"
}

lint
if [ -n "${CI_NIGHTLY:-}" ]; then
  install_missing buildah=buildah runc=runc podman=podman debootstrap=debootstrap curl=curl caddy=caddy promtool=prometheus amtool=prometheus-alertmanager
  configurations
  bases
  build linux/amd64 localhost/debian:ci amd64
  build linux/arm64 scratch arm64
  contents
  run
fi
