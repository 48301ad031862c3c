#!/usr/bin/env bash
# The page that checks a receipt in a browser, in headless Chromium: what it says of a receipt is what `ciro verify` says.
# Needs $CIRO, the binary; runs in an empty folder. Installs the compiler for WebAssembly and Chromium where it may.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

fail() {
  printf 'failed: %s\n' "$*" >&2
  exit 1
}

# Of a machine without the tools `./test` says that it skipped this, and why: see scripts/stage.sh.
skip() {
  printf '%s\n' "$*"
  exit 77
}

status=0
"$root/scripts/verify-page.sh" || status=$?
case $status in
  0) ;;
  3) skip "no compiler for WebAssembly here" ;;
  *) fail "the page cannot be built" ;;
esac
command -v node >/dev/null || skip "no Node.js here"
if ! command -v chromedriver >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium chromium-driver; } >/dev/null 2>&1 || true
fi
command -v chromedriver >/dev/null || skip "no Chromium here"

models=$root/vectors/models
model=A_logreg_bc
"$CIRO" compile "$models/$model.onnx" -o "$model" --calibration "$models/$model.npz"
"$CIRO" prove "$model" --input "$models/$model.input.json" -o good.ciro
"$CIRO" verify good.ciro >good.ciro.txt
cp good.ciro altered.ciro
printf 'X' | dd of=altered.ciro bs=1 seek=$(($(wc -c <good.ciro) / 2)) conv=notrunc status=none
other=$(printf '07%.0s' $(seq 32))
node "$root/tests/page/browser.mjs" "${CARGO_TARGET_DIR:-$root/target}/verify-page/verify.html" good.ciro altered.ciro "$other"
