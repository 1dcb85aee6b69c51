#!/usr/bin/env bash
# oko job with a real Slurm of four nodes: submitted, followed, cancelled, preempted and resumed; a
# worker killed. The training is a stand-in; train.sh does the same with a real one.
#   slurm.sh OKO [--all]     --all: also the limit of a partition and a node that fails (2 minutes)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"
. "$here/../dataset.sh"
missing=$(missing_for_slurm)
if [ -n "$missing" ]; then
  echo "skipped: needs" $missing "(Debian: slurm-wlm munge iproute2)"
  exit 77
fi
in_own_namespace bash "$0" "$@"

OKO_REAL=$(realpath "$1")
export OKO_REAL
all=${2:-}
work=$(mktemp -d)
cluster=$work/cluster
trap 'stop_cluster; "$here/../ssh/sshd.sh" stop "$work/servers"; rm -rf "$work"' EXIT
export OKO_JOBS=$work/jobs
chmod 755 "$work"
make_dataset "$work/data"
cd "$work"
start_cluster "$cluster"

oko() { "$OKO_REAL" "$@"; }
fail() {
  echo "failed: $*" >&2
  for log in "$OKO_JOBS"/*/slurm.log; do tail -n 30 "$log" | sed "s,^,${log#"$work"/}: ," >&2; done
  exit 1
}
# field JOB NAME: of oko job show --json.
field() { oko --json job show "$1" | sed -n "s/.*\"$2\": *\"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1; }
is() { [ "$(field "$1" state)" = "$2" ]; }
# Starting oko takes half a second: what only has to be waited for is read from the job's folder.
in_phase() { grep -sq "\"phase\": *\"$2\"" "$OKO_JOBS/$1/state.json"; }
wait_state() {
  wait_for "$3" in_phase "$1" "$2" || true
  wait_for 10 is "$1" "$2" || fail "$1 is $(field "$1" state), not $2"
}
# submit STEPS NAME OPTION…
submit() {
  local steps=$1 name=$2
  shift 2
  STEPS=$steps oko --quiet job submit --on slurm --name "$name" --program "$here/../stand_in.sh" "$@" \
    -- train data --from none || fail "submit $name"
}
# Not by a pipe, which grep -q closes too early for oko.
shows_now() { oko job show "$1" >shown && grep -q "$2" shown; }
shows() { wait_for 10 shows_now "$@" || fail "oko job show $1: $(cat shown)"; }
queue_is_empty() { [ -z "$(squeue -h)" ]; }
slurm_id() { sed -n 's/.*"job": *\([0-9]*\).*/\1/p' "$OKO_JOBS/$1/engine.json"; }
slurm_state() { scontrol show job --oneliner "$(slurm_id "$1")" | grep -o ' JobState=[A-Z_]*'; }
model() { cat "$OKO_JOBS/$1/run/model.oko"; }

# Wrong requests end before anything is submitted, and name what there is.
expect_refusal() {
  local what=$1 code=0
  shift
  oko job submit --on slurm "$@" -- train data --from none 2>refusal || code=$?
  [ $code = 2 ] && grep -q "$what" refusal || fail "$* ended with $code: $(cat refusal)"
}
expect_refusal "its nodes have t4" --gpu-type V100
expect_refusal "did you mean low?" --partition lwo
queue_is_empty || fail "something was submitted"
oko job submit --on slurm --dry-run --name dry --gpu-type T4 --max-time 90m -- train data --from none >dry
grep -q -- '--gres=gpu:t4:1 --time=95' dry && grep -q 'job run .*/jobs/dry &' dry || fail "--dry-run"
queue_is_empty && [ ! -e "$OKO_JOBS/dry" ] || fail "--dry-run submitted something"

# A job of higher priority takes the nodes: checkpoint, back in the queue, exactly resumed.
submit 40 taken --workers 2
wait_for 20 grep -sq 'worker 1 of 2' "$OKO_JOBS/taken/logs/worker-1.log" || fail "taken does not start"
sbatch --parsable -p high -N4 --exclusive -o /dev/null --wrap 'sleep 2' >high
wait_state taken preempted 20
shows taken 'back in the queue\|jobs of higher priority\|waits until'

# Meanwhile two workers on one node, and one of them killed.
submit 40 whole
submit 40 pair --workers 2 --nodes 1 --gpus 1
wait_for 20 grep -sq 'worker 1 of 2' "$OKO_JOBS/pair/logs/worker-1.log" || fail "pair does not start"
kill -9 "$(pgrep -f "train.*$OKO_JOBS/pair/run" | while read -r p; do
  tr '\0' '\n' <"/proc/$p/environ" | grep -qx RANK=1 && echo "$p"
done | head -n 1)"

