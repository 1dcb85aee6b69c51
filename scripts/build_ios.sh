#!/bin/sh
# Creates apps/ios/OkoC.xcframework, which the Swift package in apps/ios needs: the engine for
# arm64 iPhones and for the simulator on arm64 Macs. Needs a Mac with Xcode 15 or later and
#
#   brew install cmake ninja highway nlohmann-json
#
# OKO_HOST_PREFIX names the folder of those packages if it is not Homebrew's. libsodium, which opens
# sealed models, is compiled in (scripts/libsodium.sh).
set -eu
cd "$(dirname "$0")/.."
if [ "$(uname)" != Darwin ]; then
  echo "build_ios: iPhone libraries must be built on a Mac with Xcode" >&2
  exit 1
fi
prefix="${OKO_HOST_PREFIX:-$(brew --prefix)}"
build="$PWD/build/ios"
scripts/libsodium.sh

build_for() {  # iphoneos or iphonesimulator
  cmake -S . -B "$build/$1" -G Ninja -DCMAKE_BUILD_TYPE=MinSizeRel -DCMAKE_SYSTEM_NAME=iOS \
    -DCMAKE_OSX_SYSROOT="$1" -DCMAKE_OSX_ARCHITECTURES=arm64 -DCMAKE_OSX_DEPLOYMENT_TARGET=15.0 \
    -DCMAKE_PROJECT_INCLUDE="$PWD/cmake/cross.cmake" -DOKO_HOST_PREFIX="$prefix" \
    -DOKO_SODIUM_SOURCE="$PWD/build/libsodium-1.0.18" \
    -DOKO_DESKTOP=OFF -DOKO_TESTS=OFF -DOKO_EXAMPLES=OFF
  cmake --build "$build/$1" --target oko_phone
  find "$build/$1" -name 'liboko*.a' ! -name libokoc.a \
    -exec libtool -static -o "$build/$1/libokoc.a" {} +
}
build_for iphoneos
build_for iphonesimulator

rm -rf "$build/headers" apps/ios/OkoC.xcframework
mkdir -p "$build/headers/oko"
cp include/oko/oko.h "$build/headers/oko"
cp -R apps/ios/OkoC "$build/headers"
xcodebuild -create-xcframework \
  -library "$build/iphoneos/libokoc.a" -headers "$build/headers" \
  -library "$build/iphonesimulator/libokoc.a" -headers "$build/headers" \
  -output apps/ios/OkoC.xcframework
