#!/bin/sh
# Predicted and measured time of short trainings on this machine.
# usage: bench/cost.sh OKO DATASET [EPOCHS] [NETWORK…]
#   OKO       the program, for example build/release/oko/cli/oko
#   DATASET   anything that oko train reads; a hundred images are enough
#   EPOCHS    2
#   NETWORK   yolo-fastest yolo-fastest-xl yolov3-tiny
# Probes with `oko cost`, then trains in a temporary folder. Other programs change both times and
# seldom alike: run it on an idle machine. The load is printed before and after.
set -eu

if [ $# -lt 2 ]; then
  sed -n 's/^# usage: /usage: /p' "$0" >&2
  exit 2
fi
oko=$1 dataset=$2 epochs=${3:-2}
shift 2
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- yolo-fastest yolo-fastest-xl yolov3-tiny

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

field() { python3 -c "import json,sys; print($2)" < "$1"; }

uptime
printf '%-16s %10s %10s %10s %10s %8s\n' network low predicted high measured ratio
for network in "$@"; do
  "$oko" cost "$dataset" --network "$network" --epochs "$epochs" --json -q > "$folder/cost.json"
  "$oko" train "$dataset" --network "$network" --epochs "$epochs" --no-check \
    --out "$folder/$network" --json -q > "$folder/train.json"
  here="[c for c in json.load(sys.stdin)['choices'] if c['kind'] == 'here'][0]['seconds']"
  for end in low likely high; do
    eval "$end=\$(field \"\$folder/cost.json\" \"$here['$end']\")"
  done
  measured=$(field "$folder/train.json" "json.load(sys.stdin)['seconds']")
  awk -v n="$network" -v l="$low" -v p="$likely" -v h="$high" -v m="$measured" 'BEGIN {
    printf "%-16s %8.1f s %8.1f s %8.1f s %8.1f s %8.2f\n", n, l, p, h, m, m / p }'
done
uptime