oko job logs -f taken >followed
is taken succeeded || fail "taken is $(field taken state)"
wait_state whole succeeded 30
[ "$(model taken)" = "$(model whole)" ] || fail "the preempted training has another result"
[ "$(field taken attempt)" = 2 ] || fail "attempt $(field taken attempt)"
grep -q 'checkpoint at step' followed && grep -q 'resumed at step' followed || fail "$(cat followed)"

wait_state pair succeeded 60
grep -q 'ended by signal 9' "$OKO_JOBS/pair/logs/worker-1.log" || fail "no restart after kill -9"
cat "$OKO_JOBS"/pair/logs/worker-?.log | grep -o 'GPU [0-9]* of .*' | sort -u >gpus
[ "$(cat gpus)" = "$(printf 'GPU 0 of 0,1\nGPU 1 of 0,1')" ] || fail "GPUs: $(cat gpus)"

# Cancelled with a checkpoint, and not started again; a folder whose name no shell should meet.
hostile="$work/it's \$HOME; %j \"x\""
submit 600 long --job-dir "$hostile"
wait_for 20 grep -sq 'worker 0 of 1' "$hostile/logs/worker-0.log" || fail "long does not start"
oko --quiet job cancel long
is long cancelled || fail "long is $(field long state)"
grep -q 'checkpoint at step' "$hostile/logs/worker-0.log" || fail "no checkpoint"
wait_for 20 queue_is_empty || fail "long is still there"
[ "$(slurm_state long)" = ' JobState=CANCELLED' ] || fail "Slurm: $(slurm_state long)"
STEPS=1 oko --quiet job retry long --max-time 1h
wait_for 20 test -e "$hostile/done.json" || fail "long is $(field long state) after retry"
grep -q 'resumed at step' "$hostile/logs/worker-0.log" || fail "retry did not resume"

# At its limit it ends for good, though Slurm would start it again.
COMPANY=$work/company submit 600 limited --workers 2 --max-time 4s
wait_state limited stopped 40
[ "$(field limited attempt)" = 1 ] || fail "limited was started again"
[ "$(slurm_state limited)" = ' JobState=FAILED' ] || fail "limited: $(slurm_state limited)"
grep -q '^--- .*: stopped: it ran for' "$OKO_JOBS/limited/logs/worker-1.log" ||
  fail "worker 1 of limited does not know why"

