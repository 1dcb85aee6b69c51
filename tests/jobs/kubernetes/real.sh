#!/usr/bin/env bash
# Jobs on a real Kubernetes 1.20 (etcd, API server, controllers, scheduler) with a test node that
# runs pods as processes, and a bucket on the test server. By hand: build_server.sh first.
#   real.sh OKO FOLDER_OF_TEST_SERVERS [OKO_OF_THE_IMAGE]
# OKO_DATA names the folder of the reference data. Without kubectl its view is skipped.
set -euo pipefail
oko=$(realpath "$1") servers=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
programs=${XDG_CACHE_HOME:-$HOME/.cache}/oko-tests/kubernetes
skip() { echo "skipped: $*"; exit 77; }
for program in kube-apiserver kube-controller-manager kube-scheduler; do
  [ -x "$programs/$program" ] || skip "$programs/$program is not there (build_server.sh)"
done
for program in etcd node openssl curl; do
  command -v $program >/dev/null || skip "$program is not installed"
done
pictures=${OKO_DATA:-}/raccoon
[ -d "$pictures" ] || skip "$pictures is not there (set OKO_DATA to the reference data)"
. "$here/../../storage/servers.sh"
. "$here/cluster.sh"
trap 'stop_cluster; stop_servers' EXIT
unset GOOGLE_APPLICATION_CREDENTIALS AWS_PROFILE https_proxy http_proxy KUBECONFIG
unset XDG_STATE_HOME XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME

fail() { echo "FAILED: $*" >&2; exit 1; }
begin() { echo; echo "== $*"; }
# expect TEXT COMMAND…: prints what the command prints, which must contain TEXT
expect() {
  local text=$1 output
  shift
  output=$("$@" 2>&1) || true
  echo "$output"
  [[ $output == *"$text"* ]] || fail "no \"$text\""
}
as() { export KUBECONFIG=$cluster/$1.kubeconfig; }
# weights FILE: the tensors of an .oko file, which follow a header of the length it begins with
weights() { tail -c +$((9 + $(od -An -t u8 -N 8 "$1"))) "$1"; }
kubectl_shows() {
  command -v kubectl >/dev/null || return 0
  kubectl --kubeconfig "$cluster/admin.kubeconfig" "$@"
}

run_server gcs "$servers/gcs_server"
port=$(first_line gcs)
export STORAGE_EMULATOR_HOST=http://127.0.0.1:$port GOOGLE_CLOUD_PROJECT=p
export HOME=$servers_work/home
mkdir "$HOME"
bucket=gs://oko-jobs

began=$(date +%s)
start_cluster "$programs"
mkdir "$cluster/bin"
ln -s "$(realpath "${3:-$oko}")" "$cluster/bin/oko"
start_node n1 1 "$cluster/bin"
wait_for 30 grep -q 'is up' "$cluster/node-n1.log"
echo "the cluster was up after $(($(date +%s) - began)) s"
rights() {
  api POST /apis/rbac.authorization.k8s.io/v1/namespaces/default/roles "$1" >/dev/null
  api POST /apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings '{
    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
    "metadata": {"name": "oko"}, "subjects": [{"kind": "User", "name": "oko"}],
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "oko"}}' >/dev/null
}
# As docs/jobs.md lists them.
rights '{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "oko"},
  "rules": [
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "delete"]},
    {"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["services"], "verbs": ["create", "get", "delete"]},
    {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["get"]}]}'
encoded=$(printf %s "$STORAGE_EMULATOR_HOST" | base64 -w0)
api POST /api/v1/namespaces/default/secrets '{"apiVersion": "v1", "kind": "Secret",
  "metadata": {"name": "bucket"}, "data": {"STORAGE_EMULATOR_HOST": "'"$encoded"'"}}' >/dev/null

# A login program that counts how often it is asked.
cat >"$cluster/login" <<LOGIN
#!/bin/sh
echo asked >>$cluster/logins
echo '{"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential",
  "status": {"token": "token-of-the-plugin", "expirationTimestamp": "2099-01-01T00:00:00Z"}}'
