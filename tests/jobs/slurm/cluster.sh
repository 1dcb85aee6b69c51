# A real Slurm of four nodes on this machine, for scripts that use it as root. Sourced, not run.
#
#   in_own_namespace "$0" "$@"     starts the script again with a network and processes of its own,
#                                  which all end with it; returns there
#   start_cluster FOLDER           partitions low (the default; may be preempted) and high; nodes n1
#                                  to n4 with 2 CPUs and a GPU of type t4 each, n4 with two GPUs
#   fail_node N                    ends a node with all that runs on it, as if it had lost power
#   stop_cluster
#   wait_for SECONDS COMMAND…      until the command succeeds

# Prints what is missing for it.
missing_for_slurm() {
  local program
  for program in sbatch slurmctld slurmd munged unshare ip; do
    command -v "$program" >/dev/null || echo "$program"
  done
  [ "$(id -u)" = 0 ] || echo "the rights of root"
  unshare --net --pid --mount-proc --fork true 2>/dev/null || echo "network namespaces"
}

in_own_namespace() {
  [ -z "${OKO_SLURM_INSIDE:-}" ] || return 0
  export OKO_SLURM_INSIDE=1
  exec unshare --net --pid --mount-proc --fork --kill-child -- "$@"
}

wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    if [ $SECONDS -ge $end ]; then
      echo "gave up waiting for: $*" >&2
      return 1
    fi
    sleep .2
  done
}

# Without an address that is not loopback no name is resolved (AI_ADDRCONFIG), and every client call
# waits for 10 s. The names of the nodes are resolved as on a real cluster.
start_network() {
  ip link set lo up
  ip link add oko0 type veth peer name oko1
  ip addr add 10.77.0.1/24 dev oko0
  ip link set oko0 up
  ip link set oko1 up
  { cat /etc/hosts; echo "127.0.0.1 $(hostname) n1 n2 n3 n4"; } >"$cluster/hosts"
  mount --bind "$cluster/hosts" /etc/hosts  # in this namespace only
}

# cred_expire: a job that is put back in the queue starts again after 10 s instead of 120.
write_configuration() {
  local host node
  host=$(hostname -s)
  cat >"$cluster/slurm.conf" <<END
ClusterName=oko
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$cluster/munge.sock,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool-%n
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd-%n.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=15
SlurmdTimeout=10
MinJobAge=600
ReturnToService=2
GresTypes=gpu
NodeName=n[1-3] NodeHostname=$host NodeAddr=127.0.0.1 Port=[17001-17003] CPUs=2 RealMemory=2000 Gres=gpu:t4:1
NodeName=n4 NodeHostname=$host NodeAddr=127.0.0.1 Port=17004 CPUs=2 RealMemory=2000 Gres=gpu:t4:2
PartitionName=low Nodes=n[1-4] Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime=20 MaxTime=600
PartitionName=high Nodes=n[1-4] PriorityTier=10 PreemptMode=OFF MaxTime=600
PartitionName=short Nodes=n[1-4] PriorityTier=1 PreemptMode=REQUEUE GraceTime=20 MaxTime=2
END
  # With character devices Slurm sets CUDA_VISIBLE_DEVICES, with plain files it does not.
  for node in 1 2 3 4 5; do mknod "$cluster/gpu$node" c 1 3; done
  for node in 1 2 3; do echo "NodeName=n$node Name=gpu Type=t4 File=$cluster/gpu$node"; done \
    >"$cluster/gres.conf"
  echo "NodeName=n4 Name=gpu Type=t4 File=$cluster/gpu[4-5]" >>"$cluster/gres.conf"
}

all_idle() { [ "$(sinfo -h -o %T 2>/dev/null | sort -u)" = idle ]; }

start_cluster() {
  cluster=$1
  mkdir -p "$cluster"/state "$cluster"/spool-n{1,2,3,4}
  chmod 755 "$cluster"
  start_network
  write_configuration
  export SLURM_CONF=$cluster/slurm.conf
  (umask 077 && head -c 1024 /dev/urandom >"$cluster/munge.key")
  munged --force --key-file="$cluster/munge.key" --socket="$cluster/munge.sock" \
    --pid-file="$cluster/munged.pid" --log-file="$cluster/munged.log" \
    --seed-file="$cluster/munged.seed" 2>"$cluster/munged.err"
  slurmctld -c -f "$SLURM_CONF"
  local node
  for node in 1 2 3 4; do slurmd -N "n$node" -f "$SLURM_CONF"; done
  wait_for 30 all_idle
}

# Ends the daemons, which write to the folder, so that it can be removed.
stop_cluster() {
  local file
  for file in "$cluster"/*.pid; do
    [ ! -e "$file" ] || kill -9 "$(cat "$file")" 2>/dev/null || true
  done
}

fail_node() {
  local process parent ids=""
  for process in /proc/[0-9]*; do
    if tr '\0' '\n' 2>/dev/null <"$process/environ" | grep -qx "SLURMD_NODENAME=n$1"; then
      parent=$(awk '/^PPid:/ { print $2 }' "$process/status")
      [ "$(cat "/proc/$parent/comm")" != slurmstepd ] || ids="$parent $ids"
      ids="$ids ${process#/proc/}"
    fi
  done
  # The daemons first: they would report the end of the others.
  kill -9 "$(cat "$cluster/slurmd-n$1.pid")" $ids 2>/dev/null || true
}
