#!/bin/sh
# ndk_test.sh WORK [--all]: configures the native part of the Android library for each ABI of
# apps/android/oko/build.gradle.kts, with the arguments that Gradle would pass, and compiles its JNI
# code, the C API and the int8 kernels. --all compiles everything, which takes minutes, links, and
# checks the libraries: pages of 16 KiB, the exported names, no dot product where it is not chosen.
#
# ANDROID_NDK names an NDK to do it with. Without one, a stand-in is used: clang with Android's
# triples and a toolchain file that searches as the NDK's does, but the C and C++ libraries' headers
# of Debian's cross compilers instead of Android's, and nothing to link with. That shows that the
# build configures and that the code compiles for these processors; it does not show that Android's
# own headers have all that is used.
set -eu
work=$1 all=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
gradle=$source/apps/android/oko/build.gradle.kts
skip() { echo "skipped: $*"; exit 77; }
fail() { echo "ndk_test: $*" >&2; exit 1; }

mkdir -p "$work"
work=$(cd "$work" && pwd)
# "arm64-v8a", "…" of the line abiFilters; the arguments of CMake.
abis=$(sed -n '/abiFilters/s/[^"]*"\([^"]*\)"[^"]*/\1 /gp' "$gradle")
targets=$(sed -n '/targets += /s/[^"]*"\([^"]*\)"[^"]*/\1 /gp' "$gradle")
[ -n "$abis" ] && [ -n "$targets" ] || fail "$gradle names no ABIs or targets"
sed -n 's/^ *"\(-D[^"]*\)",$/\1/p' "$gradle" | sed "s|\$repository|$source|g" >"$work/arguments"
if [ ! -d "$source/build/libsodium-1.0.18" ]; then
  echo "without sealed models: scripts/libsodium.sh has not run"
  sed -i 's/^-DOKO_SODIUM_SOURCE=.*/-DOKO_SEAL=OFF/' "$work/arguments"
fi

# sysroot ABI HEADERS CXX_HEADERS…: a folder with links, never the machine's own /usr/include, which
# has what must be found elsewhere.
sysroot() {
  root=$work/sysroot-$1 headers=$2
  shift 2
  rm -rf "$root"
  mkdir -p "$root/usr/include"
  for entry in $headers; do ln -sf "$entry" "$root/usr/include/"; done
  rm -rf "$root/usr/include/c++"
  ln -sf "$jdk/include/jni.h" "$jdk/include/linux/jni_md.h" "$root/usr/include/"
  flags=-nostdinc++
  for folder in "$@"; do
    [ -d "$folder" ] || return 1
    flags="$flags -isystem $folder"
  done
  echo "$flags" >"$root/cxxflags"
}

if [ -n "${ANDROID_NDK:-}" ]; then
  toolchain=$ANDROID_NDK/build/cmake/android.toolchain.cmake
  [ -f "$toolchain" ] || fail "ANDROID_NDK: there is no $toolchain"
else
  toolchain=$here/toolchain.cmake
  for program in clang++ ld.lld dpkg; do
    command -v $program >/dev/null || skip "neither ANDROID_NDK nor $program"
  done
  jdk=$(dirname "$(dirname "$(readlink -f "$(command -v javac || echo /none/bin/none)")")")
  [ -f "$jdk/include/linux/jni_md.h" ] || skip "neither ANDROID_NDK nor a JDK"
  gcc=$(ls /usr/include/c++ | sort -n | tail -1)
  own=$(dpkg -L libc6-dev linux-libc-dev libcrypt-dev | grep -E '^/usr/include/[^/]+$' |
    grep -v /x86_64-linux-gnu)
  x86=/usr/include/x86_64-linux-gnu
  known=""
  for abi in $abis; do
    case $abi in
      arm64-v8a) arch=aarch64-linux-gnu ;;
      armeabi-v7a) arch=arm-linux-gnueabihf ;;
      *) arch=x86_64-linux-gnu ;;
    esac
    if [ $arch = x86_64-linux-gnu ]; then
      # shellcheck disable=SC2086
      sysroot "$abi" "$own $(ls -d $x86/asm $x86/bits $x86/gnu $x86/sys $x86/fpu_control.h \
        $x86/a.out.h $x86/ieee754.h 2>/dev/null)" /usr/include/c++/$gcc $x86/c++/$gcc || continue
    else
      headers=/usr/$arch/include
      sysroot "$abi" "$(ls -d $headers/* 2>/dev/null | grep -v '/c++$')" \
        $headers/c++/$gcc $headers/c++/$gcc/$arch || continue
    fi
    known="$known $abi"
  done
  for abi in $abis; do
    case " $known " in *" $abi "*) ;; *) echo "skipped: $abi: no cross compiler's headers" ;; esac
  done
  abis=$known
  [ -n "$abis" ] || skip "no headers for any ABI"
