#!/usr/bin/env bash
# Builds the image for amd64 and arm64, pushes it as one name, and signs it and its bill of materials.
# Neither platform is emulated. It needs buildah and the rights that it wants.
#   IMAGE                                 where it goes, without a tag: registry.example.com/gochat
#   REGISTRY_USER, REGISTRY_PASSWORD      for that registry, if it needs a login
#   LATEST=1                              also as "latest"
#   BUILD_IMAGE, BASE_IMAGE               other bases
#   BUILDAH_ARGS, BUILD_ARGS, PUSH_ARGS   more for buildah, its builds and pushes
# It prints NAME@DIGEST at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${IMAGE:?where the image goes, without a tag}"
# shellcheck source=/dev/null
. .ci/release/tools
release_tools syft cosign
version=$(bash .ci/release/version.sh)
read -ra more <<<"${BUILDAH_ARGS:-}"
read -ra building <<<"${BUILD_ARGS:-}"
read -ra pushing <<<"${PUSH_ARGS:-}"
build=("${building[@]}" --format docker --isolation chroot --file deploy/images/Dockerfile --build-arg "BUILDPLATFORM=linux/$(go env GOHOSTARCH)"
  --build-arg "VERSION=$version" --build-arg "REVISION=$(git rev-parse HEAD)" --build-arg "CREATED=$(git log -1 --format=%cI)" --build-arg "SOURCE=${SOURCE:-}")
for name in BUILD_IMAGE BASE_IMAGE; do
  [ -z "${!name:-}" ] || build+=(--build-arg "$name=${!name}")
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export REGISTRY_AUTH_FILE=$work/config.json DOCKER_CONFIG=$work # one file for all tools
echo '{}' >"$work/config.json"
if [ -n "${REGISTRY_USER:-}" ]; then
  buildah login --username "$REGISTRY_USER" --password-stdin "${IMAGE%%/*}" <<<"${REGISTRY_PASSWORD:?of $REGISTRY_USER}" >&2
fi

list=$IMAGE:$version
buildah "${more[@]}" manifest rm "$list" >/dev/null 2>&1 || true
buildah "${more[@]}" manifest create "$list" >&2
for platform in linux/amd64 linux/arm64; do
  buildah "${more[@]}" bud "${build[@]}" --platform "$platform" --tag "$IMAGE:$version-${platform#*/}" . >&2
  buildah "${more[@]}" manifest add "$list" "$IMAGE:$version-${platform#*/}" >&2
done
buildah "${more[@]}" manifest push "${pushing[@]}" --all --format v2s2 --digestfile "$work/digest" "$list" "docker://$list" >&2
[ -z "${LATEST:-}" ] || buildah "${more[@]}" manifest push "${pushing[@]}" --all --format v2s2 "$list" "docker://$IMAGE:latest" >&2
name=$IMAGE@$(cat "$work/digest")

mkdir -p dist
sbom=dist/gochat_${version}_image.spdx.json
syft scan "registry:$name" --platform linux/amd64 --output "spdx-json=$sbom" >&2
bash .ci/release/sign.sh image "$name" >&2
bash .ci/release/sign.sh blob "$sbom" "$sbom.sigstore.json" >&2
echo "$name"
