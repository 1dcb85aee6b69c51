#!/bin/sh
# Times one worker, then two that share the same batch, one core each.
# usage: bench/workers.sh PROGRAM [--network NAME] [--batch N] [--rounds N]
#   PROGRAM   oko_bench_workers
# Runs in a network namespace of its own, so that all traffic counted is that of the workers: as root,
# or where users may make namespaces.
set -eu

if [ $# -lt 1 ]; then
  sed -n 's/^# usage: /usage: /p' "$0" >&2
  exit 2
fi
if [ "${OKO_IN_NAMESPACE:-}" = "" ]; then
  flags=-n
  [ "$(id -u)" -eq 0 ] || flags=-rn
  OKO_IN_NAMESPACE=1 exec unshare $flags "$0" "$@"
fi
ip link set lo up
program=$1
shift
export OMP_WAIT_POLICY=PASSIVE MASTER_ADDR=127.0.0.1
cut -d ' ' -f 1-3 /proc/loadavg | sed 's/^/load: /'
taskset -c 0 "$program" "$@"
WORLD_SIZE=2 RANK=1 taskset -c 1 "$program" "$@" &
other=$!
WORLD_SIZE=2 RANK=0 taskset -c 0 "$program" "$@"
wait $other
