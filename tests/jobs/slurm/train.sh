#!/usr/bin/env bash
# Real trainings as jobs of a real Slurm of four nodes: one that is preempted twice ends with the model
# of an undisturbed one, byte for byte; so does one by two workers on two nodes, of which one is
# killed. Run by hand, as root.
#   train.sh OKO DATASET [PROGRAM]     PROGRAM: the oko that trains, if OKO was built without training
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"
missing=$(missing_for_slurm)
if [ -n "$missing" ] || [ ! -d "$2" ]; then
  echo "skipped: needs" $missing "(Debian: slurm-wlm munge iproute2) and the dataset $2"
  exit 77
fi
in_own_namespace bash "$0" "$@"

oko=$(realpath "$1") dataset=$(realpath "$2") program=$(realpath "${3:-$1}")
work=$(mktemp -d)
cluster=$work/cluster
trap 'stop_cluster; rm -rf "$work"' EXIT
export OKO_JOBS=$work/jobs
chmod 755 "$work"
cd "$work"
start_cluster "$cluster"

fail() {
  echo "failed: $*" >&2
  tail -n 40 "$OKO_JOBS"/*/slurm.log >&2
  exit 1
}
state() { "$oko" --json job show "$1" | sed -n 's/^  "state": "\(.*\)",$/\1/p'; }
log() { cat "$OKO_JOBS/$1/logs/worker-${2:-0}.log"; }
# submit NAME WORKERS
submit() {
  "$oko" --quiet job submit --on slurm --name "$1" --workers "$2" --program "$program" -- train \
    "$dataset" --network yolo-fastest --from none --width 96 --epochs 6 --batch 2 --precision fp32 --threads 1 \
    --checkpoint-minutes .001 --plain-epochs 1 --no-check || fail "submit $1"
}
has_epoch() { [ "$(cat "$OKO_JOBS/$1/run/log.jsonl" 2>/dev/null | grep -c '"event": *"epoch"')" -ge "$2" ]; }
# The header has the time at which the model was saved.
weights_of() {
  local model=$OKO_JOBS/$1/run/model.oko
  tail -c "+$((9 + $(od -A n -t u8 -N 8 "$model")))" "$model"
}
finish() {
  "$oko" --quiet job wait "$1" || fail "$1 is $(state "$1")"
  echo "$1: $("$oko" job show "$1" | grep '^ran'), $(log "$1" | grep -c '^--- .*: job ') starts"
}
# Another job takes all nodes for a moment.
preempt() { sbatch --parsable -p high -N4 --exclusive -o /dev/null --wrap 'sleep 1' >/dev/null; }

echo "--- preempted twice"
submit whole 1
finish whole
submit taken 1
wait_for 300 has_epoch taken 1 || fail "taken does not train"
preempt
wait_for 60 grep -sq 'preempted:' "$OKO_JOBS/taken/logs/worker-0.log" || fail "not preempted"
wait_for 300 has_epoch taken 3 || fail "taken does not go on"
preempt
finish taken
cmp <(weights_of whole) <(weights_of taken) || fail "another model"
[ "$(log taken | grep -c '^--- .*: job ')" = 3 ] || fail "$(log taken)"

echo "--- two workers on two nodes, and worker 1 killed"
submit pair 2
finish pair
submit killed 2
wait_for 300 has_epoch killed 2 || fail "killed does not train"
kill -9 "$(pgrep -f "train.*$OKO_JOBS/killed/run" | while read -r p; do
  tr '\0' '\n' 2>/dev/null <"/proc/$p/environ" | grep -qx RANK=1 && echo "$p"
done | tail -n 1)"
finish killed
grep -q 'signal 9' "$OKO_JOBS/killed/logs/worker-1.log" || fail "worker 1 was not killed"
cmp <(weights_of pair) <(weights_of killed) || fail "another model"
echo "equal models after preemption and after the loss of a worker"
