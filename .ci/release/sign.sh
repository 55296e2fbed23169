#!/usr/bin/env bash
# Signs the files and images of a release, and checks signatures.
#   sign.sh blob FILE BUNDLE         signs a file and writes the signature to BUNDLE
#   sign.sh image NAME@DIGEST        signs an image or a chart in its registry
#   sign.sh check-blob FILE BUNDLE   checks the signature of a file; check-image that of an image
# With COSIGN_PRIVATE_KEY (and COSIGN_PASSWORD) it signs by that key, without an entry in a public log, and
# checks with COSIGN_PUBLIC_KEY. Without, it signs by the identity of the pipeline, with an entry in the public
# log of Sigstore; a check needs the expected identity in SIGNER (a regular expression) and ISSUER.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
. "$here/tools"
release_tools cosign
how=(--yes)
whose=()
if [ -n "${COSIGN_PRIVATE_KEY:-}" ]; then
  how+=(--key env://COSIGN_PRIVATE_KEY --tlog-upload=false --use-signing-config=false)
fi
if [ -n "${COSIGN_PUBLIC_KEY:-}" ]; then
  whose+=(--key env://COSIGN_PUBLIC_KEY --insecure-ignore-tlog=true)
else
  whose+=(--certificate-identity-regexp "${SIGNER:-}" --certificate-oidc-issuer "${ISSUER:-}")
fi
case ${1:-} in
blob) cosign sign-blob "${how[@]}" --bundle "$3" "$2" >/dev/null ;;
image) cosign sign "${how[@]}" "$2" ;;
check-blob) cosign verify-blob "${whose[@]}" --bundle "$3" "$2" ;;
check-image) cosign verify "${whose[@]}" "$2" >/dev/null ;;
*) echo "sign.sh: blob|image|check-blob|check-image, see its first lines" >&2 && exit 2 ;;
esac
