# Sourced, not run: mdBook, the book, and what the pages of the book show. Expects stage.sh, toolchain.sh and python.sh to be sourced first,
# and a target folder to be chosen.
# shellcheck shell=bash

MDBOOK_VERSION=0.5.4

# Sets MDBOOK. One of this version that is on the path will do; else it is built once, outside the clone. Nobody needs its server, its search or
# its speed, so that it is built without them.
ensure_mdbook() {
  local tools=${XDG_CACHE_HOME:-$HOME/.cache}/ciro/mdbook-$MDBOOK_VERSION
  MDBOOK=$tools/bin/mdbook
  [ "$(mdbook --version 2>/dev/null)" != "mdbook v$MDBOOK_VERSION" ] || MDBOOK=$(command -v mdbook)
  export MDBOOK
  [ ! -x "$MDBOOK" ] || return 0
  CARGO_TARGET_DIR=$tools/target CARGO_PROFILE_DEV_DEBUG=false retry 3 cargo install --quiet --debug --locked --no-default-features \
    --root "$tools" "mdbook@$MDBOOK_VERSION" && rm -rf "$tools/target"
}

# Runs what the README and the pages of the book show. CIRO names the command line, PYTHON_SITE the folder of the Python package.
run_pages() {
  have curl || install_packages curl ca-certificates || return
  # shellcheck disable=SC2046 # No page has a space in its name.
  EXAMPLES=$CARGO_TARGET_DIR/release/examples with_python_sdk tests/snippets/run.py $(cargo xtask pages) &&
    with_python_sdk -m pytest -p no:cacheprovider tests/snippets
}
