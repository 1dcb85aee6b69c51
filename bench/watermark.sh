#!/usr/bin/env bash
# What marking a model costs, and what of a mark is left after somebody has worked on the copy.
#   bench/watermark.sh OKO MODEL DATASET [MODEL DATASET]…
# Each MODEL is evaluated on the validation split of its DATASET as it is and with ten different marks;
# then one marked copy is stored in float16 and in int8 and trained on for an epoch, and traced among 200
# customers.
set -euo pipefail
oko=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$oko" --quiet seal keygen "$work/keys" --only mark
seq -f 'customer %g' 1 200 >"$work/customers"
map_of() {  # MODEL DATASET: mAP50 and mAP50-95
  "$oko" --quiet --json eval "$1" "$2" --split val | python3 -c '
import json, sys
d = json.load(sys.stdin)
print("%.4f %.4f" % (d["map50"], d["map"]))'
}
mark() { "$oko" --quiet seal mark "$1" --customer "$2" --mark-key "$work/keys/mark.key" -o "$3"; }
trace() {  # what is left of "customer 7"
  "$oko" --quiet --json seal trace "$1" "$2" "$work/customers" --mark-key "$work/keys/mark.key" | python3 -c '
import json, sys
d = json.load(sys.stdin)["customers"]
right = next(c for c in d if c["customer"] == "customer 7")
wrong = max((c for c in d if c["customer"] != "customer 7"), key=lambda c: c["z"])
print("z %.1f of the customer (named: %s), %.1f of the best other (named: %s)" % (
    right["z"], right["named"], wrong["z"], wrong["named"]))'
}
while [ $# -ge 2 ]; do
  model=$1 data=$2
  shift 2
  echo "$(basename "$data")"
  echo "  unmarked  $(map_of "$model" "$data")"
  for i in $(seq 1 10); do
    mark "$model" "customer $i" "$work/marked$i.oko"
    echo "  mark $i  $(map_of "$work/marked$i.oko" "$data")"
  done
  "$oko" --quiet export "$work/marked7.oko" --to oko --precision fp16 --no-check -o "$work/fp16" --stem m
  echo "  float16   $(trace "$model" "$work/fp16/m.oko")"
  "$oko" --quiet export "$work/marked7.oko" --to oko --int8 "$data" --no-check -o "$work/int8" --stem m
  echo "  int8      $(trace "$model" "$work/int8/m.oko")"
  "$oko" --quiet train "$data" --network "${NETWORK:-nanodet-plus}" --from "$work/marked7.oko" --epochs 1 \
    --frozen-epochs 0 --warmup-epochs 0 --out "$work/tuned" >/dev/null 2>&1
  echo "  1 epoch   $(trace "$model" "$work/tuned/model.oko")"
  rm -rf "$work"/fp16 "$work"/int8 "$work"/tuned "$work"/marked*.oko
done
