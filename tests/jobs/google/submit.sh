#!/usr/bin/env bash
# oko job with Vertex AI, as typed: in terms of AI Platform Training, against the test servers of
# Vertex AI and of Cloud Storage. No training is run.  submit.sh OKO VERTEX_SERVER GCS_SERVER
set -euo pipefail
. "$(dirname "$0")/../dataset.sh"
oko=$(realpath "$1") vertex_server=$2 gcs_server=$3
work=$(mktemp -d)
pids=()
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; wait; rm -rf "$work"' EXIT

start() {  # start NAME COMMAND…: sets port
  local name=$1 tries=0
  shift
  "$@" >"$work/$name" &
  pids+=($!)
  until [ -s "$work/$name" ]; do
    tries=$((tries + 1))
    [ $tries -lt 400 ] || { echo "$name did not start"; exit 1; }
    sleep .05
  done
  port=$(head -n 1 "$work/$name")
}
fail() { echo "$1"; cat "$work/out"; exit 1; }
# run CODE WORDS…: oko's output is in $work/out
run() {
  local wanted=$1 code=0
  shift
  "$oko" "$@" >"$work/out" 2>&1 || code=$?
  [ $code = "$wanted" ] || fail "oko $*: code $code instead of $wanted"
}
has() { grep -qF -- "$1" "$work/out" || fail "no \"$1\" in:"; }

start storage "$gcs_server"
export STORAGE_EMULATOR_HOST=127.0.0.1:$port
start vertex "$vertex_server" --image p/oko:1
export CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM=http://127.0.0.1:$port/
export CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING=http://127.0.0.1:$port/
export CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE=http://127.0.0.1:$port/
export CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true GOOGLE_CLOUD_PROJECT=p OKO_JOBS=$work/jobs HOME=$work
unset GOOGLE_APPLICATION_CREDENTIALS https_proxy http_proxy
image=127.0.0.1:$port/p/oko:1

run 0 store mb gs://oko-jobs --location us-central1
make_dataset "$work/voc"
run 0 store cp -r "$work/voc" gs://oko-jobs/voc
old=(my_Job --scale-tier BASIC_GPU --package-path trainer --module-name trainer.task
  --runtime-version 1.15 --job-dir gs://oko-jobs/my-job --master-image-uri "$image"
  --region us-central1)
new=(train gs://oko-jobs/voc --from none --epochs 3 --weights_stage stage.h5)
run 0 job submit --dry-run "${old[@]}" -- "${new[@]}"
has 'BASIC_GPU: one worker with a T4; it was a K80'
has "POST http://127.0.0.1:$port/v1/projects/p/locations/us-central1/customJobs"
has '"acceleratorType": "NVIDIA_TESLA_T4"'
has '"job"'

run 0 job submit "${old[@]}" -- "${new[@]}"
has 'console.cloud.google.com/vertex-ai/locations/us-central1/training/'
run 0 --json job show my-job
has '"state": "queued"'
has 'Vertex AI prepares its machines'
OKO_JOBS=$work/elsewhere run 0 --json job show gs://oko-jobs/my-job  # from another machine
has '"state": "queued"'
run 0 job list
has my-job
run 0 job cancel my-job --no-wait
run 0 --json job show my-job
has '"state": "cancelled"'

# What would cost money or time is refused before.
run 2 job submit --on vertex --job-dir gs://oko-jobs/x --image "$image" --region europe-west4 \
  --gpu-type L4 -- train gs://oko-jobs/voc --from none
has 'use --region us-central1'
run 2 job submit --on vertex --job-dir gs://oko-jobs/x --image "$image" --region us-central1 \
  --gpu-type L4 --machine n1-standard-8 -- train gs://oko-jobs/voc --from none
has 'g2-standard-8'
run 3 job submit --on vertex --job-dir gs://oko-jobs/x --image "${image}9" --region us-central1 \
  -- train gs://oko-jobs/voc --from none
run 2 job submit --on vertex --image "$image" --region us-central1 -- train gs://oko-jobs/voc --from none
has 'gs://BUCKET/jobs/NAME'
run 2 job submit --scale-tier BASIC_TPU -- train gs://oko-jobs/voc --from none
has 'use BASIC_GPU'
run 0 job list
[ "$(grep -c '^[a-z]' "$work/out")" -le 2 ] || fail "refused jobs are listed"
echo "oko job: submitted in old terms, shown, listed, cancelled, refused"
