#!/bin/sh
# Puts what the phone library is compiled with into build/, for builds on machines whose package
# manager has none of it (Android Studio): the headers of Highway 1.2.0 and nlohmann-json 3.11.2
# into build/phone-libraries/include, and by scripts/libsodium.sh the sources of libsodium.
# cmake/cross.cmake finds them there. Safe to run again.
#
# An archive is used only if its SHA-256 is the one below. OKO_LIBRARIES_URL names another address
# that has the archives under the names that they get here.
set -eu
cd "$(dirname "$0")/.."
. scripts/download.sh
folder=build/phone-libraries
mkdir -p build
work=$(mktemp -d "$PWD/build/phone-libraries.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# headers NAME ADDRESS SHA256 FOLDER_IN_ARCHIVE: what is there is replaced whole or not at all.
headers() {
  name=$1 address=$2 sum=$3 inside=$4
  target=$folder/include/${inside##*/}
  if [ -f "$target/.version" ] && [ "$(cat "$target/.version")" = "$name" ]; then
    echo "phone_libraries: $name is there already"
    return
  fi
  archive=$work/$name.tar.gz
  [ -z "${OKO_LIBRARIES_URL:-}" ] || address=$OKO_LIBRARIES_URL/$name.tar.gz
  download "$address" "$archive" || {
    echo "phone_libraries: $address cannot be had (OKO_LIBRARIES_URL names another address)" >&2
    exit 1
  }
  found=$(sum_of "$archive")
  if [ "$found" != "$sum" ]; then
    echo "phone_libraries: $address: its SHA-256 is $found, not that of $name" >&2
    exit 1
  fi
  mkdir -p "$work/$name" $folder/include
  tar -xzf "$archive" -C "$work/$name" --strip-components 1
  echo "$name" >"$work/$name/$inside/.version"
  rm -rf "$target"
  mv "$work/$name/$inside" "$target"
  echo "phone_libraries: $target"
}

headers highway-1.2.0 https://github.com/google/highway/archive/1.2.0.tar.gz \
  7e0be78b8318e8bdbf6fa545d2ecb4c90f947df03f7aadc42c1967f019e63343 hwy
headers json-3.11.2 https://github.com/nlohmann/json/archive/v3.11.2.tar.gz \
  d69f9deb6a75e2580465c6c4c5111b89c4dc2fa94e3a85fcd2ffcd9a143d9273 include/nlohmann
scripts/libsodium.sh
