#!/bin/sh
# Builds oko-bench, the program that `oko bench --adb` runs on a phone: one static file for each kind
# of processor, build/bench/oko-bench-ABI.
#
#   scripts/build_bench.sh                   for arm64-v8a
#   scripts/build_bench.sh ABI…              for these: arm64-v8a, armeabi-v7a, x86_64
#   scripts/build_bench.sh -o FOLDER [ABI…]  to FOLDER: with PREFIX/share/oko/bench of an installed oko,
#                                            oko bench finds them by itself
#
# With Android's NDK if ANDROID_NDK_HOME names its folder, else with Debian's cross compilers: a static
# program needs nothing of the system but its kernel, which is Linux on phones, too.
set -eu
repository=$(cd "$(dirname "$0")/.." && pwd)
out=$repository/build/bench
case "${1:-}" in
  -o) [ $# -gt 1 ] || { echo "build_bench: -o needs a folder" >&2; exit 2; }
    mkdir -p "$2"; out=$(cd "$2" && pwd); shift 2 ;;
  -*) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
abis=${*:-arm64-v8a}
cd "$repository"
mkdir -p "$out"

for abi in $abis; do
  build=build/bench/$abi
  case "$abi" in
    arm64-v8a) preset=arm64 ;;
    armeabi-v7a) preset=armv7 ;;
    x86_64) preset=phone ;;
    *) echo "build_bench: unknown ABI $abi: arm64-v8a, armeabi-v7a, x86_64" >&2; exit 2 ;;
  esac
  set -- -DCMAKE_BUILD_TYPE=MinSizeRel -DOKO_DESKTOP=OFF -DOKO_SEAL=OFF -DOKO_TESTS=OFF -DOKO_EXAMPLES=OFF \
    -DOKO_BENCH_STATIC=ON
  if [ -n "${ANDROID_NDK_HOME:-}" ]; then
    cmake -S . -B "$build" -G Ninja "$@" -DANDROID_ABI="$abi" -DANDROID_PLATFORM=android-24 \
      -DANDROID_STL=c++_static -DCMAKE_PROJECT_INCLUDE="$PWD/cmake/cross.cmake" \
      -DCMAKE_TOOLCHAIN_FILE="$ANDROID_NDK_HOME/build/cmake/android.toolchain.cmake" >/dev/null
  else
    case "$preset" in
      phone) scripts/setup.sh --phone ;;
      *) scripts/setup.sh --$preset; set -- "$@" -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/$preset.cmake" ;;
    esac
    cmake -S . -B "$build" -G Ninja "$@" >/dev/null
  fi
  cmake --build "$build" --target oko-bench
  strip=$(sed -n 's/^CMAKE_STRIP:[A-Z]*=//p' "$build/CMakeCache.txt")
  "$strip" -o "$out/oko-bench-$abi" "$build/oko/bench/oko-bench"
  echo "build_bench: $out/oko-bench-$abi"
done
