#!/usr/bin/env bash
# kill -9 in the middle of transfers, again and again: no half file or object is ever there under its
# final name, and the same command brings it to its end.
#   kill.sh OKO FOLDER_OF_TEST_SERVERS [KILLS [SEED]]
set -euo pipefail
oko=$1 servers=$2 kills=${3:-6}
RANDOM=${4:-1}
. "$(dirname "$0")/servers.sh"
trap stop_servers EXIT
unset https_proxy http_proxy GOOGLE_APPLICATION_CREDENTIALS
export HOME=$servers_work XDG_STATE_HOME=$servers_work/state GOOGLE_CLOUD_PROJECT=p
run_server gcs "$servers/gcs_server"
export STORAGE_EMULATOR_HOST=http://127.0.0.1:$(first_line gcs)
tree=$servers_work/tree back=$servers_work/back
mkdir -p "$tree/many"
for ((i = 0; i < 150; ++i)); do head -c $((i * 531 + 1)) /dev/urandom >"$tree/many/f$i"; done
head -c 80000000 /dev/urandom >"$tree/big"
"$oko" --quiet store mb gs://oko-kill

# whole FROM TO: every file of TO that stands under its final name equals FROM's
whole() {
  local name
  while IFS= read -r name; do cmp "$1/$name" "$2/$name"; done < <(
    cd "$2" && find . -type f ! -name '*.part-*' ! -name '*.oko-*' -printf '%P\n')
}
killed=0
# until_done COMMAND…: kills it at random moments, at most $kills times, then lets it end
until_done() {
  local n pid
  for ((n = 0; n < kills; ++n)); do
    "$@" &
    pid=$!
    sleep "$((RANDOM % 2)).$((RANDOM % 10))"
    kill -9 $pid 2>/dev/null && killed=$((killed + 1))
    wait $pid 2>/dev/null && return
    [ ! -d "$back" ] || whole "$tree" "$back"
  done
  "$@"
}
until_done "$oko" --quiet store cp -r "$tree" gs://oko-kill/t
until_done "$oko" --quiet store cp -r gs://oko-kill/t "$back"
whole "$tree" "$back"
for f in "$tree"/many/* "$tree/big"; do [ -f "$back/${f#"$tree/"}" ]; done
left=$(find "$back" -type f | wc -l)
echo "killed $killed times: no half file; $((left - 151)) temporary files left"
