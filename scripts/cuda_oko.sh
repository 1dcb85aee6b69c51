#!/usr/bin/env bash
# Builds an oko that trains on NVIDIA's GPUs, with Debian 13's LibTorch for CUDA in a chroot of its
# own, and writes it as a bundle (docs/images.md). No GPU is needed.
# Run it manually, as root, on a machine with debootstrap and git; it builds a clean clone of HEAD.
#
#   scripts/cuda_oko.sh oko-cuda.tar.gz
#
# OKO_ROOTS names the folder of the chroot (/var/tmp/oko-roots; about 15 GB), OKO_MIRROR Debian's
# mirror. Debian's package of cuDNN downloads it from NVIDIA, under NVIDIA's license.
set -euo pipefail
usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }
[[ $# == 1 && $1 != -* ]] || { usage >&2; exit 2; }
[[ $(id -u) == 0 ]] || { echo "cuda_oko: run as root (chroot and mounts need it)" >&2; exit 1; }
for program in debootstrap git unshare; do
  command -v $program > /dev/null || { echo "cuda_oko: $program is missing" >&2; exit 1; }
done
# In separate namespaces: processes and mounts of the chroot end with the script.
if [[ ${OKO_TRY_INSIDE:-} != yes ]]; then
  OKO_TRY_INSIDE=yes exec unshare --mount --pid --fork --kill-child "$0" "$(realpath "$1")"
fi
bundle=$1
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
# What the build needs, without LibTorch for the CPU and what only tests and the demo use.
mapfile -t packages < <(in_root sh -c 'cd /root/oko && scripts/setup.sh --list' |
  sed -n 's/^setup: missing: *//p' | tr ' ' '\n' | sed 's/|.*//' |
  grep -vxE 'libtorch-dev|libgloo-dev|clang.*|libclang.*|lomiri.*|fonts-.*|rclone|libonnx-dev|python3-.*|libarmnn.*|libheif-plugin-.*')
# Caffe2's CMake package looks for nvcc.
in_root apt-get install -y -qq --no-install-recommends libtorch-cuda-dev libgloo-cuda-dev \
  libnccl-dev nvidia-cuda-toolkit "${packages[@]}"
in_root sh -c 'cd /root/oko && cmake --preset release -DOKO_TESTS=OFF -DOKO_EXAMPLES=OFF &&
  cmake --build --preset release --target oko'
in_root /root/oko/build/release/oko/cli/oko job bundle /root/oko-cuda.tar.gz
mv "$root/root/oko-cuda.tar.gz" "$bundle"
