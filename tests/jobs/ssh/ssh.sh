#!/usr/bin/env bash
# oko job by real SSH servers on loopback: submitted from a terminal that closes, followed, cancelled,
# killed and resumed, on one host and on two. The training is a stand-in; train.sh has a real one.
#   ssh.sh OKO GCS_SERVER [--cut]    --cut: instead of a bucket, a network that is cut; as root
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../dataset.sh"
cut=${3:-}
OKO_REAL=$(realpath "$1") gcs_server=$(realpath "$2")
if [ "$cut" = --cut ] && [ -z "${OKO_SSH_INSIDE:-}" ]; then
  export OKO_SSH_INSIDE=1
  exec unshare --net --pid --mount-proc --fork --kill-child -- "$0" "$@"
fi

work=$(mktemp -d /tmp/oko-XXXXXX)  # short: it holds sockets
bucket_server=
clean_up() {
  [ -z "$bucket_server" ] || kill "$bucket_server"
  "$here/sshd.sh" stop "$work/servers"
  rm -rf "$work"
}
trap clean_up EXIT
cd "$work"
export OKO_JOBS=$work/jobs TMPDIR=$work
[ "$cut" != --cut ] || . "$here/network.sh"
code=0
settings=$("$here/sshd.sh" start "$work/servers" a b) || code=$?
[ $code = 0 ] || exit $code
eval "export $settings"

