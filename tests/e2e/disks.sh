#!/usr/bin/env bash
# A node whose disk fills up says so, takes nothing in, and goes on once there is room; one that meets a torn row while it runs
# names the row, ends, and mends its store at the next start.
# A limit on the size of files stands for the full disk. Needs $CIRO, the binary; runs in an empty folder.
set -euo pipefail
models=$(cd "$(dirname "$0")/../../vectors/models" && pwd)
command -v prlimit >/dev/null || { echo "prlimit (util-linux) is not there to fill a disk"; exit 77; }

fail() {
  printf 'failed: %s\n' "$*" >&2
  [ ! -s told ] || sed 's/^/  told: /' told >&2
  exit 1
}

# start: runs a network on $CIRO_HOME. Its words go to the file `told`, its process is $node.
start() {
  rm -f "$CIRO_HOME/endpoint"
  # Writing beyond the limit is then an error, not the end. Words go through a pipe, which no limit holds up.
  (trap '' XFSZ && exec "$CIRO" up --port 0 >/dev/null 2> >(cat >told)) &
  node=$!
  trap 'kill -9 $node 2>/dev/null || true' EXIT
  until_true "it starts" test -s "$CIRO_HOME/endpoint"
}

# until_true WHAT COMMAND...: waits for a minute at most.
until_true() {
  local what=$1
  shift
  for _ in $(seq 600); do
    if "$@"; then return; fi
    sleep 0.1
  done
  fail "$what: not within a minute"
}

# ask PATH: what the gateway answers.
ask() {
  local address
  address=$(sed 's,http://,,' "$CIRO_HOME/endpoint")
  exec 3<>"/dev/tcp/${address%:*}/${address#*:}"
  printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$1" "$address" >&3
  cat <&3
  exec 3>&-
}

told() { grep -q "$1" told; }
is_read_only() { ask /v1/status | grep -q '"read_only":"'; }
is_well() { ! is_read_only; }
ended() { ! kill -0 "$node" 2>/dev/null; }
run() { "$CIRO" run "$models/A_logreg_bc.onnx" --input "$models/A_logreg_bc.npz" --sample "$1" -o "$1.ciro" --quiet; }

export CIRO_HOME=$PWD/full
start
run 0 >answer
prlimit --pid "$node" --fsize=1024:unlimited
until_true "the gateway says so" is_read_only
for validator in 0 1 2 3; do
  until_true "validator $validator says so" told "validator $validator is read-only until there is room on its disk"
done
ask /v1/blocks/1 | grep -q '"transactions"' || fail "a full disk serves no reads"
run 1 >answer 2>reason &
client=$!
sleep 2
! ended || fail "a full disk ended the node"
kill -0 $client || fail "an order on a full disk did not wait: $(cat reason)"
prlimit --pid "$node" --fsize=unlimited:unlimited
for validator in 0 1 2 3; do
  until_true "validator $validator goes on" told "validator $validator has room on its disk again and goes on"
done
until_true "the gateway says that it goes on" is_well
wait $client || fail "the order that waited was not served: $(cat reason)"
"$CIRO" verify 1.ciro >/dev/null
kill -INT $node
wait $node || fail "exit $? after a full disk"

export CIRO_HOME=$PWD/torn
start
run 2 >answer
height=$("$CIRO" verify 2.ciro | sed -n 's/^settled at height \([0-9]*\) .*/\1/p')
# A process that starts reads the last block: this one is to be older.
run 3 >answer
run 4 >answer
kill -INT $node
wait $node
# A fresh process has read no older one yet. Sixteen bytes of the proof say where the block lies that holds it.
start
store=$CIRO_HOME/network/validator-0/store.redb
bytes=$(od -An -v -tx1 -j $(($(wc -c <2.ciro) / 2)) -N 16 2.ciro | tr -d '\n' | sed 's/ /\\x/g')
places=$(LC_ALL=C grep -obUaP "$bytes" "$store" | cut -d: -f1)
[ -n "$places" ] || fail "the proof is not in the store"
for place in $places; do
  printf '\xff\x00\xff\x00\xff\x00\xff\x00' | dd of="$store" bs=1 seek="$place" conv=notrunc status=none
done
served=$(ask "/v1/blocks/$height")
printf '%s' "$served" | grep -q '"error"' || fail "a torn row was served: $served"
until_true "it ends" ended
status=0
wait $node || status=$?
[ $status -eq 1 ] || fail "exit $status instead of 1"
until_true "the damage is named" told "validator 0 stopped: .*damaged"
until_true "a way out is named" told "hint: start it again"
start
until_true "the store is mended" told "the store of validator 0 was made anew from a peer's"
"$CIRO" inspect block "$height" >/dev/null
run 5 >answer
kill -INT $node
wait $node
printf 'a full disk was waited for, and a torn row was named and mended\n'
