# Sourced, not run: named stages with times, a table at the end, and one plain line that counts.
# shellcheck shell=bash

STAGE_LOGS=${STAGE_LOGS:-$(mktemp -d)}
STAGE_TABLE=()
PASSED=0
FAILED=0

say() { printf '%s\n' "$*" >&2; }

# Milliseconds since some fixed moment.
now_ms() {
  local now=${EPOCHREALTIME:-$SECONDS.000000}
  printf '%s' $((10#${now/[.,]/} / 1000))
}

seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# Where the output of a stage lies.
log_of() { printf '%s/%s.log' "$STAGE_LOGS" "${1//[^a-zA-Z0-9]/-}"; }

# What a command ends with that this machine cannot run; the last line of its output says why. Nothing else ends with this.
SKIPPED=77

# stage NAME COMMAND...: runs the command with its output in a log. A failure prints the end of the log and ends the script; what is
# skipped counts as neither passed nor failed.
stage() {
  local name=$1 log started took status=0
  shift
  log=$(log_of "$name")
  say "… $name"
  started=$(now_ms)
  "$@" >"$log" 2>&1 || status=$?
  took=$(($(now_ms) - started))
  if [ "$status" -eq "$SKIPPED" ]; then
    skip "$name" "$(tail -n 1 "$log")"
    return
  fi
  count "$log" "$status"
  if [ "$status" -ne 0 ]; then
    STAGE_TABLE+=("$(printf '%-6s %10s  %s' FAILED "$(seconds $took)" "$name")")
    say "failed: $name (exit $status). The end of $log:"
    tail -n 60 "$log" >&2
    summary
    exit 1
  fi
  STAGE_TABLE+=("$(printf '%-6s %10s  %s' ok "$(seconds $took)" "$name")")
}

# skip NAME REASON: a stage that this machine cannot run, said aloud.
skip() {
  say "skip $1: $2"
  STAGE_TABLE+=("$(printf '%-6s %10s  %s' skip - "$1: $2")")
}

# Counts the tests that a log reports, or the stage itself where it reports none.
count() {
  local log=$1 status=$2 passed failed
  read -r passed failed < <(awk '
    /^test result: /{p+=$4; f+=$6}
    # The last line of pytest.
    /^[0-9]+ (passed|failed).* in [0-9.]+s/{for (i = 1; i < NF; i++) {if ($(i+1) ~ /^passed/) p+=$i; if ($(i+1) ~ /^failed/) f+=$i}}
    END{print p+0, f+0}' "$log")
  if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
  if [ "$status" -eq 0 ] && [ "$passed" -eq 0 ]; then passed=1; fi
  PASSED=$((PASSED + passed))
  FAILED=$((FAILED + failed))
}

table() {
  printf '\n'
  printf '%s\n' "${STAGE_TABLE[@]}"
}

summary() {
  table
  printf '\n%d passed, %d failed\n' "$PASSED" "$FAILED"
}

# retry TIMES COMMAND...: for what goes over a network.
retry() {
  local left=$1
  shift
  until "$@"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    say "again in 5 s: $*"
    sleep 5
  done
}