fi

# Of the stand-in; glibc has headers for one of Arm's calling conventions only.
soft_float() {
  folder=$work/sysroot-armeabi-v7a/usr/include/gnu
  if [ -L "$folder" ] && [ ! -e "$folder/stubs-soft.h" ]; then
    real=$(readlink -f "$folder")
    rm "$folder"
    mkdir "$folder"
    ln -s "$real"/* "$folder/"
    ln -s "$real/stubs-hard.h" "$folder/stubs-soft.h"
  fi
}
[ -n "${ANDROID_NDK:-}" ] || soft_float

check() {  # ABI LIBRARY
  align=$(readelf -lW "$2" | awk '$1 == "LOAD" { print $NF }' | sort -u)
  [ "$align" = 0x4000 ] || fail "$2: its pages are $align"
  others=$(readelf --dyn-syms -W "$2" | awk '$7 != "UND" && $5 != "LOCAL" && NR > 3 { print $8 }' |
    grep -vE '^(oko_|Java_dev_oko_|OKO_|$)' || true)
  [ -z "$others" ] || fail "$2 exports" $others
}

for abi in $abis; do
  folder=$work/$abi
  rm -rf "$folder"
  # shellcheck disable=SC2046
  (IFS='
'
    cmake -G Ninja -S "$source" -B "$folder" -DCMAKE_TOOLCHAIN_FILE="$toolchain" \
      -DCMAKE_SYSTEM_NAME=Android -DCMAKE_SYSTEM_VERSION=24 -DANDROID_PLATFORM=android-24 \
      -DANDROID_ABI="$abi" -DCMAKE_ANDROID_ARCH_ABI="$abi" -DANDROID_NDK="${ANDROID_NDK:-}" \
      -DCMAKE_ANDROID_NDK="${ANDROID_NDK:-}" -DOKO_IMITATION="$work" \
      -DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$folder/out" -DCMAKE_COMPILE_WARNING_AS_ERROR=ON \
      $(cat "$work/arguments")) >"$work/$abi.log" 2>&1 || {
    tail -30 "$work/$abi.log"
    fail "$abi cannot be configured"
  }
  if [ "$all" = --all ]; then
    wanted=$targets
  else
    wanted=$(ninja -C "$folder" -t targets all | sed -n 's/: .*COMPILER.*//p' |
      grep -E '/oko_jni\.dir/|/c_api[a-z_]*\.cpp|/kernels8\.cpp|/simd\.cpp')
  fi
  # shellcheck disable=SC2086
  ninja -C "$folder" -k 0 $wanted >"$work/$abi.build.log" 2>&1 || {
    grep -E "(error|warning): " "$work/$abi.build.log" | head -20
    fail "$abi cannot be compiled (see $work/$abi.build.log)"
  }
  if [ "$all" = --all ]; then
    check "$abi" "$folder/out/liboko.so"
    check "$abi" "$folder/out/liboko_jni.so"
    echo "$abi: built; liboko.so $(stat -c %s "$folder/out/liboko.so") bytes, pages of 16 KiB"
  else
    echo "$abi: configured; compiled $(echo "$wanted" | wc -l) sources"
  fi
done