LOGIN
chmod +x "$cluster/login"
make_kubeconfig plugin "{exec: {apiVersion: client.authentication.k8s.io/v1beta1,
    command: ./login, interactiveMode: Never}}"
make_kubeconfig wrong "{token: not-a-token}"
make_certificate nobody /CN=nobody
make_kubeconfig nobody "$(with_certificate nobody)"

photos=$servers_work/photos
mkdir -p "$photos/JPEGImages" "$photos/Annotations"
for ((i = 1; i <= 40; ++i)); do
  cp "$pictures/JPEGImages/raccoon-$i.jpg" "$photos/JPEGImages/"
  cp "$pictures/Annotations/raccoon-$i.xml" "$photos/Annotations/"
done
"$oko" --quiet store mb $bucket
"$oko" --quiet store cp -r "$photos" $bucket/photos
training=(train $bucket/photos --network yolov3-tiny --from none --width 96 --batch 2 --precision fp32
  --threads 1 --plain-epochs 1 --checkpoint-minutes .02 --epochs)
image=registry.example/oko:1 secret=bucket
# submit NAME EPOCHS FLAG…
submit() {
  "$oko" job submit --on kubernetes --name "$1" --job-dir "$bucket/jobs/$1" --secret "$secret" \
    --image "$image" "${@:3}" -- "${training[@]}" "$2"
}
state_is() { "$oko" job show "$1" | grep -q "^state *$2"; }
gone() { [[ $(api GET "/apis/batch/v1/namespaces/default/jobs/$1") == *NotFound* ]]; }
show_when_queued() {
  submit "$1" 1 --node-selector disk=none >/dev/null
  wait_for 30 state_is "$1" queued:.*node
  "$oko" job show "$1"
  "$oko" job cancel "$1"
}
has_checkpoint() { "$oko" store ls "$bucket/jobs/$1/run/checkpoints" >/dev/null 2>&1; }

as oko
begin "submitted with a client certificate, followed, and ended"
submit calm 4 --gpus 1 --memory 4Gi
kubectl_shows get job calm -o wide
"$oko" job logs -f calm | tail -5
"$oko" job wait calm
expect model.oko "$oko" job logs calm --engine -n 4
kubectl_shows get job,pod -l app.kubernetes.io/instance=calm
expect succeeded "$oko" job list

begin "an evicted pod: a checkpoint, another pod, the same weights"
submit evicted 4
wait_for 120 has_checkpoint evicted
pod=$(api GET '/api/v1/namespaces/default/pods?labelSelector=job-name%3Devicted' |
  grep -o '"name": "evicted-[^"]*"' | head -1 | cut -d'"' -f4)
api POST "/api/v1/namespaces/default/pods/$pod/eviction" '{"apiVersion": "policy/v1beta1",
  "kind": "Eviction", "metadata": {"name": "'"$pod"'", "namespace": "default"}}' | grep status
"$oko" job wait evicted
kubectl_shows get pod -l job-name=evicted
expect "attempt 2" "$oko" job show evicted
for job in calm evicted; do
  "$oko" --quiet store cp $bucket/jobs/$job/run/model.oko "$servers_work/$job.oko"
done
cmp <(weights "$servers_work/calm.oko") <(weights "$servers_work/evicted.oko")
echo "evicted and calm: equal to the bit"

begin "cancelled"
submit cancelled 200
wait_for 120 has_checkpoint cancelled
expect cancelled "$oko" job cancel cancelled
gone cancelled || fail "the job is still there"
"$oko" job retry cancelled 2>&1 | grep -v warning
wait_for 60 state_is cancelled running
expect "attempt 2" "$oko" job show cancelled
"$oko" job cancel cancelled

begin "an image that does not exist"
image=registry.example/missing:1 submit image 1
wait_for 30 state_is image queued:.*missing
"$oko" job show image
# Its end is played by hand: 1.20 would try again for ten minutes.
api PATCH /apis/batch/v1/namespaces/default/jobs/image/status '{"status": {"conditions": [{
  "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}}' \
  application/merge-patch+json >/dev/null