# From a machine that does not belong to the cluster, by a login node.
reached_by_ssh() {
  local there=$work/servers/login/home/.oko/jobs follower steps code=0
  export XDG_RUNTIME_DIR OKO_SSH
  for steps in 30 600; do
    printf '#!/bin/sh\nSTEPS=%s OKO_REAL=%s exec %s "$@"\n' $steps "$OKO_REAL" \
      "$here/../stand_in.sh" >"$work/train-$steps"
    chmod +x "$work/train-$steps"
  done
  local from_here=(env -u SLURM_CONF "$OKO_REAL" --quiet job submit --on slurm --login login)
  "${from_here[@]}" --name remote --workers 2 --program "$work/train-30" -- train data --from none ||
    fail "submit by --login"
  (unset SLURM_CONF; oko job logs -f remote) >followed &
  follower=$!
  wait_for 20 grep -sq 'worker 1 of 2' "$there/remote/logs/worker-1.log" || fail "remote does not start"
  diff -r data "$there"/remote/inputs/0-data || fail "the copy of the data"
  wait $follower || fail "logs -f remote"
  (unset SLURM_CONF; is remote succeeded) || fail "remote is $(field remote state)"
  grep -q 'trained 30 steps' followed || fail "$(cat followed)"
  (unset SLURM_CONF; oko --quiet job fetch remote -o fetched; oko job logs --engine remote >engine)
  grep -q 'worker 0 of 2' engine || fail "logs --engine: $(cat engine)"
  cmp fetched/model.oko "$there/remote/run/model.oko" || fail "fetch"
  [ ! -e "$OKO_JOBS/remote/run" ] || fail "the job is here, too"

  "${from_here[@]}" --name remote-long --program "$work/train-600" -- train data --from none ||
    fail "submit by --login"
  wait_for 20 grep -sq 'step 5' "$there/remote-long/logs/worker-0.log" || fail "no remote-long"
  (unset SLURM_CONF; oko --quiet job cancel remote-long; is remote-long cancelled) ||
    fail "remote-long is $(field remote-long state)"
  [ "$(SLURM_CONF=$cluster/slurm.conf slurm_state remote-long)" = ' JobState=CANCELLED' ] ||
    fail "Slurm: $(slurm_state remote-long)"
  sed -i s/STEPS=600/STEPS=10/ "$work/train-600"
  (unset SLURM_CONF; oko --quiet job retry remote-long)
  wait_for 20 test -e "$there/remote-long/done.json" || fail "retry of remote-long"
  grep -q 'resumed at step' "$there/remote-long/logs/worker-0.log" || fail "remote-long not resumed"
  "${from_here[@]}" --name x --partition lwo -- train data --from none 2>refusal || code=$?
  [ $code = 2 ] && grep -q 'did you mean low?' refusal || fail "$code: $(cat refusal)"
  if [ "$all" = --all ]; then
    # A copy of oko with its libraries. It was built without training, or has too few pictures.
    "${from_here[@]}" --name remote-copied -- train data --from none || fail "submit of a copy by --login"
    wait_for 60 grep -sq '^--- .*: \(failed\|succeeded\)' "$there/remote-copied/logs/worker-0.log" ||
      fail "the copy by --login does not run"
  fi
  echo "by a login node: submitted, followed, fetched, cancelled, resumed"
}
if settings=$(OKO_TEST_VARIABLES="SLURM_CONF=$SLURM_CONF" "$here/../ssh/sshd.sh" start \
  "$work/servers" login); then
  eval "$settings"
  reached_by_ssh
fi

# The supervisor killed: lost, with what to do.
submit 600 orphan
wait_state orphan running 20
kill -9 "$(sed -n 's/.*"process": *\([0-9]*\).*/\1/p' "$OKO_JOBS/orphan/state.json")"
shows orphan 'state *lost'
shows orphan 'oko job retry orphan'

if [ "$all" = --all ]; then
  # A copy of oko with its libraries. Its training fails: there is no dataset.
  oko --quiet job submit --on slurm --name copied --program bundle -- train data --from none
  wait_state copied failed 60
  grep -q 'oko: error: ' "$OKO_JOBS/copied/logs/worker-0.log" || fail "the copy does not run"
  # The partition's limit of 2 minutes does not end the training.
  submit 900 chain --partition short
  # A node that fails: Slurm puts the job back in the queue.
  submit 100 fails
  wait_state fails running 20
  node=$(squeue -h -j "$(slurm_id fails)" -o %N)
  fail_node "${node#n}"
  wait_state fails succeeded 120
  [ "$(field fails attempt)" = 2 ] || fail "attempt $(field fails attempt) after a node failed"
  oko --quiet job wait chain || fail "chain"
  grep -q 'resumed at step' "$OKO_JOBS/chain/logs/worker-0.log" || fail "chain did not resume"
fi
wait_for 20 queue_is_empty || fail "left in the queue: $(squeue)"
echo "Slurm $(sinfo --version | cut -d' ' -f2): jobs were followed, cancelled, preempted and resumed"
