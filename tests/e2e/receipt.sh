#!/usr/bin/env bash
# Every bundled model is compiled and proven, its receipt verifies in a process of its own without a network, and a
# receipt that was cut, extended or altered anywhere is refused with code 1 and a reason.
# Needs $CIRO, the binary; runs in an empty folder.
set -euo pipefail
models=$(cd "$(dirname "$0")/../../vectors/models" && pwd)

fail() {
  printf 'failed: %s\n' "$*" >&2
  exit 1
}

# Without a network where the system allows it.
offline() {
  if unshare --net true 2>/dev/null; then unshare --net "$@"; else "$@"; fi
}

# refused FILE WHAT: verification ends with 1 and says why on stderr.
refused() {
  local status=0
  offline "$CIRO" verify "$1" >answer 2>reason || status=$?
  [ "$status" -eq 1 ] || fail "$2: exit $status instead of 1"
  [ -s reason ] || fail "$2: refused without a reason"
}

# flip FILE OFFSET: inverts one bit in place.
flip() {
  local byte
  byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
  printf "\\x$(printf '%x' $((byte ^ 1 << ($2 % 8))))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

for onnx in "$models"/*.onnx; do
  name=$(basename "$onnx" .onnx)
  "$CIRO" compile "$onnx" -o "$name" --calibration "$models/$name.npz"
  "$CIRO" prove "$name" --input "$models/$name.input.json" -o "$name.ciro"
  offline "$CIRO" verify "$name.ciro"
done

# A file as it is published: dimensions with names get their sizes here.
published=$models/../../crates/proof/compile/tests/fixtures/exported/J_minilm_published
"$CIRO" compile "$published.onnx" --dim batch_size=1 --dim sequence_length=16 --calibration "$published.npz" -o published
"$CIRO" prove published --input "$published.input.json" -o published.ciro
offline "$CIRO" verify published.ciro

receipt=A_logreg_bc.ciro
size=$(wc -c <$receipt)
for step in $(seq 0 96); do
  at=$((step * (size - 1) / 96))
  cp $receipt altered.ciro
  flip altered.ciro "$at"
  refused altered.ciro "byte $at of $size flipped"
done
head -c $((size - 1)) $receipt >short.ciro
refused short.ciro "cut by one byte"
{ cat $receipt && printf '\0'; } >long.ciro
refused long.ciro "extended by one byte"
printf 'every model proven and verified; 99 alterations refused\n'
