#!/bin/sh
# run.sh SWIFTC LIBOKO OKO_MAKE_SEALED OKO_WRITE_SWIFT FOLDER: compiles all Swift of the project in
# Swift 6 over the stand-ins for Apple's frameworks beside this file, and runs what can be run: the
# package, wrappers of every kind for models and classes of odd names, the example, and the code on
# the pages. What belongs to an app is compiled with each isolation that an app may have by
# default, if the compiler knows it (from Swift 6.2 on), and also in Swift 5. LIBOKO is the file of
# the shared library, FOLDER where to build.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
swiftc=$1 library=$2 maker=$3 writer=$4 build=$5
if [ -z "$swiftc" ]; then
  echo "skipped: there is no Swift compiler (swiftlang of Debian 13, docs/ios.md)"
  exit 77
fi
rm -rf "$build"
mkdir -p "$build/headers/oko" "$build/cache"
cp "$root/include/oko/oko.h" "$build/headers/oko"
cp -R "$root/apps/ios/OkoC" "$build/headers"
cd "$build"
base="-module-cache-path cache -I .
  -Xcc -fmodule-map-file=headers/OkoC/module.modulemap
  -Xcc -fmodule-map-file=$here/OpenSSL/module.modulemap"
flags="-swift-version 6 $base"
modules="Security CoreGraphics ImageIO Metal CoreVideo CryptoKit CoreImage CoreML Vision
  MetalPerformanceShaders CoreMedia QuartzCore AVFoundation UIKit SwiftUI"
for module in $modules; do
  # shellcheck disable=SC2086
  "$swiftc" $flags -parse-as-library -c -module-name "$module" -emit-module \
    -emit-module-path "$module.swiftmodule" "$here/$module.swift" -o "$module.o"
done
sources="$root/apps/ios/Sources/Oko/*.swift"
link="./*.o $library -lcrypto -Xlinker -rpath -Xlinker $(dirname "$library")"
# shellcheck disable=SC2086
"$swiftc" $flags -warnings-as-errors -module-name OkoTest $sources "$here/main.swift" \
  "$here/ModelTests.swift" "$here/TrackerTests.swift" "$here/LiveTests.swift" \
  "$here/LiveInbox.swift" "$here/TestBuffer.swift" "$here/UpdateTests.swift" \
  "$here/LoopbackServer.swift" $link -o test
./test "$maker"
# shellcheck disable=SC2086
"$swiftc" $flags -emit-module -module-name Oko $sources

# Swift before 6.1 has no `nonisolated` types, and no other default isolation that would need them.
echo '#if compiler(>=6.1)
#error("yes")
#endif' >version.swift
"$swiftc" -typecheck version.swift >/dev/null 2>&1 && old=yes || old=no
modernized() {
  kinds='class\|struct\|enum\|extension\|protocol'
  [ $old = no ] || sed -i \
    "s/^\( *\)nonisolated \(\(public \|private \|final \)*\($kinds\) \)/\1\2/" "$@"
}
defaults=nonisolated
if "$swiftc" -frontend -help | grep -q -- -default-isolation; then defaults="nonisolated MainActor"; fi

# Code of an app: app NAME FILES…
app() {
  name=$1
  shift
  for isolation in $defaults; do
    for version in 6 5; do
      default=
      [ "$defaults" = nonisolated ] || default="-default-isolation $isolation"
      # shellcheck disable=SC2086
      "$swiftc" -swift-version $version $base $default -warnings-as-errors -parse-as-library \
        -module-name App -typecheck "$@" ||
        { echo "run.sh: $name, Swift $version, $isolation" >&2; exit 1; }
    done
  done
  echo "$name compiles in Swift 6 and 5, isolated by default: $defaults"
}

mkdir example
cp "$root"/apps/ios/Example/*.swift example
modernized example/*.swift
app "the example" example/*.swift

"$writer" wrappers
modernized wrappers/*/*.swift
for kind in coreml boxes mps oko; do
  app "wrappers: $kind" wrappers/$kind/*.swift
done
# shellcheck disable=SC2086
"$swiftc" $flags -O -parse-as-library -module-name WrapperTests wrappers/cases/*.swift \
  "$here/WrapperTests.swift" $link -o wrapper_tests
./wrapper_tests wrappers/cases

awk '/^```/ { on = $0 == "```swift"; n += on; next } on { print > ("page" n ".swift") }' \
  "$root/docs/ios.md"
modernized page*.swift
rm example/ContentView.swift example/LiveWatcher.swift
app "docs/ios.md" page*.swift example/*.swift wrappers/page/*.swift
