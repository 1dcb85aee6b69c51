#!/usr/bin/env bash
# Jobs on this machine with real trainings: a closed terminal, a second shell that follows, kills of
# the training and of its supervisor, cancellations; the process table is checked after each.
#
#   local.sh OKO DATASET [ROUNDS]     ROUNDS submits and cancels at the end (3)
set -euo pipefail
oko=$1 dataset=$2 rounds=${3:-3}
if [ ! -d "$dataset" ]; then
  echo "skipped: $dataset is not there (set OKO_DATA to the folder of the reference data)"
  exit 77
fi
work=$(mktemp -d)
export OKO_JOBS=$work/jobs
export SOURCE_DATE_EPOCH=1750000000  # models have the time at which they were saved
unset RANK WORLD_SIZE OKO_PROGRAM
# Every process of these jobs has the folder in its arguments.
processes() { pgrep -f -- "$work/jobs" || true; }
cleanup() {
  for process in $(processes); do kill -9 "$process" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT
fail() {
  echo "local.sh: $*" >&2
  "$oko" job list >&2 || true
  tail -n 20 "$work"/jobs/*/logs/*.log >&2 || true
  exit 1
}
# until_true SECONDS COMMAND…
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep .2
  done
}
state() { "$oko" --json job show "$1" | sed -n 's/^  "state": "\(.*\)",$/\1/p'; }
is() { [ "$(state "$1")" = "$2" ]; }
gone() { [ -z "$(processes)" ]; }
# Long enough that a signal finds it at work, also on a fast machine.
train=(train "$dataset" --network yolo-fastest --from none --width 96 --batch 2 --precision fp32 --threads 1
  --checkpoint-minutes .001 --plain-epochs 1 --no-check)

echo "--- a closed terminal"
# script gives the command a terminal of its own, and hangs up when it ends.
script -qec "'$oko' job submit --name closed -- ${train[*]@Q} --epochs 40; exit" /dev/null > "$work/terminal"
grep -q 'next *oko job logs -f closed' "$work/terminal" || fail "submit printed $(cat "$work/terminal")"
until_true 60 test -s "$work/jobs/closed/state.json" || fail "no supervisor"
supervisor=$(pgrep -f -- "job run $work/jobs/closed" | head -n 1)
[ "$(ps -o tty= -p "$supervisor" | tr -d ' ')" = '?' ] || fail "it has a terminal"
"$oko" job logs -f closed > "$work/followed"
is closed succeeded || fail "closed: $(state closed)"
cmp "$work/followed" "$work/jobs/closed/logs/worker-0.log" || fail "what was followed is not the log"
gone || fail "processes are left: $(processes)"

echo "--- the training is killed"
"$oko" -q job submit --name killed -- "${train[@]}" --epochs 40
until_true 60 compgen -G "$work/jobs/killed/run/checkpoints/*.oko" > /dev/null || fail "no checkpoint"
kill -9 "$(pgrep -f -- "train .*--out $work/jobs/killed/run" | tail -n 1)"
"$oko" -q job wait killed || fail "killed: $(state killed)"
grep -q 'starts it again, 1 of 3' "$work/jobs/killed/logs/worker-0.log" || fail "not restarted"
cmp "$work/jobs/closed/run/model.oko" "$work/jobs/killed/run/model.oko" || fail "another model"

echo "--- the supervisor is killed: the training ends too, the job is lost, and goes on by retry"
"$oko" -q job submit --name orphan -- "${train[@]}" --epochs 40
until_true 60 compgen -G "$work/jobs/orphan/run/checkpoints/*.oko" > /dev/null || fail "no checkpoint"
kill -9 "$(pgrep -f -- "job run $work/jobs/orphan" | head -n 1)"
until_true 60 gone || fail "the training goes on alone"
is orphan lost || fail "orphan: $(state orphan)"
"$oko" -q job retry orphan
"$oko" -q job wait orphan || fail "orphan: $(state orphan)"
cmp "$work/jobs/closed/run/model.oko" "$work/jobs/orphan/run/model.oko" || fail "another model"

echo "--- preempted by a signal, and continued"
"$oko" -q job submit --name taken -- "${train[@]}" --epochs 40
until_true 60 compgen -G "$work/jobs/taken/run/checkpoints/*.oko" > /dev/null || fail "no checkpoint"
kill -TERM "$(pgrep -f -- "job run $work/jobs/taken" | head -n 1)"
until_true 60 gone || fail "it does not end"
is taken preempted || fail "taken: $(state taken)"
"$oko" -q job retry taken
"$oko" -q job wait taken || fail "taken: $(state taken)"
cmp "$work/jobs/closed/run/model.oko" "$work/jobs/taken/run/model.oko" || fail "another model"

echo "--- $rounds times submitted and cancelled"
for ((i = 0; i < rounds; ++i)); do
  "$oko" -q job submit --name "cancelled-$i" -- "${train[@]}" --epochs 500
  sleep "$((RANDOM % 2)).$((RANDOM % 10))"
  "$oko" -q job cancel "cancelled-$i"
  is "cancelled-$i" cancelled || fail "cancelled-$i: $(state "cancelled-$i")"
done
until_true 10 gone || fail "processes are left: $(processes)"
echo "local.sh: passed"
