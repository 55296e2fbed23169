#!/usr/bin/env bash
# Signs what a release gives away, and checks signatures.
#   sign.sh blob FILE BUNDLE         signs a file, the signature in BUNDLE
#   sign.sh image NAME@DIGEST        signs an image, or a chart, where it lies
#   sign.sh check-blob FILE BUNDLE   checks one, as check-image does
# With COSIGN_PRIVATE_KEY (and COSIGN_PASSWORD) by that key, which no public log is told of; who checks
# has COSIGN_PUBLIC_KEY. Without, by the pipeline's own identity, which the public log of Sigstore has;
# who checks says whose it has to be: SIGNER (a regular expression) and ISSUER.
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
