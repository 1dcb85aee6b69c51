#!/usr/bin/env bash
# Builds kube-apiserver, kube-controller-manager and kube-scheduler 1.20 from Debian 12's source
# package with Debian's Go, once: about 860 CPU seconds, 1.4 GB of memory and 3 GB of disk while it
# builds, 250 MB afterwards. Prints the folder of the programs.
#   build_server.sh [FOLDER]     default: ~/.cache/oko-tests/kubernetes
# Needs: apt-get install golang-go golang-github-modern-go-reflect2-dev dpkg-dev
set -euo pipefail
cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/oko-tests/kubernetes}
programs="kube-apiserver kube-controller-manager kube-scheduler"

all_there() {
  local program
  for program in $programs; do [ -x "$cache/$program" ] || return 1; done
}
if all_there; then
  echo "$cache"
  exit 0
fi
reflect=/usr/share/gocode/src/github.com/modern-go/reflect2
for needed in go:golang-go dpkg-source:dpkg-dev; do
  command -v "${needed%%:*}" >/dev/null || { echo "apt-get install ${needed#*:}" >&2; exit 1; }
done
[ -d $reflect ] || { echo "apt-get install golang-github-modern-go-reflect2-dev" >&2; exit 1; }

work=$cache/build
rm -rf "$work"
mkdir -p "$work/apt/lists/partial" "$work/source" "$work/go/src/k8s.io" "$cache"
# The system's own package lists stay as they are.
cat >"$work/apt/sources.list" <<'LIST'
deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main
deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian-security bookworm-security main
LIST
apt_here() {
  apt-get -qq -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=- \
    -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt" -o APT::Sandbox::User=root "$@"
}
apt_here update >&2
(cd "$work/source" && apt_here source kubernetes >&2)
mv "$work"/source/kubernetes-*/ "$work/go/src/k8s.io/kubernetes"

# Modules would have to be updated; the vendored tree is complete.
export GOPATH=$work/go GO111MODULE=off CGO_ENABLED=0 GOCACHE=$work/gocache GOFLAGS=
cd "$GOPATH/src/k8s.io/kubernetes"
# The vendored 1.0.1 crashes the server with Go 1.18 or later.
rm -rf vendor/github.com/modern-go/reflect2
cp -rL $reflect vendor/github.com/modern-go/reflect2
# The package lacks a generated file.
go build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
packages=$(grep -rlE --include='*.go' '^\s*// \+k8s:openapi-gen=' pkg staging/src vendor/k8s.io |
  grep -v '/sample-' | xargs -n 1 dirname | sed -e 's|^staging/src/|k8s.io/kubernetes/vendor/|' \
    -e 's|^vendor/|k8s.io/kubernetes/vendor/|' -e 's|^pkg/|k8s.io/kubernetes/pkg/|' |
  sort -u | paste -sd,)
mkdir -p pkg/generated/openapi
"$work/openapi-gen" --v 1 --logtostderr --go-header-file /dev/null \
  --output-file-base zz_generated.openapi --output-package k8s.io/kubernetes/pkg/generated/openapi \
  --output-base "$work/go/src" --input-dirs "$packages" --report-filename "$work/violations" >&2

link="-s -w"
for package in component-base/version client-go/pkg/version; do
  path=k8s.io/kubernetes/vendor/k8s.io/$package
  link="$link -X $path.gitVersion=v1.20.2 -X $path.gitMajor=1 -X $path.gitMinor=20"
done
for program in $programs; do
  [ ! -x "$cache/$program" ] || continue
  go build -p 2 -ldflags "$link" -o "$cache/$program.new" "./cmd/$program"
  mv "$cache/$program.new" "$cache/$program"
  echo "built $program" >&2
done
cd /
rm -rf "$work"
echo "$cache"
