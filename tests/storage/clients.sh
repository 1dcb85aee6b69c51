#!/usr/bin/env bash
# Reads what third-party clients wrote, and vice versa.
#   clients.sh OKO s3rver|radosgw          against an S3 server: rclone, s3cmd, aws
#   clients.sh OKO gcs FOLDER_OF_SERVERS   against the test server: rclone
# A client that is not installed is skipped.
set -euo pipefail
oko=$1 kind=$2
. "$(dirname "$0")/servers.sh"
trap stop_servers EXIT
unset AWS_CA_BUNDLE AWS_PROFILE GOOGLE_APPLICATION_CREDENTIALS https_proxy http_proxy
export HOME=$servers_work XDG_STATE_HOME=$servers_work/state

tree=$servers_work/tree
mkdir -p "$tree/a/b" "$tree/ü x"
for i in 1 2 3 4 5; do head -c $((i * 30011)) /dev/urandom >"$tree/a/f$i.bin"; done
: >"$tree/a/empty"
odd='100% & (1)+.txt'
# Its lists have & escaped twice.
[ "$kind" != s3rver ] || odd='100% (1)+.txt'
printf 'text\r\n' >"$tree/ü x/$odd"
head -c 40000000 /dev/urandom >"$tree/a/b/big.bin"  # in parts

# check NAME UPLOAD DOWNLOAD: commands that take a folder and a URI, and vice versa
check() {
  local name=$1 up=$2 down=$3 back=$servers_work/back-$1
  $up "$tree" "$name-theirs"
  "$oko" --quiet store cp -r "$place/$name-theirs" "$back-1"
  diff -r "$tree" "$back-1"
  "$oko" --quiet --json store cp -r --no-manifest "$tree" "$place/$name-theirs" >"$back.json"
  grep -q '"copied": 0' "$back.json" || echo "note: oko copied again what $name had written"
  "$oko" --quiet store cp -r "$tree" "$place/$name-ours"
  $down "$name-ours" "$back-2"
  diff -r "$tree" "$back-2"
  echo "$kind, $name: read what it wrote, and the other way round"
}

if [ "$kind" = gcs ]; then
  run_server gcs "$3/gcs_server"
  export STORAGE_EMULATOR_HOST=http://127.0.0.1:$(first_line gcs) GOOGLE_CLOUD_PROJECT=p
  place=gs://oko-clients
  "$oko" --quiet store mb $place
  with_rclone() {
    rclone --config /dev/null --log-level ERROR --gcs-anonymous --gcs-bucket-policy-only \
      --gcs-endpoint "$STORAGE_EMULATOR_HOST/storage/v1/" "$@"
  }
  rclone_up() { with_rclone copy "$1" ":gcs:oko-clients/$2"; }
  rclone_down() { with_rclone copy ":gcs:oko-clients/$1" "$2"; }
  command -v rclone >/dev/null || exit 77
  check rclone rclone_up rclone_down
  exit 0
fi

"start_$kind" || exit 77
export AWS_ACCESS_KEY_ID=$S3_KEY AWS_SECRET_ACCESS_KEY=$S3_SECRET AWS_REGION=us-east-1
export AWS_DEFAULT_REGION=us-east-1 AWS_ENDPOINT_URL=$S3_ENDPOINT
place=s3://oko-clients
"$oko" --quiet store mb $place

if command -v rclone >/dev/null; then
  # s3rver's ETag of multipart objects is not what rclone expects.
  cutoff=$([ "$kind" = s3rver ] && echo 200M || echo 16M)
  with_rclone() {
    rclone --config /dev/null --log-level ERROR --s3-provider Ceph --s3-env-auth \
      --s3-endpoint "$S3_ENDPOINT" --s3-upload-cutoff "$cutoff" --s3-chunk-size 8M "$@"
  }
  rclone_up() { with_rclone copy "$1" ":s3:oko-clients/$2"; }
  rclone_down() { with_rclone copy ":s3:oko-clients/$1" "$2"; }
  check rclone rclone_up rclone_down
fi
# s3rver computes different signatures for its lists.
if [ "$kind" != s3rver ] && command -v s3cmd >/dev/null; then
  host=${S3_ENDPOINT#http://}
  with_s3cmd() {
    s3cmd --config /dev/null --no-ssl --host "$host" --host-bucket "$host" --quiet \
      --access_key "$S3_KEY" --secret_key "$S3_SECRET" "$@"
  }
  s3cmd_up() { with_s3cmd sync "$1/" "s3://oko-clients/$2/"; }
  s3cmd_down() { mkdir -p "$2" && with_s3cmd sync "s3://oko-clients/$1/" "$2/"; }
  check s3cmd s3cmd_up s3cmd_down
fi
if aws --version >/dev/null 2>&1; then
  aws_up() { aws --endpoint-url "$S3_ENDPOINT" s3 cp --quiet --recursive "$1" "s3://oko-clients/$2"; }
  aws_down() { aws --endpoint-url "$S3_ENDPOINT" s3 cp --quiet --recursive "s3://oko-clients/$1" "$2"; }
  check aws aws_up aws_down
fi
