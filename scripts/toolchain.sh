# Sourced, not run: a C compiler, the Rust toolchain and a target folder, on a machine that may have none of them.
# What is there already is used: nothing is upgraded, nothing outside cargo's and rustup's own folders is changed except
# through the system's package manager. Expects stage.sh to be sourced first.
# shellcheck shell=bash

RUSTUP_SERVER=${RUSTUP_UPDATE_ROOT:-https://static.rust-lang.org/rustup}

# refuse MESSAGE HINT: says why, and fails.
refuse() {
  say "error: $1"
  say "hint: $2"
  return 1
}

have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    return 1
  fi
}

# install_packages NAME...: through apt-get, the only system package manager this script knows.
install_packages() {
  have apt-get && as_root true || return 1
  say "installing with apt-get: $*"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" && return
  retry 3 as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# rustc calls `cc` to link, whatever the language of the dependencies.
ensure_c_compiler() {
  have cc || install_packages gcc libc6-dev || refuse "there is no C compiler" "install gcc or clang, then run this again"
}

# The value of a key in one of our own TOML files.
toml_value() { sed -n "s/^$2 *= *\"\(.*\)\"/\1/p" "$1" | head -n 1; }

# version_at_least GOT WANTED
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# Whether the cargo on the path builds this workspace. Behind rustup that asks for the pinned toolchain.
cargo_suffices() {
  local got
  got=$(rustc --version 2>/dev/null | cut -d ' ' -f 2) && [ -n "$got" ] && cargo --version >/dev/null 2>&1 &&
    version_at_least "$got" "$(toml_value Cargo.toml rust-version)"
}

install_pinned_toolchain() {
  retry 3 rustup toolchain install "$(toml_value rust-toolchain.toml channel)" --profile minimal \
    --component rustfmt --component clippy --no-self-update
}

download() {
  if have curl; then curl -fsSL --retry 5 -o "$2" "$1"; else wget -q -t 5 -O "$2" "$1"; fi
}

sha256_of() {
  if have sha256sum; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# The official installer, checked against the digest published beside it.
install_rustup() {
  local triple dir
  have curl || have wget || install_packages curl ca-certificates || return 1
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) triple=x86_64-unknown-linux-gnu ;;
    Linux-aarch64) triple=aarch64-unknown-linux-gnu ;;
    Darwin-arm64) triple=aarch64-apple-darwin ;;
    Darwin-x86_64) triple=x86_64-apple-darwin ;;
    *) return 1 ;;
  esac
  dir=$(mktemp -d)
  download "$RUSTUP_SERVER/dist/$triple/rustup-init" "$dir/rustup-init" &&
    download "$RUSTUP_SERVER/dist/$triple/rustup-init.sha256" "$dir/sha256" &&
    [ "$(cut -d ' ' -f 1 "$dir/sha256")" = "$(sha256_of "$dir/rustup-init")" ] &&
    chmod +x "$dir/rustup-init" &&
    "$dir/rustup-init" -y --no-modify-path --profile minimal --default-toolchain none
  local status=$?
  rm -rf "$dir"
  return "$status"
}

# A distribution's own compiler, where it is new enough. Some have no clippy; ./test says so.
install_distribution_cargo() {
  local suffix version
  have apt-cache || return 1
  for suffix in "" -web; do
    version=$(apt-cache policy "rustc$suffix" 2>/dev/null | sed -n 's/^ *Candidate: \([0-9.]*\).*/\1/p')
    [ -n "$version" ] && version_at_least "$version" "$(toml_value Cargo.toml rust-version)" || continue
    install_packages "cargo$suffix" "rustc$suffix" && install_packages "rustfmt$suffix" || true
    cargo_suffices && return
  done
  return 1
}

ensure_rust() {
  PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
  export PATH
  cargo_suffices && return
  if have rustup && install_pinned_toolchain && cargo_suffices; then return; fi
  if install_packages rustup && install_pinned_toolchain && cargo_suffices; then return; fi
  if install_rustup && install_pinned_toolchain && cargo_suffices; then return; fi
  install_distribution_cargo && return
  refuse "there is no Rust toolchain of version $(toml_value Cargo.toml rust-version) or later" \
    "install rustup from https://rustup.rs, then run this again"
}

# .cargo/config.toml asks for AVX2; RUSTFLAGS takes its place where the processor has none.
choose_instruction_set() {
  [ "$(uname -m)" = x86_64 ] && [ -z "${RUSTFLAGS+set}" ] || return 0
  grep -qw avx2 /proc/cpuinfo 2>/dev/null || export RUSTFLAGS="-C target-cpu=x86-64"
}

ensure_toolchain() {
  ensure_c_compiler && ensure_rust || return
  choose_instruction_set
  say "using $(rustc --version), $(cc --version | head -n 1)"
}

# Where build output goes. A fresh clone on a CI machine finds the dependencies already built.
choose_target_dir() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/ciro/target
  if [ -n "${CIRO_TARGET_DIR:-}" ]; then
    CARGO_TARGET_DIR=$CIRO_TARGET_DIR
  elif [ -z "${CARGO_TARGET_DIR:-}" ] && [ "${CI:-}" = true ]; then
    CARGO_TARGET_DIR=$cache
    drop_if_large "$cache"
  fi
  CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
  export CARGO_TARGET_DIR
}

# Each clone adds its own crates to a shared cache and cargo removes none: start afresh before the disk fills.
drop_if_large() {
  local kib
  [ -d "$1" ] || return 0
  kib=$(du -sk "$1" 2>/dev/null | cut -f 1) || return 0
  [ "${kib:-0}" -le $((16 * 1024 * 1024)) ] || rm -rf "$1"
}

# Sources of all dependencies, from the network only if they are not at hand.
fetch_dependencies() {
  cargo fetch --locked --offline 2>/dev/null || retry 5 cargo fetch --locked
}
