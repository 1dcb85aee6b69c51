#!/bin/sh
# Creates apps/ios/OkoC.xcframework, the engine for the Swift package: for arm64 devices, and for
# the simulator and Mac Catalyst on arm64 and x86_64 Macs. Needs a Mac with Xcode 16.3 or later and
#
#   brew install cmake ninja highway nlohmann-json
#
# OKO_HOST_PREFIX names the folder of those packages if it is not Homebrew's. libsodium, which opens
# sealed models, is compiled in (scripts/libsodium.sh).
#
#   scripts/build_ios.sh           build
#   scripts/build_ios.sh --print   print the commands instead, on any system
set -eu
cd "$(dirname "$0")/.."
case "${1:-}" in
  "") print=no ;;
  --print) print=yes ;;
  *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

# Runs a command, or prints it as a shell would read it.
run() {
  if [ $print = no ]; then
    "$@"
    return
  fi
  line=
  for word in "$@"; do
    case $word in
      *[!A-Za-z0-9_./=:,+@%-]*) word="'$(printf '%s' "$word" | sed "s/'/'\\\\''/g")'" ;;
    esac
    line="$line $word"
  done
  printf '%s\n' "${line# }"
}

if [ $print = no ] && [ "$(uname)" != Darwin ]; then
  echo "build_ios: iPhone libraries must be built on a Mac with Xcode (--print shows how)" >&2
  exit 1
fi
if [ -z "${OKO_HOST_PREFIX:-}" ]; then
  OKO_HOST_PREFIX=/opt/homebrew
  [ $print = yes ] || OKO_HOST_PREFIX=$(brew --prefix)
fi
build=build/ios
oldest=15.0  # the system, as in Package.swift
run scripts/libsodium.sh

# Each slice is built for one processor: what CMake finds out of a processor holds for one. All that
# it is built for is in the compiler's target, which alone can tell Mac Catalyst from macOS; a
# deployment target of CMake's would be another one.
# build_for SLICE PROCESSOR SYSTEM SDK ENVIRONMENT
build_for() {
  folder=$build/$1-$2
  target=$2-apple-ios$oldest$5
  run cmake -S . -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=MinSizeRel -DCMAKE_SYSTEM_NAME="$3" \
    -DCMAKE_SYSTEM_PROCESSOR="$2" -DCMAKE_OSX_SYSROOT="$4" -DCMAKE_OSX_DEPLOYMENT_TARGET= \
    -DCMAKE_C_COMPILER_TARGET="$target" -DCMAKE_CXX_COMPILER_TARGET="$target" \
    -DCMAKE_PROJECT_INCLUDE="$PWD/cmake/cross.cmake" -DOKO_HOST_PREFIX="$OKO_HOST_PREFIX" \
    -DOKO_SODIUM_SOURCE="$PWD/build/libsodium-1.0.18" \
    -DOKO_STATIC=ON -DOKO_DESKTOP=OFF -DOKO_TESTS=OFF -DOKO_EXAMPLES=OFF
  run cmake --build "$folder" --target oko_phone
  run find "$folder" -name 'liboko*.a' ! -name libokoc.a \
    -exec xcrun libtool -static -o "$folder/libokoc.a" {} +
}

# One file of both processors: join SLICE
join() {
  run mkdir -p "$build/$1"
  run xcrun lipo -create "$build/$1-arm64/libokoc.a" "$build/$1-x86_64/libokoc.a" \
    -output "$build/$1/libokoc.a"
}

build_for iphoneos arm64 iOS iphoneos ""
for processor in arm64 x86_64; do
  build_for iphonesimulator $processor iOS iphonesimulator -simulator
  build_for catalyst $processor Darwin macosx -macabi
done
join iphonesimulator
join catalyst

headers=$build/headers
run rm -rf $headers apps/ios/OkoC.xcframework
run mkdir -p $headers/oko
run cp include/oko/oko.h $headers/oko
run cp -R apps/ios/OkoC $headers
run xcodebuild -create-xcframework \
  -library $build/iphoneos-arm64/libokoc.a -headers $headers \
  -library $build/iphonesimulator/libokoc.a -headers $headers \
  -library $build/catalyst/libokoc.a -headers $headers \
  -output apps/ios/OkoC.xcframework
