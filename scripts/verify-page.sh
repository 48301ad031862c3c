#!/usr/bin/env bash
# Builds the page that checks a receipt in a browser, as one file: target/verify-page/verify.html.
#
# The toolchain of this workspace has no standard library for WebAssembly, so Debian's compiler builds one from source, for this
# artefact alone (RUSTC_BOOTSTRAP: `-Z build-std` is what makes it). Ends with 3 where that compiler is missing and cannot be installed.
set -euo pipefail
cd "$(dirname "$0")/.."

PACKAGES="rustc-web cargo-web rust-web-src lld-19"

have_compiler() {
  [ -x /usr/bin/cargo ] && [ -x /usr/bin/wasm-ld-19 ] && [ -d /usr/lib/rustlib/src ]
}

if ! have_compiler && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  { apt-get update -qq && apt-get install -qq -y --no-install-recommends $PACKAGES; } >/dev/null 2>&1 || true
fi
if ! have_compiler; then
  echo "the page needs Debian's packages $PACKAGES" >&2
  exit 3
fi

target=${CARGO_TARGET_DIR:-target}/verify-page
mkdir -p "$target"
# Small rather than fast, and no unwinding: a check that stops is started anew by the page.
env -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_INCREMENTAL=0 \
  RUSTFLAGS="-C linker=wasm-ld-19 -C panic=abort" \
  CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 CARGO_PROFILE_RELEASE_DEBUG=false \
  CARGO_PROFILE_RELEASE_SPLIT_DEBUGINFO=off CARGO_PROFILE_RELEASE_STRIP=true CARGO_PROFILE_RELEASE_PANIC=abort \
  /usr/bin/cargo build --release --locked --target wasm32-unknown-unknown -Z build-std=std,panic_abort \
  --target-dir "$target" -p ciro-verify-page --lib
wasm=$target/wasm32-unknown-unknown/release/ciro_verify_page.wasm
{ base64 -w0 "$wasm" | sed 's/^/s#@WASM@#/; s/$/#/'; } >"$target/insert.sed"
sed -f "$target/insert.sed" crates/apps/verify-page/page/verify.html >"$target/verify.html"
rm "$target/insert.sed"
printf '%s (%s bytes, of which the module %s before base64)\n' "$target/verify.html" \
  "$(wc -c <"$target/verify.html")" "$(wc -c <"$wasm")"
