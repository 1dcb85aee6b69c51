#!/bin/sh
# build_test.sh CMAKE CLANG HOST_PREFIX FOLDER: runs what scripts/build_ios.sh --print prints, as
# far as that can be done without a Mac: each slice is configured with stand-ins for Xcode's
# programs and SDKs, and asked what its compiler would compile for. FOLDER is emptied.
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
cmake=$1 clang=$2 prefix=$3 work=$4
rm -rf "$work"
mkdir -p "$work/bin" "$work/sodium/src/libsodium/include/sodium"
cd "$work"
fail() {
  echo "build_test: $*" >&2
  exit 1
}

# Xcode, as far as CMake asks it. The SDKs have what the configuration looks for.
cat >bin/xcrun <<EOS
#!/bin/sh
if [ "\$1" = -sdk ] || [ "\$1" = --sdk ]; then sdk=\$2; shift 2; fi
case "\$1 \${sdk:-}" in
  "--show-sdk-path iphoneos") echo "$work/iPhoneOS15.0.sdk" ;;
  "--show-sdk-path iphonesimulator") echo "$work/iPhoneSimulator15.0.sdk" ;;
  "--show-sdk-path macosx") echo "$work/MacOSX12.0.sdk" ;;
  "-find "*|"--find "*) command -v "\$2" || true ;;
  *) echo "xcrun: \$*" >&2; exit 1 ;;
esac
EOS
printf '#!/bin/sh\nexit 1\n' >bin/xcode-select
printf '#!/bin/sh\necho 14.5\n' >bin/sw_vers
# What Apple's clang does without a target.
for name in cc c++; do
  driver=$clang
  [ $name = cc ] || driver="$clang --driver-mode=g++"
  printf '#!/bin/sh\nexec %s --target=arm64-apple-darwin "$@"\n' "$driver" >bin/$name
done
for name in libtool lipo install_name_tool; do
  printf '#!/bin/sh\nexit 0\n' >bin/$name
done
chmod +x bin/*
for sdk in iPhoneOS15.0 iPhoneSimulator15.0 MacOSX12.0; do
  mkdir -p $sdk.sdk/usr/include
  cat >$sdk.sdk/usr/include/pthread.h <<'EOS'
typedef long pthread_t;
int pthread_create(pthread_t*, const void*, void* (*)(void*), void*);
int pthread_detach(pthread_t), pthread_cancel(pthread_t), pthread_join(pthread_t, void**);
int pthread_atfork(void (*)(void), void (*)(void), void (*)(void));
void pthread_exit(void*);
EOS
done
echo 'int sodium_init(void);' >sodium/src/libsodium/include/sodium.h
echo '#define SODIUM_VERSION_STRING "@VERSION@"' >sodium/src/libsodium/include/sodium/version.h.in
echo 'int sodium_init(void) { return 0; }' >sodium/src/libsodium/core.c

OKO_HOST_PREFIX=$prefix "$root/scripts/build_ios.sh" --print >commands
slices=$(sed -n 's|^cmake -S \. -B build/ios/\([^ ]*\) .*|\1|p' commands)
want="iphoneos-arm64 iphonesimulator-arm64 catalyst-arm64 iphonesimulator-x86_64 catalyst-x86_64"
[ "$(echo $slices)" = "$want" ] || fail "the slices are" $slices

# The triple that the compiler gets for a source file of the engine, and for one of libsodium.
triples() {
  sed -n 's/^ *"command": "\(.*\)",$/\1/p' "$work/$1/compile_commands.json" |
    grep -e 'oko/base/error\.cpp' -e 'libsodium/core\.c' | sed 's/\\"/"/g' >"$1.commands"
  while read -r line; do
    (cd "$work/$1" && PATH="$work/bin:$PATH" eval "$line -###") 2>&1 |
      grep -o '"-triple" "[^"]*"' | cut -d '"' -f 4
  done <"$1.commands" | sort | uniq -c | sed 's/^ *//'
}

for slice in $slices; do
  line=$(grep -F "cmake -S . -B build/ios/$slice " commands |
    sed "s|build/ios/|$work/|; s|$root/build/libsodium-1.0.18|$work/sodium|; s|^cmake|\"\$cmake\"|")
  (cd "$root" && PATH="$work/bin:$PATH" CCACHE_DISABLE=1 eval "$line" -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY \
    -DCMAKE_C_COMPILER="$work/bin/cc" -DCMAKE_CXX_COMPILER="$work/bin/c++") >"$slice.log" 2>&1 ||
    { cat "$slice.log"; fail "$slice cannot be configured"; }
  case $slice in
    iphoneos-*) want=${slice#*-}-apple-ios15.0.0 ;;
    iphonesimulator-*) want=${slice#*-}-apple-ios15.0.0-simulator ;;
    catalyst-*) want=${slice#*-}-apple-ios15.0.0-macabi ;;
  esac
  found=$(triples "$slice")
  [ "$found" = "2 $want" ] || fail "$slice is compiled for '$found', not for $want"
  grep -q 'oko/runtime/liboko\.a:' "$slice/build.ninja" || fail "$slice has no archive liboko.a"
  grep -q 'liboko_runtime_update\.a:' "$slice/build.ninja" || fail "$slice has no sealed models"
done

# Each slice is archived and is, joined with the other processor's, in the XCFramework.
for slice in $slices; do
  grep -q "^find build/ios/$slice .*-o build/ios/$slice/libokoc\.a " commands ||
    fail "$slice is not archived"
done
for slice in iphonesimulator catalyst; do
  grep -qF "lipo -create build/ios/$slice-arm64/libokoc.a build/ios/$slice-x86_64/libokoc.a" \
    commands || fail "$slice is not joined"
done
libraries=$(grep '^xcodebuild' commands | grep -o -- '-library [^ ]*/libokoc\.a -headers [^ ]*')
[ "$(echo "$libraries" | wc -l)" = 3 ] || fail "the XCFramework has not three libraries"
if "$root/scripts/build_ios.sh" --prnt >/dev/null 2>&1; then fail "--prnt is accepted"; fi
echo "build_test: passed"
