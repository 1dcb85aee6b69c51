#!/usr/bin/env bash
# The test server of Vertex AI and Cloud Logging, driven by the Google Cloud SDK, so that it is known
# to be what a real client expects; strict by Google's own definitions, which are fetched from npm.
# Takes about a minute, and is run by hand.  clients.sh VERTEX_SERVER
set -euo pipefail
server=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../storage/modules.sh"
find_modules @google-cloud/aiplatform "$here" || exit 77
export OKO_NODE_MODULES=$modules
command -v gcloud >/dev/null || { echo "skipped: gcloud is not installed"; exit 77; }
work=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
"$server" --strict --advance --page 2 --bucket elsewhere=EUROPE-WEST4 >"$work/out" &
pid=$!
tries=0
until [ -s "$work/out" ]; do
  tries=$((tries + 1))
  [ $tries -lt 300 ] && kill -0 $pid || { echo "the server did not start"; exit 1; }
  sleep .1
done
port=$(head -n 1 "$work/out")

with_gcloud() {
  CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM="http://127.0.0.1:$port/" \
    CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING="http://127.0.0.1:$port/" \
    CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true CLOUDSDK_CORE_PROJECT=p CLOUDSDK_CONFIG="$work/gcloud" \
    CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=true timeout 120 gcloud --quiet "$@"
}
create() {
  with_gcloud ai custom-jobs create --region=us-central1 "$@" 2>&1
}

gpu=machine-type=n1-standard-8,accelerator-type=NVIDIA_TESLA_T4,accelerator-count=1
for name in one two three; do
  create --display-name=$name --worker-pool-spec=$gpu,replica-count=1,container-image-uri=g/p/oko \
    --command=oko --args=job,run,gs://b/j --labels=oko-job=$name >"$work/$name" ||
    { cat "$work/$name"; exit 1; }
done
with_gcloud ai custom-jobs list --region=us-central1 --format='value(displayName)' >"$work/list"
[ "$(sort "$work/list" | xargs)" = "one three two" ]  # of two pages
job=$(with_gcloud ai custom-jobs list --region=us-central1 --filter=displayName=two \
  --format='value(name)')
state=$(with_gcloud ai custom-jobs describe "$job" --format='value(state)')
[ "$state" = JOB_STATE_PENDING ]
with_gcloud ai custom-jobs cancel "$job" 2>/dev/null
[ "$(with_gcloud ai custom-jobs describe "$job" --format='value(state)')" = JOB_STATE_CANCELLED ]
# The filters and pages of logs as gcloud sends them. (It follows only jobs that have ended.)
with_gcloud ai custom-jobs stream-logs "$job" --polling-interval=1 >"$work/logs" 2>&1
grep -q 'service.*Vertex AI is setting up this job' "$work/logs"
# A refusal is understood as one of the service's.
cat >"$work/spec.yaml" <<'YAML'
workerPoolSpecs:
- machineSpec: {machineType: n1-standard-4}
  replicaCount: 1
  containerSpec: {imageUri: g/p/oko}
baseOutputDirectory: {outputUriPrefix: "gs://elsewhere/x"}
YAML
if create --display-name=bad --config="$work/spec.yaml" >"$work/bad"; then
  echo "a job whose bucket is in another region was created"
  exit 1
fi
grep -q 'FAILED_PRECONDITION.*same regional location' "$work/bad" || { cat "$work/bad"; exit 1; }
kill "$pid"
wait "$pid"
grep -q '^POST /v2/entries:list' "$work/out"
echo "gcloud: custom jobs created, listed over pages, described, cancelled, logs streamed, refused"
