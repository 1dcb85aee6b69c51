# A real Kubernetes 1.20 on loopback for test scripts: `. cluster.sh`, then start_cluster PROGRAMS
# (what build_server.sh prints) and start_node NAME GPUS. Everything is below $cluster, a new folder;
# stop_cluster, which must run at the end (trap it on EXIT), ends all and removes it.

cluster_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster=$(mktemp -d)
cluster_pids=()

stop_cluster() {
  local pid
  for pid in "${cluster_pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${cluster_pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  cluster_pids=()
  [ -n "${OKO_KEEP:-}" ] || rm -rf "$cluster"
}

# run_in_cluster NAME COMMAND…: in the background, output to $cluster/NAME.log
run_in_cluster() {
  local name=$1
  shift
  "$@" >"$cluster/$name.log" 2>&1 &
  cluster_pids+=($!)
}

cluster_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo $port
}

# make_certificate NAME SUBJECT
make_certificate() {
  openssl req -newkey rsa:2048 -nodes -keyout "$cluster/$1.key" -out "$cluster/$1.csr" \
    -subj "$2" 2>/dev/null
  openssl x509 -req -in "$cluster/$1.csr" -CA "$cluster/ca.crt" -CAkey "$cluster/ca.key" \
    -CAcreateserial -days 2 -out "$cluster/$1.crt" 2>/dev/null -extfile <(
      printf 'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.test\n'
      printf 'extendedKeyUsage=serverAuth,clientAuth\n')
}

# make_kubeconfig NAME USER [CLUSTER]: YAML of a user, and of more that is said of the cluster
make_kubeconfig() {
  cat >"$cluster/$1.kubeconfig" <<CONFIG
apiVersion: v1
kind: Config
current-context: $1
contexts: [{name: $1, context: {cluster: test, user: $1, namespace: default}}]
clusters:
- name: test
  cluster:
    server: https://127.0.0.1:$api_port
    ${3:-"certificate-authority-data: $(base64 -w0 "$cluster/ca.crt")"}
users:
- name: $1
  user: $2
CONFIG
}

# with_certificate NAME: the user of a client certificate, as data
with_certificate() {
  echo "{client-certificate-data: $(base64 -w0 "$cluster/$1.crt")," \
    "client-key-data: $(base64 -w0 "$cluster/$1.key")}"
}

# api METHOD PATH [BODY [TYPE]]: as the administrator
api() {
  local method=$1 path=$2
  shift 2
  curl -sS --noproxy '*' --cacert "$cluster/ca.crt" --cert "$cluster/admin.crt" \
    --key "$cluster/admin.key" -X "$method" "https://127.0.0.1:$api_port$path" \
    ${1:+-H "Content-Type: ${2:-application/json}" -d "$1"}
}

wait_for() {  # wait_for SECONDS COMMAND…
  local tries=$(($1 * 5))
  shift
  until "$@"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "gave up waiting for: $*" >&2; return 1; }
    sleep .2
  done
}

is_ready() { [ "$(api GET /readyz 2>/dev/null)" = ok ]; }

start_cluster() {
  local programs=$1 etcd_port peer_port
  api_port=$(cluster_port) etcd_port=$(cluster_port) peer_port=$(cluster_port)
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$cluster/ca.key" -out "$cluster/ca.crt" \
    -days 2 -subj /CN=oko-test-ca 2>/dev/null
  make_certificate server /CN=kube-apiserver
  make_certificate admin /O=system:masters/CN=admin
  make_certificate oko /CN=oko
  make_certificate controllers /O=system:masters/CN=system:kube-controller-manager
  make_certificate scheduler /CN=system:kube-scheduler
  openssl genrsa -out "$cluster/accounts.key" 2048 2>/dev/null
  openssl rsa -in "$cluster/accounts.key" -pubout -out "$cluster/accounts.pub" 2>/dev/null
  echo 'token-of-the-plugin,oko,1001' >"$cluster/tokens"
  for name in admin oko controllers scheduler; do
    make_kubeconfig $name "$(with_certificate $name)"
  done
  run_in_cluster etcd etcd --data-dir "$cluster/etcd" --unsafe-no-fsync --log-level error \
    --listen-client-urls "http://127.0.0.1:$etcd_port" \
    --advertise-client-urls "http://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:$peer_port" \
    --initial-advertise-peer-urls "http://127.0.0.1:$peer_port" \
    --initial-cluster "default=http://127.0.0.1:$peer_port"
  run_in_cluster apiserver "$programs/kube-apiserver" \
    --etcd-servers="http://127.0.0.1:$etcd_port" --bind-address=127.0.0.1 \
    --advertise-address=127.0.0.1 --secure-port="$api_port" --insecure-port=0 \
    --tls-cert-file="$cluster/server.crt" --tls-private-key-file="$cluster/server.key" \
    --client-ca-file="$cluster/ca.crt" --token-auth-file="$cluster/tokens" \
    --service-account-key-file="$cluster/accounts.pub" \
    --service-account-signing-key-file="$cluster/accounts.key" \
    --service-account-issuer="https://127.0.0.1:$api_port" \
    --service-cluster-ip-range=10.96.0.0/24 --authorization-mode=RBAC \
    --kubelet-client-certificate="$cluster/admin.crt" --kubelet-client-key="$cluster/admin.key" \
    --kubelet-preferred-address-types=InternalIP --disable-admission-plugins=ServiceAccount
  wait_for 60 is_ready
  run_in_cluster controllers "$programs/kube-controller-manager" \
    --kubeconfig="$cluster/controllers.kubeconfig" --bind-address=127.0.0.1 \
    --secure-port="$(cluster_port)" --port=0 --leader-elect=false \
    --service-account-private-key-file="$cluster/accounts.key" \
    --root-ca-file="$cluster/ca.crt" \
    --controllers='*,-nodeipam,-route,-service,-cloud-node-lifecycle,-attachdetach'
  run_in_cluster scheduler "$programs/kube-scheduler" \
    --kubeconfig="$cluster/scheduler.kubeconfig" --bind-address=127.0.0.1 \
    --secure-port="$(cluster_port)" --port=0 --leader-elect=false
}

# start_node NAME GPUS PATH: runs pods as processes that find their programs in PATH
start_node() {
  run_in_cluster "node-$1" env PATH="$3:$PATH" node "$cluster_here/test_node.mjs" \
    "$cluster" "$api_port" "$1" "$2" "$(cluster_port)"
}
