# Storage servers on loopback for test scripts: `. servers.sh`, then start_s3rver or start_radosgw.
# Both set S3_ENDPOINT, S3_KEY and S3_SECRET, return 1 with a message where a program is missing,
# and
# are stopped by stop_servers, which must run at the end (trap it on EXIT). start_store starts any
# of
# the kinds, our own for Google's protocol among them. Everything they write is in $servers_work.

servers_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$servers_here/modules.sh"
servers_work=${servers_work:-$(mktemp -d)}
servers_pids=()

stop_servers() {
  local pid
  for pid in "${servers_pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${servers_pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  servers_pids=()
  rm -rf "$servers_work"
}

# run_server NAME COMMAND…: in the background; what it prints goes to $servers_work/NAME.{out,err}
run_server() {
  local name=$1
  shift
  : >"$servers_work/$name.out"
  "$@" >"$servers_work/$name.out" 2>"$servers_work/$name.err" &
  servers_pids+=($!)
}

# first_line NAME: waits for the first line of what a server prints, and prints it
first_line() {
  local tries=0
  until [ "$(wc -l <"$servers_work/$1.out")" -gt 0 ]; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || { echo "$1 did not start" >&2; tail -5 "$servers_work/$1.err" >&2; return 1; }
    sleep .05
  done
  head -n 1 "$servers_work/$1.out"
}

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo $port
}

# start_s3rver BUCKET…: the light one, from npm
start_s3rver() {
  find_modules @20minutes/s3rver || return 1
  run_server s3rver node "$servers_here/s3rver.js" "$modules" "$servers_work/s3rver" "$@"
  local port
  port=$(first_line s3rver) || return 1
  S3_ENDPOINT=http://127.0.0.1:$port S3_KEY=S3RVER S3_SECRET=S3RVER
}

# start_radosgw [BYTES]: Ceph from Debian: one monitor, one storage daemon that keeps up to BYTES in
# memory, one gateway.
start_radosgw() {
  local program bytes=${1:-2147483648} ceph=$servers_work/ceph port monitor
  for program in ceph-mon ceph-osd radosgw radosgw-admin ceph; do
    command -v $program >/dev/null || { echo "$program is not installed: no radosgw" >&2; return 1; }
  done
  port=$(free_port)
  monitor=$(free_port)
  mkdir -p "$ceph/mon" "$ceph/osd" "$ceph/rgw"
  cat >"$ceph/ceph.conf" <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = [v2:127.0.0.1:$monitor]
public addr = 127.0.0.1
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
ms mon cluster mode = crc
ms mon service mode = crc
ms mon client mode = crc
ms cluster mode = crc
ms service mode = crc
ms client mode = crc
run dir = $ceph
log file = /dev/null
mon cluster log file = /dev/null
admin socket =
mon data = $ceph/mon
mon allow pool size one = true
osd data = $ceph/osd
osd objectstore = memstore
memstore device bytes = $bytes
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
mon max pg per osd = 1000
[client.rgw]
rgw data = $ceph/rgw
rgw frontends = beast endpoint=127.0.0.1:$port
rgw dns name = localhost
rgw enable usage log = false
rgw enable ops log = false
CONF
  local conf=(-c "$ceph/ceph.conf")
  monmaptool --create --addv a "[v2:127.0.0.1:$monitor]" \
    --fsid "$(sed -n 's/^fsid = //p' "$ceph/ceph.conf")" "$ceph/monmap" >/dev/null &&
    ceph-mon "${conf[@]}" --mkfs -i a --monmap "$ceph/monmap" >/dev/null || return 1
  run_server ceph-mon ceph-mon "${conf[@]}" -f -i a
  local id uuid
  uuid=$(cat /proc/sys/kernel/random/uuid)
  id=$(timeout 180 ceph "${conf[@]}" osd new "$uuid") ||
    { echo "ceph-mon does not answer" >&2; return 1; }
  ceph-osd "${conf[@]}" -i "$id" --mkfs --osd-uuid "$uuid" >/dev/null 2>&1 || return 1
  run_server ceph-osd ceph-osd "${conf[@]}" -f -i "$id"
  S3_ENDPOINT=http://127.0.0.1:$port S3_KEY=OKOTEST S3_SECRET=oko-test-secret
  timeout 180 radosgw-admin "${conf[@]}" -n client.rgw user create --uid oko --display-name oko \
    --access-key $S3_KEY --secret-key $S3_SECRET >/dev/null 2>"$servers_work/user.err" ||
    { echo "radosgw-admin cannot make a user" >&2; tail -n 3 "$servers_work/user.err" >&2; return 1; }
  # It wants a key even where nobody asks for it.
  ceph-authtool --create-keyring "$ceph/rgw/keyring" --gen-key -n client.rgw >/dev/null
  run_server radosgw radosgw "${conf[@]}" -f -n client.rgw
  local tries=0
  until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || { echo "radosgw did not start" >&2; return 1; }
    sleep .1
  done
}

# start_store gcs|s3rver|radosgw FOLDER_OF_TEST_SERVERS [OPTION…]: sets store_port and store_scheme;
# options are those of gcs_server.
start_store() {
  local kind=$1 folder=$2
  shift 2
  case $kind in
    gcs)
      run_server gcs "$folder/gcs_server" "$@"
      store_port=$(first_line gcs) store_scheme=gs
      ;;
    s3rver | radosgw)
      start_$kind || return 1
      store_port=${S3_ENDPOINT##*:} store_scheme=s3
      ;;
    *)
      echo "$kind is none of gcs, s3rver, radosgw" >&2
      return 2
      ;;
  esac
}

# use_store PORT: the variables by which programs find it there, and no others that might mislead
# them
use_store() {
  unset AWS_CA_BUNDLE AWS_PROFILE GOOGLE_APPLICATION_CREDENTIALS https_proxy http_proxy
  export HOME=$servers_work XDG_STATE_HOME=$servers_work/state
  if [ "$store_scheme" = gs ]; then
    export STORAGE_EMULATOR_HOST=http://127.0.0.1:$1 GOOGLE_CLOUD_PROJECT=p
  else
    export AWS_ACCESS_KEY_ID=$S3_KEY AWS_SECRET_ACCESS_KEY=$S3_SECRET AWS_REGION=us-east-1
    export AWS_DEFAULT_REGION=us-east-1 AWS_ENDPOINT_URL=http://127.0.0.1:$1
  fi
}
