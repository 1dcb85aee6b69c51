#!/usr/bin/env bash
# kill -9 at random moments, then --resume: the model must be byte for byte that of an undisturbed
# run.  kill_resume.sh OKO DATASET [KILLS [SEED]]
set -euo pipefail
oko=$1 dataset=$2 kills=${3:-3}
RANDOM=${4:-1}
if [ ! -d "$dataset" ]; then
  echo "skipped: $dataset is not there (set OKO_DATA to the folder of the reference data)"
  exit 77
fi
work=$(mktemp -d)
export SOURCE_DATE_EPOCH=1750000000  # models have the time at which they were saved
trap 'rm -rf "$work"' EXIT

train=("$oko" --quiet train "$dataset" --network yolo-fastest --from none --width 96 --epochs 5 --batch 2
  --precision fp32 --threads 2 --checkpoint-minutes .001 --plain-epochs 1 --no-check)

# resume_flag FOLDER: prints --resume if a run has started there.
resume_flag() { [ ! -e "$1/run.toml" ] || echo --resume; }

begin=$(date +%s%N)
"${train[@]}" --out "$work/whole"
took=$((($(date +%s%N) - begin) / 1000000))  # milliseconds

killed=0
for ((i = 0; i < kills; ++i)); do
  # shellcheck disable=SC2046  # no word at all if there is nothing to resume
  "${train[@]}" --out "$work/killed" $(resume_flag "$work/killed") &
  pid=$!
  sleep "$(printf '%d.%03d' $((RANDOM % (took / 2) / 1000)) $((RANDOM % 1000)))"
  if kill -9 "$pid" 2>/dev/null; then killed=$((killed + 1)); fi
  wait "$pid" 2>/dev/null || true
done
# shellcheck disable=SC2046
"${train[@]}" --out "$work/killed" $(resume_flag "$work/killed")

cmp "$work/whole/model.oko" "$work/killed/model.oko"
echo "killed $killed of $kills times in a run of $took ms: model.oko is equal byte for byte"
