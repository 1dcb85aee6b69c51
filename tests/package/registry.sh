#!/usr/bin/env bash
# `oko job image` with a third-party registry, docker-registry: htpasswd and token logins, uploads,
# mounts, bases; what it wrote is read by a third-party client, skopeo.
#   registry.sh OKO TOKEN_SERVER
# A small program stands in for oko, so that images are made quickly.
set -euo pipefail
oko=$1 token_server=$2
. "$(dirname "$0")/../storage/servers.sh"
trap stop_servers EXIT
for program in docker-registry skopeo openssl; do
  command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit 77; }
done
unset https_proxy http_proxy DOCKER_CONFIG XDG_RUNTIME_DIR GOOGLE_APPLICATION_CREDENTIALS
export HOME=$servers_work TMPDIR=$servers_work/tmp
mkdir "$TMPDIR"
work=$servers_work
password='pass word:9' identity=secret-identity
# htpasswd -Bbn oko 'pass word:9'
htpasswd='oko:$2y$05$kNZWxmyNdCch/O.yK5i7QOAa0H7zTf8C1P09xkFOXJ0qawtkklS6a'

fail() { echo "FAILED: $*" >&2; exit 1; }
# expect CODE COMMAND…: what it prints goes to $work/out and $work/err
expect() {
  local wanted=$1 code=0
  shift
  "$@" >"$work/out" 2>"$work/err" || code=$?
  [ $code = "$wanted" ] || { cat "$work/out" "$work/err" >&2; fail "code $code, not $wanted: $*"; }
  ! grep -qF -e "$password" -e "$identity" -e "$(printf 'oko:%s' "$password" | base64)" \
    "$work/out" "$work/err" || fail "a secret was printed: $*"
}
value() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/out" "$1"; }

# start_registry NAME AUTH: sets NAME to its address
start_registry() {
  local port tries=0
  port=$(free_port)
  cat >"$work/$1.yml" <<END
version: 0.1
log: {level: info, accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: $work/$1-data}}
http: {addr: "127.0.0.1:$port"}
$2
END
  # It takes variables that begin with REGISTRY_ for settings.
  run_server "$1" env -u REGISTRY_AUTH_FILE docker-registry serve "$work/$1.yml"
  until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || { cat "$work/$1.err" >&2; fail "docker-registry did not start"; }
    sleep .05
  done
  printf -v "$1" '127.0.0.1:%s' "$port"
}

# make_program WORD: an installation whose programs print WORD at their end
make_program() {
  mkdir -p "$work/$1/bin" "$work/$1/libexec"
  for name in bin/oko libexec/oko-commands; do
    cp /bin/cat "$work/$1/$name"
    echo "$1" >>"$work/$1/$name"
  done
  cp "$(dirname "$oko")"/../libexec/oko-{launcher,stand-in.so} "$work/$1/libexec/"
}
make_program one
make_program two
image() { "$oko" --json job image --program "$work/one/bin/oko" "$@"; }

# --- htpasswd
echo "$htpasswd" >"$work/users"
start_registry basic "auth: {htpasswd: {realm: oko, path: $work/users}}"
expect 2 image "$basic/team/oko:1"  # no login
printf '{"auths": {"%s": {"auth": "%s"}}}' "$basic" "$(printf 'oko:wrong' | base64)" >"$work/logins"
export REGISTRY_AUTH_FILE=$work/logins
expect 2 image "$basic/team/oko:1"
printf '{"auths": {"%s": {"auth": "%s"}}}' "$basic" "$(printf 'oko:%s' "$password" | base64)" \
  >"$work/logins"
expect 0 image "$basic/team/oko:1"
[ "$(value uploaded)" = 2 ] || fail "not both layers were uploaded"
digest=$(value digest)
expect 0 image "$basic/team/oko:2"
[ "$(value already_there) $(value uploaded_bytes) $(value digest)" = "2 0 $digest" ] ||
  fail "the same image was uploaded again"
expect 0 "$oko" --json job image --program "$work/two/bin/oko" "$basic/team/oko:3"
[ "$(value uploaded) $(value already_there)" = "1 1" ] || fail "the libraries were uploaded again"
echo "htpasswd: pushed; again: nothing; another program: one layer"

# --- what skopeo says
inspected=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$basic/team/oko:1")
[ "$inspected" = "$digest" ] || fail "skopeo sees $inspected, not $digest"
skopeo copy -q --src-tls-verify=false "docker://$basic/team/oko:1" "oci:$work/pulled:1"
expect 0 image "$basic/team/oko:1" --to "$work/layout/"
[ "$(value digest)" = "$digest" ] || fail "on disk it is another image"
for blob in "$work"/layout/blobs/sha256/*; do
  cmp "$blob" "$work/pulled/blobs/sha256/${blob##*/}"
  echo "${blob##*/}  $blob" | sha256sum -c --quiet
