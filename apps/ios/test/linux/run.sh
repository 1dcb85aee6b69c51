#!/bin/sh
# run.sh SWIFTC LIBOKO OKO_MAKE_SEALED FOLDER: compiles the Swift package in Swift 6 with stand-ins
# for Apple's frameworks, runs the tests beside this file, and compiles the code on the page
# docs/ios.md. LIBOKO is the file of the shared library, FOLDER where to build.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
swiftc=$1 library=$2 maker=$3 build=$4
rm -rf "$build"
mkdir -p "$build/headers/oko" "$build/cache"
cp "$root/include/oko/oko.h" "$build/headers/oko"
cp -R "$root/apps/ios/OkoC" "$build/headers"
cd "$build"
flags="-swift-version 6 -module-cache-path cache -I .
  -Xcc -fmodule-map-file=headers/OkoC/module.modulemap
  -Xcc -fmodule-map-file=$here/OpenSSL/module.modulemap"
for module in Security CryptoKit CoreGraphics CoreVideo ImageIO; do
  # shellcheck disable=SC2086
  "$swiftc" $flags -parse-as-library -c -module-name $module -emit-module \
    -emit-module-path $module.swiftmodule "$here/$module.swift" -o $module.o
done
sources="$root/apps/ios/Sources/Oko/*.swift"
# shellcheck disable=SC2086
"$swiftc" $flags -warnings-as-errors -module-name OkoTest $sources "$here/main.swift" \
  "$here/UpdateTests.swift" "$here/LoopbackServer.swift" ./*.o \
  "$library" -lcrypto -Xlinker -rpath -Xlinker "$(dirname "$library")" -o test
./test "$maker"

awk '/^```/ { on = $0 == "```swift"; n += on; next } on { print > ("page" n ".swift") }' \
  "$root/docs/ios.md"
# shellcheck disable=SC2086
"$swiftc" $flags -emit-module -module-name Oko $sources
# shellcheck disable=SC2086
"$swiftc" $flags -warnings-as-errors -parse-as-library -typecheck page*.swift
