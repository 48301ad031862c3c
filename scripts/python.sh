# Sourced, not run: a Python with the packages that the tests of sdk/python need, and those tests. Expects stage.sh and
# toolchain.sh to be sourced first, and a target folder to be chosen.
# shellcheck shell=bash

PYTHON_SUPPORTED='import sys; sys.exit(sys.version_info < (3, 9))'

# The first Python on the path that is new enough.
find_python() {
  local name
  for name in python3 python3.{14,13,12,11,10,9} python; do
    if "$name" -c "$PYTHON_SUPPORTED" 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  return 1
}

# A virtual environment for one Python and one list of packages. Nothing of a checkout lies in it, so that clones share it.
python_environment() {
  local python=$1 requirements=$2 key cache
  key=$({ "$python" --version && cat "$requirements"; } | sha256_of /dev/stdin | cut -c 1-16)
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/ciro
  printf '%s/python-%s' "$cache" "$key"
}

# Makes it where it is missing. One that was left half made is made anew.
ensure_python_environment() {
  local python=$1 requirements=$2 environment=$3
  [ -e "$environment/complete" ] && return
  mkdir -p "${environment%/*}"
  rm -rf "$environment"
  "$python" -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv ||
    refuse "this Python makes no virtual environments" "install python3-venv, then run this again" || return
  "$python" -m venv "$environment" &&
    retry 3 "$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" &&
    touch "$environment/complete"
}

# Random models against their frameworks: a small run of what bench/diff does at length.
compare_random_models() {
  with_python_sdk bench/diff/diff.py graphs --count 300 --jobs 2 &&
    with_python_sdk -W ignore bench/diff/diff.py estimators --count 60 --jobs 2
}

# Builds the wheel as `pip install ./sdk/python` does, into a folder of its own. Sets PYTHON_SITE to it and PYTHON_ENVIRONMENT to the
# environment that goes with it.
build_python_sdk() {
  local requirements=sdk/python/tests/requirements.txt python
  python=$(find_python) && PYTHON_ENVIRONMENT=$(python_environment "$python" "$requirements") || return
  ensure_python_environment "$python" "$requirements" "$PYTHON_ENVIRONMENT" || return
  PYTHON_SITE=$(mktemp -d)
  PATH=$PYTHON_ENVIRONMENT/bin:$PATH "$PYTHON_ENVIRONMENT/bin/python" -m pip install --quiet --disable-pip-version-check \
    --no-deps --no-build-isolation --target "$PYTHON_SITE" ./sdk/python
}

# with_python_sdk ARGUMENT...: a Python that finds the package which build_python_sdk built.
with_python_sdk() {
  PYTHONPATH=$PYTHON_SITE PYTHONDONTWRITEBYTECODE=1 "$PYTHON_ENVIRONMENT/bin/python" "$@"
}

# Runs the tests of the package. CIRO names the command line.
test_python_sdk() {
  with_python_sdk -m pytest -p no:cacheprovider -c sdk/python/pyproject.toml sdk/python/tests && compare_random_models
}