expect "failed" "$oko" job show image
expect "earlier run" "$oko" job retry image
wait_for 30 state_is image queued:.*missing
"$oko" job cancel image
wait_for 30 gone image

begin "a GPU that no node has, for one who may not see the nodes and for one who may"
submit gpu 1 --cloud gke --gpu-type L4
wait_for 30 state_is gpu queued:.*node
"$oko" job show gpu
as admin
expect nvidia-tesla-t4 "$oko" job show gpu
as oko
"$oko" job cancel gpu

begin "more GPUs than a node has"
submit gpus 1 --gpus 3
wait_for 30 state_is gpus queued:.*nvidia.com/gpu
"$oko" job show gpus
"$oko" job cancel gpus

begin "a secret that does not exist"
secret=no-such submit secret 1
wait_for 30 state_is secret 'queued:.*no-such'
"$oko" job show secret
"$oko" job cancel secret

begin "a quota that is used up"
api POST /api/v1/namespaces/default/resourcequotas '{"apiVersion": "v1", "kind": "ResourceQuota",
  "metadata": {"name": "few"}, "spec": {"hard": {"requests.nvidia.com/gpu": "0"}}}' >/dev/null
sleep 2
submit quota 1 --gpus 1
wait_for 30 state_is quota 'queued:.*quota'
"$oko" job show quota
"$oko" job cancel quota

begin "a training that fails: this old server starts it again, and that is not its end"
program=$(readlink "$cluster/bin/oko")
rm "$cluster/bin/oko"
printf '#!/bin/sh\n[ "$1" != train ] || exit 3\nOKO_PROGRAM=$0 exec %s "$@"\n' "$program" \
  >"$cluster/bin/oko"
chmod +x "$cluster/bin/oko"
submit fails 1 >/dev/null
wait_for 60 state_is fails 'queued: failed: the training ended with code 3; its engine starts it again'
"$oko" job show fails
expect "fails: failed" "$oko" job cancel fails
gone fails || fail "the job is still there"
ln -sf "$program" "$cluster/bin/oko"

begin "an exec plugin"
as plugin
submit plugin 1
"$oko" job wait plugin
echo "the plugin was asked $(wc -l <"$cluster/logins") times by two commands"

begin "a certificate of another name, and one of another authority"
authority="certificate-authority: ./ca.crt"
make_kubeconfig named "$(with_certificate oko)" "$authority
    tls-server-name: kubernetes.test"
as named
expect 'no node can take it' show_when_queued named
make_kubeconfig misnamed "$(with_certificate oko)" "$authority
    tls-server-name: other.test"
as misnamed
expect tls-server-name submit refused 1
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$cluster/other.key" -out "$cluster/other.crt" \
  -days 2 -subj /CN=other 2>/dev/null
make_kubeconfig stranger "$(with_certificate oko)" "certificate-authority: ./other.crt"
as stranger
expect certificate-authority submit refused 1

begin "401, 403, 404, 409, 422"
as wrong
expect 401 submit refused 1
as nobody
expect 'cannot create resource' submit refused 1
as admin
expect '--namespace' submit refused 1 --namespace no-such
as oko
api POST /apis/batch/v1/namespaces/default/jobs '{"apiVersion": "batch/v1", "kind": "Job",
  "metadata": {"name": "taken"}, "spec": {"suspend": true, "template": {"spec": {
  "restartPolicy": "Never", "containers": [{"name": "x", "image": "x"}]}}}}' >/dev/null
expect 'another job called taken' submit taken 1
api POST /api/v1/namespaces/default/persistentvolumeclaims '{"apiVersion": "v1",
  "kind": "PersistentVolumeClaim", "metadata": {"name": "photos"}, "spec": {
  "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}' >/dev/null
expect 'must be unique' submit refused 1 --gpus 1 --node-selector disk=ssd --volume photos:/dev/shm

begin "several workers, which 1.20 does not have"
expect 'too old for several workers' submit workers 1 --workers 2
gone workers || fail "there is a job"

echo
echo "all as expected"
