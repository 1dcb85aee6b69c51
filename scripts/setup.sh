#!/bin/sh
# Installs what building, testing and the demo need, using only the distribution's packages
# (Debian 12 or 13). Installs only what is missing; safe to run again.
#
#   scripts/setup.sh            everything for this machine
#   scripts/setup.sh --phone    only what the phone library needs
#   scripts/setup.sh --arm64    the same, and a cross compiler and emulator for 64-bit Arm
#   scripts/setup.sh --armv7    the same for 32-bit Arm
#   scripts/setup.sh --android  the same as --phone, and what tests/android compiles with
#   scripts/setup.sh --wasm     the same as --phone, and Emscripten
#   scripts/setup.sh --list …   print what is missing and stop
set -eu

build="cmake ninja-build ccache g++ pkg-config git ca-certificates nlohmann-json3-dev
  libgtest-dev libgmock-dev libhwy-dev libsodium-dev"
desktop="libopencv-dev libjpeg-dev libpng-dev libtiff-dev libwebp-dev zlib1g-dev libtorch-dev libgloo-dev
  libopenblas-dev libpugixml-dev libyaml-cpp-dev libuchardet-dev libutf8proc-dev libtomlplusplus-dev libfmt-dev
  libcli11-dev libssl-dev libcurl4-openssl-dev libmicrohttpd-dev libqrencode-dev libbenchmark-dev protobuf-compiler libprotobuf-dev
  flatbuffers-compiler libflatbuffers-dev procps strace"
# Independent programs that run or check oko's output: used if the distribution has them. A|B means
# whichever of two names it has.
peers="libonnx-dev python3-onnx python3-h5py python3-protobuf libarmnn-dev
  libarmnntfliteparser-dev libarmnn-cpuref-backend22|libarmnn-cpuref-backend33 rclone age minisign zbar-tools libheif-dev
  libheif-plugin-libde265 libheif-plugin-aomdec"
fuzz="clang libclang-rt-dev clang-format"
arm64="g++-aarch64-linux-gnu qemu-user googletest"
android="clang lld g++-aarch64-linux-gnu g++-arm-linux-gnueabihf default-jdk-headless"
armv7="g++-arm-linux-gnueabihf qemu-user googletest"
wasm="emscripten nodejs googletest"
demo="libfreetype-dev fonts-noto-color-emoji lomiri-wallpapers-16.04"

list_only=no
packages=""
wanted=""
for argument in "$@"; do
  case "$argument" in
    --phone) packages="$packages $build" ;;
    --arm64) packages="$packages $build $arm64" ;;
    --android) packages="$packages $build $android" ;;
    --armv7) packages="$packages $build $armv7" ;;
    --wasm) packages="$packages $build $wasm" ;;
    --list) list_only=yes ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
if [ -z "$packages" ]; then
  packages="$build $desktop $fuzz $demo"
  wanted=$peers
fi

if ! command -v apt-get >/dev/null; then
  echo "setup: this system has no apt; install the equivalents of:" $packages >&2
  exit 1
fi

installed() {
  dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^ii'
}
missing_of() {
  for names in "$@"; do
    there=no
    for package in $(echo "$names" | tr '|' ' '); do
      if installed "$package"; then there=yes; fi
    done
    [ $there = yes ] || printf ' %s' "$names"
  done
}
missing=$(missing_of $packages)
wanted=$(missing_of $wanted)

if [ -z "$missing$wanted" ]; then
  echo "setup: nothing is missing"
  exit 0
fi
echo "setup: missing:$missing$wanted"
[ "$list_only" = no ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "setup: run as root, or install sudo" >&2; exit 1; }
  as_root="sudo"
fi
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
for names in $wanted; do
  known=""
  for package in $(echo "$names" | tr '|' ' '); do
    # A package may be known only as another's dependency: then it has no version.
    if apt-cache show "$package" 2>/dev/null | grep -q '^Version:'; then known=$package; fi
  done
  if [ -n "$known" ]; then
    missing="$missing $known"
  else
    echo "setup: $names is not in this distribution; the checks that use it are skipped"
  fi
done
[ -n "$missing" ] || exit 0
$as_root env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends $missing
echo "setup: done"
