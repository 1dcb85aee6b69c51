#!/bin/sh
# Makes a release of the Swift package, of the apps/ios/OkoC.xcframework that scripts/build_ios.sh
# has built. ADDRESS is the folder that its files will be fetched from:
#
#   scripts/release_ios.sh https://example.com/oko/0.1.0
#
# writes build/ios/release/OkoC.xcframework.zip, which Package.swift then names with its checksum,
# and build/ios/release/Oko-pod.zip, which Oko.podspec then names. Upload both files, and tag a
# commit of the two changed files as the version (0.1.0): apps take the package by the repository's
# address and that version. Needs CMake.
set -eu
cd "$(dirname "$0")/.."
fail() {
  echo "release_ios: $*" >&2
  exit 1
}
[ $# = 1 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
address=${1%/}
case $address in
  *[!A-Za-z0-9_./:~%-]*) fail "$address has characters that an address must escape (as %20)" ;;
  https://?*) ;;
  *) fail "$address is not an https address (Xcode fetches nothing else)" ;;
esac
framework=apps/ios/OkoC.xcframework
[ -f $framework/Info.plist ] ||
  fail "there is no $framework (run scripts/build_ios.sh, on a Mac)"

out=$PWD/build/ios/release
rm -rf "$out"
mkdir -p "$out"
(cd apps/ios && cmake -E tar cf "$out/OkoC.xcframework.zip" --format=zip OkoC.xcframework)
cmake -E tar cf "$out/Oko-pod.zip" --format=zip LICENSE apps/ios/Sources $framework
sum_of() { cmake -E sha256sum "$out/$1" | cut -d ' ' -f 1; }

# Replaces a file's line that begins as told, of which there is exactly one.
# replace FILE BEGINNING LINE
replace() {
  [ "$(grep -c "^$2" "$1")" = 1 ] || fail "$1 has not one line that begins with '$2'"
  sed "s|^$2.*|$3|" "$1" >"$out/changed"
  cat "$out/changed" >"$1"
  rm "$out/changed"
}
number() { sed -n "s/^#define OKO_VERSION_$1 //p" include/oko/oko.h; }
version=$(number MAJOR).$(number MINOR).$(number PATCH)
replace Package.swift 'let release: (url: String, checksum: String)? =' \
  "let release: (url: String, checksum: String)? = (\\
    \"$address/OkoC.xcframework.zip\",\\
    \"$(sum_of OkoC.xcframework.zip)\"\\
)"
replace Oko.podspec 'address = ' "address = '$address'"
replace Oko.podspec 'sha256 = ' "sha256 = '$(sum_of Oko-pod.zip)'"
replace Oko.podspec '  s.version = ' "  s.version = '$version'"
echo "release_ios: $version"
echo "  upload $out/OkoC.xcframework.zip"
echo "  upload $out/Oko-pod.zip"
echo "  to $address, and tag a commit of Package.swift and Oko.podspec as $version"
