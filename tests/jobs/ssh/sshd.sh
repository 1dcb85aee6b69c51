#!/usr/bin/env bash
# SSH servers on loopback for tests, each with its own home folder and host key.
#   sshd.sh start FOLDER HOST…   starts one for each name; FOLDER/config is ssh's configuration for
#                                them. Ends with 77 if there is no sshd. FOLDER must be new.
#   sshd.sh stop FOLDER          ends them, their sessions and shared connections
# The environment for oko is printed by start: OKO_SSH and XDG_RUNTIME_DIR. Settings from outside:
#   OKO_TEST_FORCE_COMMAND   what runs instead of a command: 'fish -c "$SSH_ORIGINAL_COMMAND"'
#   OKO_TEST_VARIABLES       environment of what runs there: 'NAME=VALUE …'
#   OKO_TEST_ADDRESS         to listen on instead of 127.0.0.1
#   OKO_TEST_INSIDE          words that start the servers: "nsenter -t 4711 -n"
set -euo pipefail
mode=$1 folder=$2
shift 2

# A session's processes are children of its server's.
stop_server() {
  local pid=$1 session
  for session in $(ps -o pid= --ppid "$pid" 2>/dev/null) $pid; do kill "$session" 2>/dev/null || true; done
}
stop_all() {
  local file socket
  for socket in "$folder"/run/oko-ssh/*; do
    [ ! -S "$socket" ] || ssh -F /dev/null -S "$socket" -O exit any 2>/dev/null || true
  done
  for file in "$folder"/*/pid; do
    [ ! -s "$file" ] || stop_server "$(cat "$file")"
  done
}
if [ "$mode" = stop ]; then
  stop_all
  exit 0
fi

sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || { echo "skipped: there is no sshd" >&2; exit 77; }
# Its own rule: root's servers need this folder.
if [ "$(id -u)" = 0 ]; then mkdir -p -m 755 /run/sshd; fi
address=${OKO_TEST_ADDRESS:-127.0.0.1}
umask 077
mkdir -p "$folder/run"
ssh-keygen -q -t ed25519 -N '' -f "$folder/key"
cat >"$folder/config" <<EOF
Host *
  IdentityFile $folder/key
  IdentitiesOnly yes
  UserKnownHostsFile $folder/known_hosts
  GlobalKnownHostsFile /dev/null
  User $(id -un)
EOF
for host in "$@"; do
  mkdir -p "$folder/$host/home"
  ssh-keygen -q -t ed25519 -N '' -f "$folder/$host/host_key"
  for ((tries = 0; ; ++tries)); do
    port=$((20000 + RANDOM % 20000))
    cat >"$folder/$host/sshd_config" <<EOF
ListenAddress $address:$port
HostKey $folder/$host/host_key
AuthorizedKeysFile $folder/key.pub
PidFile $folder/$host/pid
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
SetEnv HOME=$folder/$host/home${OKO_TEST_VARIABLES:+ $OKO_TEST_VARIABLES}
${OKO_TEST_FORCE_COMMAND:+ForceCommand $OKO_TEST_FORCE_COMMAND}
EOF
    if ${OKO_TEST_INSIDE:-} "$sshd" -f "$folder/$host/sshd_config" -E "$folder/$host/log"; then
      for ((i = 0; i < 50; ++i)); do [ ! -s "$folder/$host/pid" ] || break 2; sleep .1; done
    fi
    [ $tries -lt 5 ] || { cat "$folder/$host/log" >&2; stop_all; exit 1; }
  done
  printf 'Host %s\n  HostName %s\n  Port %s\n' "$host" "$address" "$port" >>"$folder/config"
  echo "[$address]:$port $(cut -d ' ' -f 1,2 "$folder/$host/host_key.pub")" >>"$folder/known_hosts"
done
echo "OKO_SSH='ssh -F $folder/config' XDG_RUNTIME_DIR='$folder/run'"
