#!/usr/bin/env bash
# A real training by SSH, with oko copied to the hosts: kill -9 of the training and of its supervisor
# change nothing in the model, and two hosts train one together. By hand: copying takes a while.
#   train.sh OKO DATASET    OKO with training; DATASET as scripts/demo.sh makes it, the smaller the better
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
oko=$(realpath "$1") dataset=$(realpath "$2")
work=$(mktemp -d /tmp/oko-XXXXXX)  # short: it holds sockets
clean_up() {
  "$here/sshd.sh" stop "$work/servers"
  rm -rf "$work"
}
trap clean_up EXIT
cd "$work"
code=0
settings=$("$here/sshd.sh" start "$work/servers" a b) || code=$?
[ $code = 0 ] || exit $code
eval "export $settings"
export OKO_JOBS=$work/jobs

fail() { echo "failed: $*" >&2; exit 1; }
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || fail "gave up waiting for: $*"
    sleep .1
  done
}
train=(train "$dataset" --network yolo-fastest --from none --width 96 --epochs 40 --batch 4 --precision fp32
  --threads 1 --checkpoint-minutes .001 --plain-epochs 4 --no-check)
submit() {
  local name=$1
  shift
  "$oko" --quiet job submit --on ssh --name "$name" "$@" -- "${train[@]}"
}
on() { echo "$work/servers/$1/home/.oko/jobs/$2"; }
supervisor_of() { cut -d ' ' -f 1 "$(on "$1" "$2")/worker-${3:-0}.process"; }
has_epochs() { [ "$(cat "$1/run/log.jsonl" 2>/dev/null | grep -c '"event": *"epoch"')" -ge "$2" ]; }
# The tensors of a model: its header has the dataset's path, which is another one on a host.
weights_of() { tail -c "+$((9 + $(od -A n -t u8 -N 8 "$1")))" "$1"; }
is_equal_to_plain() { cmp <(weights_of plain/model.oko) <(weights_of "$1/model.oko") || fail "$1"; }
is() { "$oko" --json job show "$1" | grep -q "\"state\": *\"$2\""; }
last_loss() { sed -n 's/.*"event": *"step".*"loss": *\([0-9.]*\).*/\1/p' "$1" | tail -n 1; }

"$oko" --quiet "${train[@]}" --out plain
begin=$SECONDS
submit one --hosts a
echo "submitted with a copy of oko in $((SECONDS - begin)) s"
wait_for 120 has_epochs "$(on a one)" 8
pkill -9 -P "$(supervisor_of a one)"
"$oko" job logs -f one >log
"$oko" job wait one
"$oko" --quiet job fetch one -o one
is_equal_to_plain one
grep "starts it again" log
echo "kill -9 of the training: the weights are equal byte for byte"

begin=$SECONDS
submit two --hosts a
echo "submitted again in $((SECONDS - begin)) s"
wait_for 120 has_epochs "$(on a two)" 8
kill -9 "$(supervisor_of a two)"
wait_for 60 is two lost
"$oko" job show two
"$oko" job retry two
"$oko" job wait two
"$oko" --quiet job fetch two -o two
is_equal_to_plain two
echo "kill -9 of the supervisor: the weights are equal byte for byte"

# A worker that is killed: the other one ends its step, and both continue from the last checkpoint.
submit three --hosts a,b --workers 2
wait_for 120 has_epochs "$(on a three)" 8
pkill -9 -P "$(supervisor_of b three 1)"
"$oko" job wait three
"$oko" job logs three | grep "another worker was lost"
"$oko" job list
echo "two hosts train together; last loss of one worker $(last_loss plain/log.jsonl), of two" \
  "$(last_loss "$(on a three)/run/log.jsonl")"
