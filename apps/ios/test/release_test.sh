#!/bin/sh
# release_test.sh SOURCE FOLDER [SWIFT]: makes a release of a stand-in for the XCFramework, in a
# copy of what scripts/release_ios.sh needs of SOURCE. With SWIFT, a Swift compiler's command, the
# manifest before and after is read by Swift's package manager. FOLDER is emptied.
set -eu
source=$1 work=$2 swift=${3:-}
rm -rf "$work"
mkdir -p "$work/repository/scripts" "$work/repository/include" "$work/repository/apps/ios"
cd "$work/repository"
fail() {
  echo "release_test: $*" >&2
  exit 1
}
cp "$source/scripts/release_ios.sh" scripts
cp "$source/Package.swift" "$source/Oko.podspec" "$source/LICENSE" .
cp -R "$source/include/oko" include
cp -R "$source/apps/ios/Sources" apps/ios

# What the manifest says of OkoC, as JSON.
engine() {
  "$swift" package --scratch-path "$work/scratch" --cache-path "$work/cache" dump-package |
    tr -d ' \n\\' | grep -o '{[^{}]*"name":"OkoC"[^{}]*}'
}
refused() {
  if scripts/release_ios.sh "$@" >/dev/null 2>"$work/refusal"; then fail "'$*' is accepted"; fi
}
for file in Package.swift Oko.podspec; do cp $file "$work"; done
refused https://example.com/oko
grep -q 'build_ios\.sh' "$work/refusal" || fail "it does not say what builds the XCFramework"
mkdir -p apps/ios/OkoC.xcframework/ios-arm64/Headers
echo '<plist/>' >apps/ios/OkoC.xcframework/Info.plist
echo code >apps/ios/OkoC.xcframework/ios-arm64/libokoc.a
refused
refused http://example.com/oko
refused "https://example.com/o'ko"
refused "https://example.com/oko|e"
for file in Package.swift Oko.podspec; do
  cmp -s $file "$work/$file" || fail "what was refused has changed $file"
done
if [ -n "$swift" ]; then
  engine | grep -q '"path":"apps/ios/OkoC.xcframework"' || fail "without a release: $(engine)"
fi

# Twice: a release is made of the one before, too.
for address in https://example.com/oko/0 https://example.com/oko/0.1.0/; do
  scripts/release_ios.sh "$address" >/dev/null
  [ "$address" != https://example.com/oko/0 ] || cp "$work/Package.swift" .
done
sum=$(sha256sum build/ios/release/OkoC.xcframework.zip | cut -d ' ' -f 1)
grep -qF '    "https://example.com/oko/0.1.0/OkoC.xcframework.zip",' Package.swift ||
  fail "the address is not in Package.swift"
grep -qF "    \"$sum\"" Package.swift || fail "the checksum is not in Package.swift"
grep -qF "address = 'https://example.com/oko/0.1.0'" Oko.podspec || fail "the podspec's address"
sum=$(sha256sum build/ios/release/Oko-pod.zip | cut -d ' ' -f 1)
grep -qF "sha256 = '$sum'" Oko.podspec || fail "the podspec's SHA-256"
if [ -n "$swift" ]; then
  engine | grep -q '"url":"https://example.com/oko/0.1.0/OkoC.xcframework.zip"' ||
    fail "the release: $(engine)"
fi

# What an app unpacks: the XCFramework at the top, and in the pod all that the podspec names.
mkdir "$work/framework" "$work/pod"
(cd "$work/framework" && cmake -E tar xf ../repository/build/ios/release/OkoC.xcframework.zip)
(cd "$work/pod" && cmake -E tar xf ../repository/build/ios/release/Oko-pod.zip)
diff -r apps/ios/OkoC.xcframework "$work/framework/OkoC.xcframework"
[ "$(ls "$work/framework")" = OkoC.xcframework ] || fail "more than the XCFramework"
for pattern in $(sed -n "s/.*'\(LICENSE\|apps\/[^']*\)'.*/\1/p" Oko.podspec); do
  # shellcheck disable=SC2086
  (cd "$work/pod" && ls -d $pattern >/dev/null) || fail "the pod has no $pattern"
done

# The podspec's version is the header's.
version=$(sed -n 's/^#define OKO_VERSION_[MP][A-Z]* //p' include/oko/oko.h | paste -sd .)
for file in "$source/Oko.podspec" Oko.podspec; do
  grep -qF "s.version = '$version'" "$file" || fail "$file has not the version $version"
done
echo "release_test: passed"
