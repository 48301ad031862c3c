#!/usr/bin/env bash
# Every attacker of a node loses against the binary that ships, from one seed, each at a node of its own; and a few at a node that
# runs already. Three at a time, because most of their time is waiting: half a minute on two cores.
# Needs $CIRO, the binary; runs in an empty folder.
set -euo pipefail
seed=1

fail() {
  printf 'failed: %s\n' "$*" >&2
  exit 1
}

names=$("$CIRO" attack --list --json | tr -d ' \n' | tr '}' '\n' | sed -n 's/.*"name":"\([a-z0-9-]*\)","against":"node".*/\1/p')
count=$(printf '%s\n' "$names" | wc -l)
[ "$count" -ge 24 ] || fail "expected 24 attackers or more, got $count: $names"
printf '%s\n' "$names" | xargs -P 3 -I{} "$CIRO" attack {} --against up --seed $seed

export CIRO_HOME=$PWD/home
"$CIRO" up --port 0 --quiet >endpoint &
node=$!
trap 'kill $node' EXIT
for _ in $(seq 300); do
  [ -s endpoint ] && break
  sleep 0.1
done
url=$(cat endpoint)
[ -n "$url" ] || fail "no node started"
"$CIRO" attack rebinding-page bad-requests --against "$url" --seed $seed
"$CIRO" attack flood black-hole replayed-refusal colluding-pair --against "$url" --key home/wallet.json --seed $seed

# refused WHAT ARGS: the command line lacks something, and says what.
refused() {
  local what=$1 status=0
  shift
  "$CIRO" attack "$@" 2>reason || status=$?
  [ $status -eq 2 ] && [ -s reason ] || fail "$what: exit $status instead of 2"
}
refused "money without a key" flood --against "$url"
refused "a disk that is not ours" torn-row --against "$url" --key home/wallet.json
printf '%s attackers lost\n' "$count"
