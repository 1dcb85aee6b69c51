#!/usr/bin/env bash
# How long processes take from start to end: oko's, and another engine's that only opens the model.
#   bench/start.sh OKO MODEL.oko IMAGE [ROUNDS] [ORT_FOLDER]
# ORT_FOLDER has onnxruntime-node from npm (bench/README.md). The commands take turns; the columns are
# the fastest and the median time, and the fastest relative to that of `oko detect`.
set -euo pipefail
if (($# < 3)); then
  sed -n '3s/^# */usage: /p' "$0" >&2
  exit 2
fi
oko=$(realpath "$1") model=$2 image=$3 rounds=${4:-15} ort=${5:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

names=("oko --version" "oko detect" "the same by oko-commands" "python3 -c pass")
version=("$oko" --version)
light=("$oko" detect "$model" "$image")
whole=("$(dirname "$oko")/../libexec/oko-commands" detect "$model" "$image")
python=(python3 -c pass)
commands=(version light whole python)
if [[ -n $ort ]]; then
  "$oko" --quiet export "$model" --to onnx -o "$work" --stem model
  js="require('$ort/node_modules/onnxruntime-node').InferenceSession.create('$work/model.onnx')"
  node=(node -e '') session=(node -e "$js")
  names+=("node" "node, ONNX Runtime opens it")
  commands+=(node session)
fi

once() {  # once FILE COMMAND…: adds the milliseconds to the file
  local file=$1 begin=$EPOCHREALTIME
  shift
  "$@" > /dev/null 2>&1
  local end=$EPOCHREALTIME
  echo "$(((${end/./} - ${begin/./})))" >> "$file"
}

uptime
for ((round = -1; round < rounds; ++round)); do  # the first one only warms up
  for name in "${commands[@]}"; do
    declare -n words=$name
    if ((round < 0)); then once /dev/null "${words[@]}"; else once "$work/$name" "${words[@]}"; fi
  done
done
uptime
base=$(sort -n "$work/light" | head -n 1)
for i in "${!commands[@]}"; do
  sort -n "$work/${commands[i]}" | awk -v name="${names[i]}" -v base="$base" '{ t[NR] = $1 }
    END { printf "%-28s %7.1f ms %7.1f ms %6.2f\n", name, t[1] / 1e3, t[int((NR + 1) / 2)] / 1e3, t[1] / base }'
done
