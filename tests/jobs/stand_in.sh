#!/bin/bash
# Takes the place of oko on the machines where the test is not about training: `job run` is oko's own,
# `train` counts steps of a tenth of a second. Like oko train it resumes exactly, writes a checkpoint
# at SIGTERM and ends with 130.
# OKO_REAL is the oko that is tested, STEPS the length of the training, FAIL a code with which worker 0
# fails at step 20. With COMPANY, a new folder that all workers see, they depend on each other as those
# of oko train do: who is told to end takes the others with it, who has lost worker 0 ends with 5.
set -u
case "$1" in
  --version) exec "$OKO_REAL" --version ;;
  job)
    export OKO_PROGRAM=$0
    exec "$OKO_REAL" "$@"
    ;;
  train) ;;
  *) exit 2 ;;
esac
words=$*
run=$(
  while [ "$1" != --out ]; do shift; done
  echo "$2"
)
# The other workers only keep the first company.
mkdir -p "$run"
rank=${RANK:-0}
checkpoint=$run/checkpoint-$rank
step=0 value=1
if [ -e "$checkpoint" ]; then
  read -r step value <"$checkpoint"
  echo "resumed at step $step"
fi
[ "$rank" != 0 ] || echo run >"$run/run.toml"
save() { echo "$step $value" >"$checkpoint.new" && mv "$checkpoint.new" "$checkpoint"; }
company=${COMPANY:-}
lose() {
  save
  echo "worker 0 is lost"
  exit 5
}
first_lives() { kill -0 "$(cat "$company/0" 2>/dev/null)" 2>/dev/null; }
join() {
  if [ "$rank" = 0 ]; then
    mkdir -p "$company" && rm -f "$company/stop" "$company/done" && echo $$ >"$company/0"
    return
  fi
  local tries=30
  until first_lives; do
    [ $((tries -= 1)) -gt 0 ] || lose
    sleep .1
  done
}
keep_up() {
  [ ! -e "$company/stop" ] || end
  first_lives || [ -e "$company/done" ] || lose
}
end() {
  trap "" TERM
  [ -z "$company" ] || touch "$company/stop"
  save
  sleep .5
  echo "checkpoint at step $step"
  exit 130
}
trap end TERM
[ -z "$company" ] || join
echo "words: $words"
echo "worker $rank of ${WORLD_SIZE:-1} on ${SLURMD_NODENAME:-$PWD}," \
  "${MASTER_ADDR:-none}:${MASTER_PORT:-}, GPU ${LOCAL_RANK:-0} of ${CUDA_VISIBLE_DEVICES:-none}"
while [ "$step" -lt "${STEPS:-20}" ]; do
  step=$((step + 1)) value=$(((value * 1103515245 + step) % 2147483648))
  [ $((step % 5)) != 0 ] || save
  echo "step $step"
  [ "$rank:$step:${FAIL:-}" != "0:20:${FAIL:-0}" ] || exit "$FAIL"
  [ -z "$company" ] || keep_up
  sleep .1
done
save
[ -z "$company" ] || touch "$company/done"
[ "$rank" != 0 ] || echo "model $value" >"$run/model.oko"
echo "trained $step steps"
