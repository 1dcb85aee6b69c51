#!/bin/sh
# libraries_test.sh WORK: scripts/phone_libraries.sh takes the archives whose checksums it has, whole
# or not at all. In a copy of it, with archives made here.
set -eu
command -v curl >/dev/null || { echo "skipped: no curl"; exit 77; }
script=$(cd "$(dirname "$0")/../../scripts" && pwd)/phone_libraries.sh
rm -rf "$1"
mkdir -p "$1/tree/scripts" "$1/mirror" "$1/made/top/hwy" "$1/made/top/include/nlohmann"
cd "$1"
fail() { echo "libraries_test: $*" >&2; exit 1; }
cp "$script" "${script%/*}/download.sh" tree/scripts/
printf '#!/bin/sh\necho sodium\n' >tree/scripts/libsodium.sh
chmod +x tree/scripts/libsodium.sh
echo 1 >made/top/hwy/highway.h
echo 2 >made/top/include/nlohmann/json.hpp
for name in highway-1.2.0 json-3.11.2; do tar -czf mirror/$name.tar.gz -C made top; done
run() { OKO_LIBRARIES_URL=file://$PWD/mirror tree/scripts/phone_libraries.sh >log 2>&1; }

if run; then fail "other archives are taken"; fi
grep -q 'its SHA-256 is [0-9a-f]*, not that of highway-1.2.0' log || fail "$(cat log)"
[ ! -e tree/build/phone-libraries ] || fail "something was written"

sum=$(sha256sum mirror/highway-1.2.0.tar.gz | cut -d ' ' -f 1)
other=$(sha256sum mirror/json-3.11.2.tar.gz | cut -d ' ' -f 1)
sed -i "s/7e0be78b[0-9a-f]*/$sum/; s/d69f9deb[0-9a-f]*/$other/" tree/scripts/phone_libraries.sh
run || fail "$(cat log)"
[ -f tree/build/phone-libraries/include/hwy/highway.h ] || fail "no headers of Highway"
[ -f tree/build/phone-libraries/include/nlohmann/json.hpp ] || fail "no headers of nlohmann-json"
grep -q '^sodium$' log || fail "libsodium was not asked for"
rm mirror/*
run || fail "it fetches what is there: $(cat log)"
[ "$(ls tree/build)" = phone-libraries ] || fail "left $(ls tree/build)"
echo passed
