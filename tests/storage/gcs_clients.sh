#!/usr/bin/env bash
# The test server for Google's protocol, checked by third-party clients: rclone, Google's client for
# Node, and gcloud if asked for.  gcs_clients.sh GCS_SERVER [gcloud]
set -euo pipefail
server=$1
. "$(dirname "${BASH_SOURCE[0]}")/modules.sh"
command -v rclone >/dev/null || { echo "skipped: rclone is not installed"; exit 77; }
work=$(mktemp -d)
pids=()
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; rm -rf "$work"' EXIT

start() {  # start OPTIONS…: sets port
  "$server" "$@" >"$work/port" &
  pids+=($!)
  until [ -s "$work/port" ]; do sleep .02; done
  port=$(cat "$work/port")
  : >"$work/port"
}

mkdir -p "$work/tree/a/b" "$work/tree/ü x"
for i in 1 2 3 4 5 6 7; do head -c $((i * 3001)) /dev/urandom >"$work/tree/a/f$i.bin"; done
: >"$work/tree/empty"
printf 'text\r\n--text\n' >"$work/tree/ü x/100%?&#.txt"
head -c 9000000 /dev/urandom >"$work/tree/a/b/big.bin"

with_rclone() {
  rclone --config /dev/null --retries 1 --low-level-retries 1 --log-level ERROR \
    --gcs-endpoint "http://127.0.0.1:$port/storage/v1/" --gcs-anonymous --gcs-project-number 1 \
    --gcs-bucket-policy-only "$@"
}

start --page 3 --rewrite-step 1000000
with_rclone mkdir :gcs:oko-test
with_rclone copy "$work/tree" :gcs:oko-test/t
with_rclone copy :gcs:oko-test/t "$work/back"
diff -r "$work/tree" "$work/back"
with_rclone check "$work/tree" :gcs:oko-test/t
with_rclone copyto :gcs:oko-test/t/a/b/big.bin :gcs:oko-test/copy.bin  # rewrite on the server
with_rclone cat :gcs:oko-test/copy.bin --offset 4000000 --count 1000000 |
  cmp - <(tail -c +4000001 "$work/tree/a/b/big.bin" | head -c 1000000)
# Over 16 MiB rclone uploads by sessions.
head -c 40000000 /dev/urandom >"$work/large.bin"
with_rclone copyto "$work/large.bin" :gcs:oko-test/large.bin
with_rclone rcat :gcs:oko-test/streamed <"$work/large.bin"
with_rclone cat :gcs:oko-test/streamed | cmp - "$work/large.bin"
with_rclone cat :gcs:oko-test/large.bin | cmp - "$work/large.bin"
[ "$(with_rclone lsf -R --files-only :gcs:oko-test/t | wc -l)" = 10 ]
with_rclone deletefile :gcs:oko-test/copy.bin
with_rclone purge :gcs:oko-test/t
[ -z "$(with_rclone lsf :gcs:oko-test/t 2>/dev/null)" ]
if with_rclone cat :gcs:no-such-bucket/x 2>/dev/null; then
  echo "an object of a missing bucket was read"
  exit 1
fi
# Object access control lists, if the bucket has them.
with_rclone --gcs-bucket-policy-only=false copy "$work/tree" :gcs:oko-listed
with_rclone check "$work/tree" :gcs:oko-listed
echo "rclone: a tree up and down, streamed, in chunks, copied on the server, listed, deleted"

if find_modules @google-cloud/storage; then
  start --page 3
  node "$(dirname "${BASH_SOURCE[0]}")/gcs_client.mjs" "$modules" "$port"
fi

[ "${2:-}" = gcloud ] || exit 0
command -v gcloud >/dev/null || { echo "gcloud is not installed"; exit 0; }
with_gcloud() {
  CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE="http://127.0.0.1:$port/storage/v1/" \
    CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true CLOUDSDK_CORE_PROJECT=p CLOUDSDK_CONFIG="$work/gcloud" \
    CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=true timeout 120 gcloud --quiet storage "$@"
}
start
with_gcloud buckets create gs://oko-cloud --location=europe-west4 --uniform-bucket-level-access
with_gcloud cp -r "$work/tree" gs://oko-cloud/ 2>/dev/null
mkdir "$work/cloud-back"
with_gcloud cp -r gs://oko-cloud/tree "$work/cloud-back" 2>/dev/null
diff -r "$work/tree" "$work/cloud-back/tree"
head -c 12000000 /dev/urandom >"$work/more.bin"
CLOUDSDK_STORAGE_RESUMABLE_THRESHOLD=1048576 with_gcloud cp "$work/more.bin" gs://oko-cloud/more.bin
CLOUDSDK_STORAGE_RESUMABLE_THRESHOLD=1048576 with_gcloud cp - gs://oko-cloud/streamed <"$work/more.bin"
with_gcloud cat gs://oko-cloud/streamed | cmp - "$work/more.bin"
with_gcloud cp gs://oko-cloud/more.bin gs://oko-cloud/copied.bin
with_gcloud objects compose gs://oko-cloud/more.bin gs://oko-cloud/copied.bin gs://oko-cloud/both
[ "$(with_gcloud cat gs://oko-cloud/both | wc -c)" = 24000000 ]
with_gcloud ls -r 'gs://oko-cloud/**' >"$work/list"
[ "$(wc -l <"$work/list")" = 14 ]
with_gcloud rm -r gs://oko-cloud/tree
echo "gcloud: a bucket, a tree up and down, sessions, copy, compose, list, delete"
