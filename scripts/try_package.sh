#!/usr/bin/env bash
# Trains where nothing of oko is installed: from the bundle in an empty root and in roots of other
# distributions, and from the image that podman pulls from a registry. Prints sizes and times.
# Run it manually, as root, after a build with training.
#
#   scripts/try_package.sh [--suite SUITE]… [--no-podman]
#
#   --suite SUITE   also in a minimal Debian of that release (bullseye, trixie), by debootstrap
#   --no-podman     without the image; otherwise docker-registry, skopeo, podman and runc are needed
#   --program FILE  bin/oko to pack; otherwise build/release/oko/cli/oko
#
# Everything is in a temporary folder, and mounted in a separate namespace, which ends with the
# script.
set -euo pipefail
usage() { sed -n '2,14s/^# \{0,1\}//p' "$0"; }
if [[ ${OKO_TRY_INSIDE:-} != yes ]]; then
  [[ $(id -u) == 0 ]] || { echo "try_package: run as root (chroot and mounts need it)" >&2; exit 1; }
  OKO_TRY_INSIDE=yes exec unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi
unset OKO_TRY_INSIDE

suites=() podman=yes program=""
while (($#)); do
  case "$1" in
    --suite) suites+=("${2:?}"); shift ;;
    --no-podman) podman=no ;;
    --program) program=$(realpath -e "${2:?}"); shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
cd "$(dirname "$0")/.."
oko=$PWD/build/release/oko/cli/oko
[[ -n $program ]] || program=$oko
demo=$PWD/build/release/examples/demo_dataset/oko_demo_dataset
work=$(mktemp -d)
clean_up() {
  if [[ -n ${registry:-} ]]; then kill "$registry" && wait "$registry" || true; fi
  umount -q -R "$work"/roots/*/{proc,data} 2> /dev/null || true
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

training=(train /data --network yolo-fastest --from none --width 96 --height 96 --epochs 2 --frozen-epochs 0
  --batch 16 --device cpu)
step() {  # step NAME COMMAND…: the command's last lines, and its time
  local name=$1 begin=$SECONDS
  shift
  "$@" > "$work/output" 2>&1 || { cat "$work/output" >&2; echo "FAILED: $name" >&2; exit 1; }
  tail -n "${lines:-1}" "$work/output" | sed 's/^/    /'
  echo "$name: $((SECONDS - begin)) s"
}

mapfile -t photographs < <(dpkg -L lomiri-wallpapers-16.04 | grep '\.jpg$')
"$demo" "$work/data" "${photographs[@]}" > /dev/null 2>&1

# try_root NAME: in the root $work/roots/NAME
try_root() {
  local root=$work/roots/$1 name=$1
  mkdir -p "$root"/{proc,dev,tmp,data,runs,"opt/a folder"}
  [[ -e $root/dev/null ]] || mknod "$root/dev/null" c 1 3
  [[ -e $root/dev/urandom ]] || mknod "$root/dev/urandom" c 1 9
  mount -t proc proc "$root/proc"
  mount --bind -o ro "$work/data" "$root/data"
  tar xzf "$work/oko.tar.gz" -C "$root/opt/a folder"
  step "$name: oko --version" chroot "$root" "/opt/a folder/oko/oko" --version
  lines=2 step "$name: trained" chroot "$root" "/opt/a folder/oko/oko" "${training[@]}" \
    --out /runs/1
  [[ -s $root/runs/1/model.oko ]]
  umount "$root/proc" "$root/data"
}

lines=2 step bundled "$oko" job bundle "$work/oko.tar.gz" --program "$program"
mkdir -p "$work/roots/nothing else"
try_root "nothing else"
rm -rf "$work/roots/nothing else"
for suite in "${suites[@]}"; do
  step "$suite: installed" debootstrap --variant=minbase "$suite" "$work/roots/$suite" \
    "${OKO_MIRROR:-http://deb.debian.org/debian}"
  echo "    $(chroot "$work/roots/$suite" ldd --version | head -n 1)"
  try_root "$suite"
  rm -rf --one-file-system "${work:?}/roots/$suite"
done
[[ $podman == yes ]] || exit 0

port=$((20000 + RANDOM % 12000))
cat > "$work/registry.yml" << END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:$port"}
END
docker-registry serve "$work/registry.yml" > "$work/registry.log" 2>&1 &
registry=$!
until (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do sleep .1; done
image=127.0.0.1:$port/oko:1
lines=6 step "image pushed" "$oko" job image "$image" --program "$program"
skopeo inspect --tls-verify=false --format '    skopeo sees {{.Digest}}' "docker://$image"

# crun, the default, does not start in every container; runc does. The limits may be below podman's
# own.
with_podman() {
  podman --root "$work/podman" --runroot "$work/podman-run" --storage-driver vfs --runtime runc \
    --cgroup-manager=cgroupfs "$@"
}
run_image() {
  with_podman run --rm --network=none --ulimit nofile=1024:1024 --ulimit nproc=4000:4000 \
    -v "$work/data:/data:ro" -v "$work/runs:/runs" "$image" "$@"
}
mkdir -p "$work/runs"
step "podman: pulled" with_podman pull -q --tls-verify=false "$image"
step "podman: oko --version" run_image --version
lines=2 step "podman: trained" run_image "${training[@]}" --out /runs/1
[[ -s $work/runs/1/model.oko ]]
with_podman rmi -a -f > /dev/null