done
expect 0 image --archive "$work/a.tar"
expect 0 image --archive "$work/b.tar"
cmp "$work/a.tar" "$work/b.tar"
skopeo inspect "oci-archive:$work/a.tar" >/dev/null
expect 0 env SOURCE_DATE_EPOCH=1000000000 "$oko" --json job image --program "$work/one/bin/oko" \
  --archive "$work/c.tar"
[ "$(skopeo inspect --format '{{.Created.Year}}' "oci-archive:$work/c.tar")" = 2001 ] ||
  fail "SOURCE_DATE_EPOCH is not the time of creation"
echo "skopeo: the same digest, and blobs of the same bytes"

# --- token
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=oko-test -keyout "$work/token.key" \
  -out "$work/token.crt" 2>/dev/null
run_server tokens "$token_server" --key "$work/token.key" --certificate "$work/token.crt" \
  --service registry.test --user oko --password "$password" --identity "$identity"
tokens=$(first_line tokens)
start_registry token "auth: {token: {realm: \"http://127.0.0.1:$tokens/token\",
  service: registry.test, issuer: oko-test, rootcertbundle: $work/token.crt}}"
expect 2 image "$token/team/oko:1"  # anonymous tokens may not push
grep -q '^anonymous repository:team/oko:pull,push$' "$work/tokens.out" || fail "another scope"
# By a credential helper.
mkdir "$work/bin"
cat >"$work/bin/docker-credential-oko-test" <<END
#!/bin/sh
read -r server
[ "\$1 \$server" = "get $token" ] || exit 1
echo '{"ServerURL": "", "Username": "oko", "Secret": "$password"}'
END
chmod +x "$work/bin/docker-credential-oko-test"
export PATH=$work/bin:$PATH
printf '{"auths": {"%s": {"auth": "%s"}}, "credHelpers": {"%s": "oko-test"}}' "$basic" \
  "$(printf 'oko:%s' "$password" | base64)" "$token" >"$work/logins"
expect 0 image "$token/public/oko:1"
[ "$(value digest)" = "$digest" ] || fail "another image"
# By an identity token.
printf '{"auths": {"%s": {"auth": "%s"}, "%s": {"identitytoken": "%s"}}}' "$basic" \
  "$(printf 'oko:%s' "$password" | base64)" "$token" "$identity" >"$work/logins"
expect 0 image "$token/team/oko:1"
[ "$(value digest)" = "$digest" ] || fail "another image"
skopeo inspect --tls-verify=false --no-creds "docker://$token/public/oko:1" >/dev/null
echo "token: denied without a login, pushed with a helper's and with an identity token"

# --- a base in the same registry is mounted, one in another is copied
reads() { grep -c "GET /v2/.*/blobs/" "$work/$1.out" "$work/$1.err" | awk -F: '{n += $2} END {print n}'; }
before=$(reads token)
expect 0 "$oko" --json job image --program "$work/two/bin/oko" "$token/team/derived:1" \
  --base "$token/public/oko@$digest"
[ "$(value mounted)" = 2 ] || fail "the base's layers were not mounted"
[ $(($(reads token) - before)) = 1 ] || fail "more than the base's configuration was downloaded"
skopeo copy -q --src-tls-verify=false --src-creds "oko:$password" "docker://$token/team/derived:1" \
  "oci:$work/derived:1"
skopeo inspect --tls-verify=false --creds "oko:$password" "docker://$token/team/derived:1" \
  >"$work/out"
[ "$(python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["Layers"]))' "$work/out")" = 4 ] ||
  fail "not four layers"
expect 0 "$oko" --json job image --program "$work/two/bin/oko" "$basic/team/derived:1" \
  --base "$token/public/oko:1"
derived=$(value digest)
[ "$(value uploaded)" -ge 1 ] || fail "nothing was uploaded"
expect 0 "$oko" --json job image --program "$work/two/bin/oko" --archive "$work/derived.tar" \
  --base "$token/public/oko:1"
[ "$(value digest)" = "$derived" ] || fail "the archive has another image"
skopeo copy -q "oci-archive:$work/derived.tar" "dir:$work/derived-dir"
expect 3 image "$basic/team/oko:1" --base "$basic/team/none:1"
expect 2 image "$basic/team/../oko:1"
# --- interrupted: nothing is left
"$oko" job image --program "$work/one/bin/oko" --archive "$work/stopped.tar" >"$work/out" 2>&1 &
stopped=$!
until ls -A "$TMPDIR" | grep -q .; do kill -0 $stopped || fail "it ended before it was stopped"; sleep .01; done
kill -TERM $stopped
code=0
wait $stopped || code=$?
[ $code = 130 ] || fail "code $code, not 130, when it was interrupted"
[ ! -e "$work/stopped.tar" ] || fail "an interrupted archive is there"
expect 2 image --to "$work/layout"  # is not empty
expect 2 image --to "$work/x" --archive "$work/x.tar"
echo "base: mounted in the same registry, copied from another, complete on disk"
! ls -A "$TMPDIR" | grep -q . || fail "something is left in $TMPDIR"
