#!/usr/bin/env bash
# oko and rclone in turns on Ceph's gateway: 2 000 files of 100 KB up and down, one big object.
#   bench/storage/storage.sh OKO [ROUNDS [BIG_MB]]
# Prints seconds, seconds of CPU time, peak memory of a process, and the ratios of the medians.
set -euo pipefail
oko=$1 rounds=${2:-3} big=${3:-2000}
servers_work=${OKO_BENCH_WORK:-$(mktemp -d)}
. "$(dirname "$0")/../../tests/storage/servers.sh"
trap stop_servers EXIT
unset AWS_CA_BUNDLE AWS_PROFILE https_proxy http_proxy
uptime
# Nothing is removed: Ceph's in-memory store then miscounts and thinks it is full.
start_radosgw $((9 * 1024 * 1024 * 1024))
export AWS_ACCESS_KEY_ID=$S3_KEY AWS_SECRET_ACCESS_KEY=$S3_SECRET AWS_REGION=us-east-1
export AWS_ENDPOINT_URL=$S3_ENDPOINT XDG_STATE_HOME=$servers_work/state
# Each copy has its own folder: ext4 is slow for a while where many files were removed.
many=$servers_work/many one=$servers_work/one back=$servers_work/back
mkdir -p "$many" "$one"
for ((i = 0; i < 2000; ++i)); do head -c 100000 /dev/urandom >"$many/f$i"; done
head -c $((big * 1000000)) /dev/urandom >"$one/big"
"$oko" --quiet store mb s3://oko-bench

# timed WHAT COMMAND…: a line "WHAT SECONDS CPU_SECONDS MEGABYTES" in the table. With `flushed` set to
# a folder, what was written to it is flushed to the disk within the time.
flushed=
timed() {
  local what=$1
  shift
  python3 - "$what" "$servers_work/table" "$flushed" "$@" <<'PY'
import resource, subprocess, sys, time
what, table, flushed, command = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
begin = time.monotonic()
subprocess.run(command, check=True)
if flushed:
    subprocess.run(['sync', '-f', flushed], check=True)
seconds = time.monotonic() - begin
used = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
open(table, 'a').write(f'{what} {seconds:.2f} {cpu:.2f} {peak:.0f}\n')
PY
}
rclone_command=(rclone --config /dev/null --log-level ERROR --s3-provider Ceph --s3-env-auth
  --s3-endpoint "$S3_ENDPOINT" --s3-no-check-bucket)
oko_copy=("$oko" --quiet store cp -r --no-manifest)

for ((round = 0; round < rounds; ++round)); do
  for transfers in 8 16 32; do
    timed "many-up rclone-$transfers" "${rclone_command[@]}" --transfers $transfers \
      --checkers 16 copy "$many" ":s3:oko-bench/r$transfers-$round"
  done
  timed "many-up oko" "${oko_copy[@]}" "$many" "s3://oko-bench/o-$round"
  for transfers in 8 16 32; do
    copy=("${rclone_command[@]}" --transfers $transfers --checkers 16 copy
      ":s3:oko-bench/r16-$round")
    timed "many-down rclone-$transfers" "${copy[@]}" "$back/r$transfers-$round"
    flushed=$back timed "many-down-flushed rclone-$transfers" "${copy[@]}" \
      "$back/f$transfers-$round"
  done
  timed "many-down oko" "${oko_copy[@]}" "s3://oko-bench/o-$round" "$back/o-$round"
  diff -rq "$many" "$back/o-$round"
done
timed "big-up oko" "${oko_copy[@]}" "$one" s3://oko-bench/one-oko
timed "big-up rclone" "${rclone_command[@]}" --s3-upload-cutoff 16M --s3-chunk-size 16M \
  --s3-upload-concurrency 8 copy "$one" :s3:oko-bench/one-rclone
for ((round = 0; round < rounds; ++round)); do
  copy=("${rclone_command[@]}" --multi-thread-cutoff 16M --multi-thread-streams 8 copy
    :s3:oko-bench/one-rclone)
  timed "big-down rclone" "${copy[@]}" "$back/big-r-$round"
  flushed=$back timed "big-down-flushed rclone" "${copy[@]}" "$back/big-f-$round"
  timed "big-down oko" "${oko_copy[@]}" s3://oko-bench/one-oko "$back/big-o-$round"
  for who in r f o; do
    cmp "$one/big" "$back/big-$who-$round/big"
    rm -r "$back/big-$who-$round"
  done
done
uptime
sort "$servers_work/table"
python3 - "$servers_work/table" <<'PY'
import statistics, sys
times = {}
for line in open(sys.argv[1]):
    what, who, seconds, cpu, _ = line.split()
    times.setdefault(what, {}).setdefault(who, []).append((float(seconds), float(cpu)))
def median(values):
    return [statistics.median(column) for column in zip(*values)]
for what, by in times.items():
    oko = median(times[what.removesuffix('-flushed')]['oko'])  # which always flushes
    other, who = min((median(values), who) for who, values in by.items() if who != 'oko')
    print(f'{what}: oko {oko[0]:.2f} s, {who} {other[0]:.2f} s, ratio {other[0] / oko[0]:.2f}; '
          f'CPU time {oko[1]:.2f} s, {other[1]:.2f} s, ratio {other[1] / oko[1]:.2f}')
PY
