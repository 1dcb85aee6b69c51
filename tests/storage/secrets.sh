#!/usr/bin/env bash
# Failing runs with maximum verbosity: no secret may be in what they print or write.
#   secrets.sh OKO FOLDER_OF_TEST_SERVERS [s3rver|radosgw]
# With a server given, also a successful run and one rejected for a wrong secret.
set -euo pipefail
oko=$1 servers=$2 kind=${3:-}
. "$(dirname "$0")/servers.sh"
trap stop_servers EXIT
if [ -n "$kind" ]; then start_store "$kind" "$servers" || exit 77; fi
# Rejects everything without its own token, and every account.
run_server refusing "$servers/gcs_server" --need-token
refusing=http://127.0.0.1:$(first_line refusing)
store_scheme=s3 S3_KEY=${S3_KEY:-KEY-ID} S3_SECRET=${S3_SECRET:-}
use_store "${store_port:-1}"
export OKO_RETRY_SECONDS=1

given=$servers_work/given written=$servers_work/written  # what holds secrets, and what may not
export HOME=$written/home XDG_STATE_HOME=$written/state
mkdir -p "$given" "$HOME" "$written/tree"
for i in 1 2 3; do echo "file $i" >"$written/tree/f$i"; done
head -c 40000000 /dev/zero >"$written/tree/big"  # in parts

# every_command PLACE: a line of each command's output goes to $written
runs=0
every_command() {
  local place=$1 log
  for command in "mb $place-new" "cp -v -r $written/tree $place/t" "ls -r -l $place" \
    "cat $place/t/f1" "sync -v $place/t $written/back" "rm -r $place/t"; do
    runs=$((runs + 1))
    log=$written/run-$runs
    # shellcheck disable=SC2086
    "$oko" store --requests $command >"$log.out" 2>"$log.err" </dev/null || echo "exit $?" >>"$log.err"
  done
}
# refused PLACE: runs every command; the last must fail
refused() {
  every_command "$1"
  grep -q '^exit [1-9]' "$written/run-$runs.err" || { echo "$1 was not refused" >&2; exit 1; }
}

secrets=(hush AWS4-HMAC Signature= Bearer ya29)
if [ -n "$kind" ]; then
  "$oko" --quiet store mb s3://oko-secrets
  every_command s3://oko-secrets
  # s3rver's secret is the name of its key, which may be shown.
  [ "$S3_SECRET" = "$S3_KEY" ] || secrets+=("$S3_SECRET")
  export AWS_SECRET_ACCESS_KEY=hush-wrong
  refused s3://oko-secrets
fi
export AWS_ACCESS_KEY_ID=KEY-ID AWS_SECRET_ACCESS_KEY=hush-secret AWS_SESSION_TOKEN=hush-token
export AWS_ENDPOINT_URL=$refusing
refused s3://oko-secrets
export AWS_ENDPOINT_URL=http://127.0.0.1:1
refused s3://oko-secrets
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
printf '[default]\naws_access_key_id = KEY-ID\naws_secret_access_key = hush-file\n' >"$given/aws"
export AWS_SHARED_CREDENTIALS_FILE=$given/aws AWS_ENDPOINT_URL=$refusing
refused s3://oko-secrets
printf '[default]\nhush-broken-line\n' >"$given/aws"
refused s3://oko-secrets

printf '{"type":"authorized_user","client_id":"c","client_secret":"hush-client",
  "refresh_token":"","token_uri":"%s/token"}' "$refusing" >"$given/user.json"
printf '{"type":"authorized_user","client_id":"hush"' >"$given/broken.json"
accounts=(user broken)
if command -v openssl >/dev/null; then
  openssl genpkey -algorithm RSA -out "$given/key.pem" 2>/dev/null
  python3 - "$given/key.pem" "$refusing/token" >"$given/service.json" <<'PY'
import json, sys
print(json.dumps({'type': 'service_account', 'client_email': 'a@b', 'private_key_id': 'hush-key-id',
                  'private_key': open(sys.argv[1]).read(), 'token_uri': sys.argv[2]}))
PY
  secrets+=("$(sed -n 5p "$given/key.pem")" "PRIVATE KEY" assertion=)
  accounts+=(service)
fi
unset STORAGE_EMULATOR_HOST
for account in "${accounts[@]}"; do
  export GOOGLE_APPLICATION_CREDENTIALS=$given/$account.json
  refused gs://oko-secrets
done

grep -rq 'GET http://' "$written" || { echo "no request was told" >&2; exit 1; }
for secret in "${secrets[@]}"; do
  if grep -rlF -e "$secret" "$written"; then
    echo "there is a secret in it: ${secret:0:4}…" >&2
    exit 1
  fi
done
echo "${kind:+$kind and }servers that refuse: $runs commands told no secret"
