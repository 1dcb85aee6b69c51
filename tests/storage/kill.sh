#!/usr/bin/env bash
# kill -9 in the middle of transfers, repeatedly: there is never a partial file or object under its
# final name, and the same command completes the transfer.
#   kill.sh OKO FOLDER_OF_TEST_SERVERS [gcs|s3rver|radosgw [KILLS [SEED]]]
# KILLS for uploads and as many for downloads. A transfer that finishes before it is killed is
# restarted from scratch.
set -euo pipefail
oko=$1 servers=$2 kind=${3:-gcs} kills=${4:-10}
RANDOM=${5:-1}
. "$(dirname "$0")/servers.sh"
trap stop_servers EXIT
start_store "$kind" "$servers" || exit 77
use_store "$store_port"
place=$store_scheme://oko-kill
tree=$servers_work/tree back=$servers_work/back
mkdir -p "$tree/many"
for ((i = 0; i < 300; ++i)); do head -c $((i * 531 + 1)) /dev/urandom >"$tree/many/f$i"; done
head -c 80000000 /dev/urandom >"$tree/big"
(cd "$tree" && find . -type f -printf '%P %s\n' | sort) >"$servers_work/sizes"
"$oko" --quiet store mb $place

# Every file under its final name is complete.
whole_files() {
  local name
  [ -d "$back" ] || return 0
  while IFS= read -r name; do cmp "$tree/$name" "$back/$name"; done < <(
    cd "$back" && find . -type f ! -name '*.oko-part-*' -printf '%P\n')
}
# Every object has the size of its file; its content is compared after the download.
whole_objects() {
  "$oko" --json store ls -r -l $place/t 2>/dev/null >"$servers_work/list.json" || return 0
  python3 - "$servers_work/list.json" "$servers_work/sizes" <<'PY'
import json, sys
sizes = dict(line.rsplit(' ', 1) for line in open(sys.argv[2]))
for entry in json.load(open(sys.argv[1]))['entries']:
    name = entry['uri'].split('/t/', 1)[1]
    assert int(sizes[name]) == entry['size'], entry
PY
}
remove_objects() { "$oko" --quiet store rm -r $place/t; }
remove_files() { rm -rf "$back"; }

# kill_often CHECK REMOVE COMMAND…: kills the command at $kills random moments, checks the result
# each time, and then lets it finish
kill_often() {
  local check=$1 remove=$2 n=0 pid moment
  shift 2
  while ((n < kills)); do
    "$@" &
    pid=$!
    sleep "$(printf '%d.%03d' $((moment = shortest + RANDOM % (longest - shortest), moment / 1000)) \
      $((moment % 1000)))"
    if kill -9 $pid 2>/dev/null && ! wait $pid 2>/dev/null; then
      n=$((n + 1))
    else
      $remove
    fi
    $check
  done
  "$@"
}
copy=("$oko" --quiet store cp -r)
# milliseconds COMMAND…: how long it takes
milliseconds() {
  local begun
  begun=$(date +%s%N)
  "$@"
  echo $((($(date +%s%N) - begun) / 1000000))
}
shortest=$(milliseconds "$oko" --quiet store cp "$tree/many/f0" $place/one)  # to start and end
longest=$(milliseconds "${copy[@]}" "$tree" $place/t)
longest=$((longest > shortest + 100 ? longest : shortest + 100))
remove_objects
kill_often whole_objects remove_objects "${copy[@]}" "$tree" $place/t
kill_often whole_files remove_files "${copy[@]}" $place/t "$back"
diff -r -x '*.oko-part-*' "$tree" "$back"
echo "$kind: killed $kills times on the way up and $kills on the way down, no half file or object;" \
  "$(find "$back" -name '*.oko-part-*' | wc -l) temporary files left"
