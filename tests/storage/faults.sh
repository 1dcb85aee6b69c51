#!/usr/bin/env bash
# Transfers through a fault-injecting proxy; nothing may be lost or corrupted.
#   faults.sh OKO FOLDER_OF_TEST_SERVERS gcs|s3rver|radosgw [COUNT [CHANCE [SEED]]]
# COUNT files are uploaded, downloaded and compared, so there are twice as many transfers.
set -euo pipefail
oko=$1 servers=$2 kind=$3 count=${4:-100} chance=${5:-.08} seed=${6:-1}
. "$(dirname "$0")/servers.sh"
trap stop_servers EXIT
export OKO_STALL_SECONDS=${OKO_STALL_SECONDS:-3}

start_store "$kind" "$servers" --page 97 --lose-session 3 || exit 77
faults=()
# It ignores Content-MD5 and does not check a signature's body hash.
if [ "$kind" = s3rver ]; then
  faults=(--faults=429,503,lost,cut-request,cut-reply,stall,flip-reply,duplicate,twice)
fi
run_server proxy "$servers/fault_proxy" --to "$store_port" --seed "$seed" --chance "$chance" \
  --stall 20 "${faults[@]}"
proxy=$(first_line proxy)
use_store "$proxy"
place=$store_scheme://oko-faults

tree=$servers_work/tree
mkdir -p "$tree"
for ((i = 0; i < count; ++i)); do
  mkdir -p "$tree/d$((i % 7))"
  head -c $(((i * 7919) % 120000)) /dev/urandom >"$tree/d$((i % 7))/f$i.bin"
done
if [ "$count" -ge 100 ]; then head -c 70000000 /dev/urandom >"$tree/big.bin"; fi

"$oko" --quiet store mb $place
"$oko" --quiet --json store cp -r "$tree" $place/t >"$servers_work/up.json"
"$oko" --quiet --json store cp -r $place/t "$servers_work/back" >"$servers_work/down.json"
diff -r "$tree" "$servers_work/back"
[ "$("$oko" store ls -r $place/t | wc -l)" = "$(find "$tree" -type f | wc -l)" ]
"$oko" --quiet store cp -r "$tree" $place/t --no-manifest  # nothing to do, by checksums
"$oko" --quiet store rm -r $place/t
if "$oko" --quiet store ls $place/t 2>/dev/null; then
  echo "something is left"
  exit 1
fi
echo "$kind: $((2 * $(find "$tree" -type f | wc -l))) transfers, nothing lost or corrupt; injected:"
curl -s --max-time 10 "http://127.0.0.1:$proxy/-/faults" | tr -d '{}"\n' | tr -s ' '
echo
