#!/bin/sh
# Puts the sources of libsodium 1.0.18 into build/libsodium-1.0.18. Builds of the phone library for
# other processors compile them in (OKO_SODIUM_SOURCE) to open sealed models: distributions have
# libsodium for their own machine only. Safe to run again.
#
# The file comes from the distribution's source package where there is apt, else or if that fails
# from libsodium's own address. It is used only if its SHA-256 is one of those below.
#
# OKO_SODIUM_URL names another address to get libsodium-1.0.18.tar.gz from, the only one then.
set -eu
cd "$(dirname "$0")/.."
. scripts/download.sh
version=1.0.18
official=https://download.libsodium.org/libsodium/releases/libsodium-$version.tar.gz
# Of the release, and of what Debian made its source package from, the same commit without the files
# of ./configure: Debian's signed lists have it.
release_sum=6f504490b342a4f8a4c4a02fc9b866cbef8622d5df4e5452b46be121e46636c1
debian_sum=d59323c6b712a1519a5daf710b68f5e7fde57040845ffec53850911f10a5d4f4

folder=build/libsodium-$version
if [ -f $folder/src/libsodium/include/sodium.h ]; then
  echo "libsodium: $folder is there already"
  exit 0
fi
mkdir -p build
work=$(mktemp -d "$PWD/build/libsodium.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
tarball=$work/libsodium.tar.gz

# The machine's package sources as a list of source packages, with files of its own: neither apt's
# settings nor its lists change.
from_distribution() {
  command -v apt-get >/dev/null || return 1
  mkdir -p "$work/apt/parts" "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/source"
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ ! -f "$list" ] || sed -n 's/^ *deb\(-src\)\{0,1\} /deb-src /p' "$list"
  done >"$work/apt/sources.list"
  for list in /etc/apt/sources.list.d/*.sources; do
    [ ! -f "$list" ] || sed 's/^Types:.*/Types: deb-src/' "$list" >"$work/apt/parts/${list##*/}"
  done
  set -- -qq -o Dir::Etc::SourceList="$work/apt/sources.list" \
    -o Dir::Etc::SourceParts="$work/apt/parts" -o Dir::State::Lists="$work/apt/lists" \
    -o Dir::Cache="$work/apt" -o APT::Sandbox::User=root
  # Other sources of the machine may have no source packages: what counts is whether this one comes.
  apt-get "$@" update >/dev/null 2>&1 || true
  (cd "$work/source" && apt-get "$@" source --download-only libsodium >/dev/null 2>&1) || return 1
  [ -f "$work/source/libsodium_$version.orig.tar.gz" ] || return 1
  mv "$work/source/libsodium_$version.orig.tar.gz" "$tarball"
}

from_address() {
  download "$1" "$tarball"
}

# Takes the sources from the tarball that the command brings, if it is the right one.
take() {
  "$@" || return 1
  found=$(sum_of "$tarball")
  case $found in
    "$release_sum" | "$debian_sum") ;;
    *)
      echo "libsodium: what came is not libsodium $version: its SHA-256 is $found" >&2
      return 1
      ;;
  esac
  mkdir "$work/unpacked" && tar -xzf "$tarball" -C "$work/unpacked" --strip-components 1 &&
    rm -rf $folder && mv "$work/unpacked" $folder
}

if [ -n "${OKO_SODIUM_URL:-}" ]; then
  take from_address "$OKO_SODIUM_URL" || failed=yes
else
  take from_distribution || take from_address $official || failed=yes
fi
if [ -n "${failed:-}" ]; then
  echo "libsodium: the sources could not be had (set OKO_SODIUM_URL to an address of" \
    "libsodium-$version.tar.gz, or build without sealed models: -DOKO_SEAL=OFF)" >&2
  exit 1
fi
echo "libsodium: $folder"