oko() { "$OKO_REAL" "$@"; }
fail() {
  echo "failed: $*" >&2
  tail -n 30 "$work"/servers/*/home/.oko/jobs/*/logs/* >&2 || true
  exit 1
}
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || { echo "gave up waiting for: $*" >&2; return 1; }
    sleep .2
  done
}
# field JOB NAME: of oko job show --json.
field() { oko --json job show "$1" | sed -n "s/.*\"$2\": *\"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1; }
is() { [ "$(field "$1" state)" = "$2" ]; }
wait_state() { wait_for "$3" is "$1" "$2" || fail "$1 is $(field "$1" state), not $2"; }
on() { echo "$work/servers/$1/home/.oko/jobs/$2"; }
has_line() { grep -q "$2" "$1" 2>/dev/null; }
# The processes that run in a job's folder on a host, by name: supervisor, training.
supervisor_of() { cut -d ' ' -f 1 "$(on "$1" "$2")/worker-${3:-0}.process"; }
training_of() { pgrep -P "$(supervisor_of "$1" "$2")"; }
is_gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }

variables=  # of the training on the hosts
# program STEPS NAME: prints the path of a stand-in that trains for so many steps.
program() {
  printf '#!/bin/sh\n%s STEPS=%s OKO_REAL=%s exec %s "$@"\n' "$variables" "$1" "$OKO_REAL" \
    "$here/../stand_in.sh" >"$work/oko-$2"
  chmod +x "$work/oko-$2"
  echo "$work/oko-$2"
}
# submit STEPS NAME HOSTS OPTION…
submit() {
  local steps=$1 name=$2 hosts=$3
  shift 3
  oko --quiet job submit --on ssh --name "$name" --hosts "$hosts" --program "$(program "$steps" "$name")" \
    "$@" -- train "$work/it's data" --from none || fail "submit $name"
}
make_dataset "$work/it's data"

# Wrong requests end before anything is copied, and say what to do.
expect_refusal() {
  local wanted=$1 code=0
  shift
  oko job submit --on ssh "$@" -- train "$work/it's data" --from none 2>refusal || code=$?
  [ $code != 0 ] && grep -q "$wanted" refusal || fail "$* ended with $code: $(cat refusal)"
}
expect_refusal "is needed with --on ssh" --name x
expect_refusal "is not a host name" --hosts -oProxyCommand=id
expect_refusal "add --workers 2" --hosts a,b
expect_refusal "no host of that name" --hosts no-such-host.invalid
expect_refusal "no GPU that nvidia-smi shows" --hosts a --gpus 1
expect_refusal "none/oko --version ended with code 127" --hosts a --program /none/oko
OKO_SSH="ssh -F $work/servers/config -o UserKnownHostsFile=/dev/null" \
  expect_refusal "host key is not known" --hosts a
[ ! -e "$work/servers/a/home/.oko" ] || fail "something was copied"
oko job submit --on ssh --hosts a --name dry --program /x/oko --dry-run -- train "$work/it's data" --from none \
  >dry
grep -q "setsid nohup env /x/oko job run .oko/jobs/dry" dry || fail "--dry-run"

# Two hosts, each with a disk of its own and charged until its --when-done: the second must end however
# the first does.
# submit_pair STEPS NAME OPTION…
submit_pair() {
  local steps=$1 name=$2
  shift 2
  variables="COMPANY=$work/company-$name ${fail_with:+FAIL=$fail_with}" \
    submit "$steps" "$name" a,b --workers 2 --when-done 'touch "$HOME/$OKO_JOB-is-off"' "$@"
}
both_are_off() { [ -e "servers/a/home/$1-is-off" ] && [ -e "servers/b/home/$1-is-off" ]; }
# ends_on_both NAME STATE SECONDS
ends_on_both() {
  wait_for "$3" both_are_off "$1" || fail "$1: --when-done has not run on both hosts"
  wait_state "$1" "$2" 10
}
is_at_work() { has_line "$(on b "$1")/logs/worker-1.log" "step 5"; }
fail_with=3 submit_pair 1000 pair-fails
submit_pair 1000 pair-is-cut
submit_pair 1000 pair-stops --max-time 5s
wait_for 60 is_at_work pair-is-cut
# As if the second host could not be reached by `oko job cancel`.
echo '{"why": "cancelled by a test"}' >"$(on a pair-is-cut)/cancel.json"
submit_pair 20 pair-succeeds
submit_pair 1000 pair-ends
wait_for 60 is_at_work pair-ends
oko --quiet job cancel pair-ends
ends_on_both pair-ends cancelled 10
ends_on_both pair-succeeds succeeded 30
ends_on_both pair-stops stopped 30
grep -q "stopped: it ran for" "$(on b pair-stops)/logs/worker-1.log" || fail "worker 1 of pair-stops"
is pair-is-cut ending || fail "pair-is-cut is $(field pair-is-cut state) while its worker 1 waits"
[ "$(field pair-is-cut may_be_charged)" = true ] || fail "pair-is-cut"
echo "two hosts: cancelled, succeeded and stopped on both"

# From a terminal that closes: its processes all get a signal, the job goes on.
setsid -w bash -c 'echo $$ >terminal; "$@"; exec sleep 100' sh \
  "$OKO_REAL" --quiet job submit --on ssh --name one --hosts a --program "$(program 30 one)" \
  --when-done 'echo "$OKO_JOB has ended" | tee -a "$HOME/ended"' -- train "$work/it's data" --from none &
wait_for 60 has_line "$(on a one)/logs/worker-0.log" "step 5"
kill -HUP -- "-$(cat terminal)"
wait $! 2>/dev/null || true
oko job logs -f one >followed &
follower=$!
diff -r "$work/it's data" "$(on a one)/inputs/"* || fail "the copy of the data"
[ "$(ps -o sid= -p "$(supervisor_of a one)" | tr -d ' ')" = "$(supervisor_of a one)" ] ||
  fail "the supervisor has no session of its own"

# kill -9 of the training: it goes on from its checkpoint.
kill -9 "$(training_of a one)"
wait_state one succeeded 60
wait_for 30 is_gone $follower || fail "logs -f does not end"
cmp followed "$(on a one)/logs/worker-0.log" || fail "logs -f"
grep -q "resumed at step" followed && grep -q "trained 30 steps" followed || fail "not resumed"
wait_for 30 has_line "$work/servers/a/home/ended" "^one has ended$" || fail "--when-done"
oko job logs --engine one | grep -q "^one has ended$" || fail "what --when-done prints"
oko --quiet job fetch one -o fetched
cmp fetched/model.oko "$(on a one)/run/model.oko" || fail "fetch"
echo "survived its terminal and kill -9 of the training; followed, fetched"

# Cancelled: with a checkpoint, and nothing runs any more.
submit 1000 two a
wait_for 60 has_line "$(on a two)/logs/worker-0.log" "step 5"
pid=$(supervisor_of a two)
oko --quiet job cancel two
is two cancelled || fail "two is $(field two state)"
wait_for 30 is_gone "$pid" || fail "the supervisor still runs"
grep -q "checkpoint at step" "$(on a two)/logs/worker-0.log" || fail "no checkpoint"
echo "cancelled with a checkpoint"

# kill -9 of the supervisor: the training ends too, and the job continues on demand.
submit 30 three a
wait_for 60 has_line "$(on a three)/logs/worker-0.log" "step 10"
pid=$(training_of a three)
kill -9 "$(supervisor_of a three)"
wait_for 30 is_gone "$pid" || fail "the training goes on alone"
wait_state three lost 60
oko --quiet job retry three
wait_state three succeeded 60
# The header has the time at which the model was saved.
weights_of() { tail -c "+$((9 + $(od -A n -t u8 -N 8 "$1")))" "$1"; }
cmp <(weights_of "$(on a three)/run/model.oko") <(weights_of fetched/model.oko) ||
  fail "another model after kill -9"
echo "kill -9 of the supervisor: lost, resumed to the same model"

# Two hosts with a worker each, and two workers on one host.
submit 20 four a,b --workers 2
wait_state four succeeded 60
oko job logs four --worker 1 >followed
address=${OKO_TEST_ADDRESS:-127.0.0.1}
grep -q "worker 1 of 2 on $work/servers/b/home, $address:29[5-9].., GPU 0" followed ||
  fail "worker 1: $(cat followed)"
oko job logs four | grep -q "worker 0 of 2 on $work/servers/a/home, .* GPU 0" || fail "worker 0"
submit 20 five a,a --workers 2
wait_state five succeeded 60
oko job logs five --worker 1 | grep -q "worker 1 of 2 on $work/servers/a/home, .* GPU 1" ||
  fail "the second on a"
submit 1000 six a,b --workers 2
wait_for 60 has_line "$(on b six)/logs/worker-1.log" "step 5"
pids="$(supervisor_of a six) $(supervisor_of b six 1)"
oko --quiet job cancel six
for pid in $pids; do wait_for 30 is_gone "$pid" || fail "a supervisor still runs"; done
echo "two workers on two hosts, and on one"

# The job's folder in a bucket: by SSH the supervisor is only started.
folder_in_bucket() {
  "$gcs_server" >bucket_port &
  bucket_server=$!
  wait_for 20 has_line bucket_port .
  export STORAGE_EMULATOR_HOST=http://127.0.0.1:$(head -n 1 bucket_port) GOOGLE_CLOUD_PROJECT=p
  variables=STORAGE_EMULATOR_HOST=$STORAGE_EMULATOR_HOST
  oko --quiet store mb gs://oko-ssh
  submit 20 seven a --job-dir gs://oko-ssh/seven
  wait_state seven succeeded 60
  oko job logs seven >followed
  grep -q "words: train gs://oko-ssh/seven/inputs/" followed && grep -q "trained 20 steps" followed ||
    fail "the log in the bucket"
  oko store cat gs://oko-ssh/seven/done.json | grep -q gs://oko-ssh/seven/run/model.oko ||
    fail "the marker in the bucket"
  [ ! -e "$(on a seven)/job.json" ] || fail "the job's folder is on the host too"
  echo "job's folder in a bucket"
}

ends_on_both pair-fails failed 90
ends_on_both pair-is-cut cancelled 90
echo "two hosts: the second has ended after the first failed, and after it was cancelled alone"
if [ "$cut" = --cut ]; then
  network_is_cut
else  # the bucket's server is not in the network of the hosts above
  folder_in_bucket
fi
oko job list
echo "jobs by SSH work"
