#!/usr/bin/env bash
# Builds oko with Debian 13's LibTorch for CUDA, in a chroot of its own. No GPU is needed. Then
#   chroot ROOT PREFIX/bin/oko job image REGISTRY/NAME:TAG
# makes a container image that trains on NVIDIA's GPUs, and `job bundle` an archive (docs/images.md).
# Run it manually, as root, on a machine with debootstrap and git; it builds a clean clone of HEAD.
#
#   scripts/cuda_oko.sh PREFIX
#
# PREFIX is where oko is installed in the chroot: /opt/oko-cuda. OKO_ROOTS names the folder of the
# chroot (/var/tmp/oko-roots; about 20 GB with CUDA), OKO_MIRROR Debian's mirror, OKO_TARGETS what
# is built and not installed, instead of everything.
set -euo pipefail
usage() { sed -n '2,12s/^# \{0,1\}//p' "$0"; }
prefix=${1:-}
[[ $prefix == /* ]] || { usage >&2; exit 2; }
[[ $(id -u) == 0 ]] || { echo "cuda_oko: run as root (chroot and mounts need it)" >&2; exit 1; }
for program in debootstrap git unshare; do
  command -v $program > /dev/null || { echo "cuda_oko: $program is missing" >&2; exit 1; }
done
# In a separate namespace: mounts of the chroot end with the script.
if [[ ${OKO_TRY_INSIDE:-} != yes ]]; then
  OKO_TRY_INSIDE=yes exec unshare --mount --pid --fork --kill-child "$0" "$@"
fi
cd "$(dirname "$0")/.."

roots=${OKO_ROOTS:-/var/tmp/oko-roots}
root=$roots/cuda
mkdir -p "$roots"
if [[ ! -d $root ]]; then
  rm -rf "$root.part"
  # LibTorch for CUDA is in contrib, CUDA itself in non-free.
  debootstrap --variant=minbase --components=main,contrib,non-free trixie "$root.part" \
    "${OKO_MIRROR:-http://deb.debian.org/debian}"
  mv "$root.part" "$root"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
in_root() {
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    DEBIAN_FRONTEND=noninteractive "$@"
}

rm -rf "$root/root/oko"
git clone --quiet --depth 1 "file://$PWD" "$root/root/oko"
in_root apt-get update -qq
# What the build needs, with LibTorch for CUDA in place of the usual one.
mapfile -t packages < <(in_root sh -c 'cd /root/oko && scripts/setup.sh --list' |
  sed -n 's/^setup: missing: *//p' | tr ' ' '\n' | sed 's/|.*//' |
  grep -vxE 'libtorch-dev|libgloo-dev|clang.*|libclang.*|lomiri.*|fonts-.*|rclone|libonnx-dev|python3-.*|libarmnn.*|libheif-plugin-.*')
in_root apt-get install -y -qq --no-install-recommends libtorch-cuda-dev "${packages[@]}"
in_root sh -c 'cd /root/oko && cmake --preset release -DOKO_TESTS=OFF -DOKO_EXAMPLES=OFF \
  -DCMAKE_INSTALL_PREFIX="$0" && nice cmake --build --preset release --target "$@"' \
  "$prefix" ${OKO_TARGETS:-all}
[[ -z ${OKO_TARGETS:-} ]] || exit 0
in_root cmake --install /root/oko/build/release
in_root "$prefix/bin/oko" --version
echo "next: chroot $root $prefix/bin/oko job image REGISTRY/NAME:TAG"
