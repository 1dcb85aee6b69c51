#!/bin/sh
# Puts Highway's headers of other versions than the distribution's into build/highway-VERSION, so that
# the test `highway` can compile the kernels with them. Safe to run again.
#
#   scripts/highway.sh                1.2.0, Debian 13's, and 1.3.0
#   scripts/highway.sh VERSION…       these: 1.2.0 or 1.3.0
#
# They come from Debian's pool, or else from Highway's own address; both have the same files, which
# are used only if their SHA-256 is the one below. OKO_MIRROR names another mirror of Debian.
set -eu
cd "$(dirname "$0")/.."
. scripts/download.sh
[ $# -gt 0 ] || set -- 1.2.0 1.3.0

known_sum() {  # of a version
  case $1 in
    1.2.0) echo 7e0be78b8318e8bdbf6fa545d2ecb4c90f947df03f7aadc42c1967f019e63343 ;;
    1.3.0) echo 07b3c1ba2c1096878a85a31a5b9b3757427af963b1141ca904db2f9f4afe0bc2 ;;
    *) echo "highway: the SHA-256 of $1 is not known here" >&2; exit 2 ;;
  esac
}
mkdir -p build
work=$(mktemp -d "$PWD/build/highway.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

take() {  # take SUM ADDRESS
  download "$2" "$work/tarball" || return 1
  found=$(sum_of "$work/tarball")
  [ "$found" = "$1" ] || { echo "highway: $2 has the SHA-256 $found, not $1" >&2; return 1; }
}

for version in "$@"; do
  sum=$(known_sum "$version")
  folder=build/highway-$version
  if [ ! -f "$folder/hwy/highway.h" ]; then
    take "$sum" "${OKO_MIRROR:-http://deb.debian.org/debian}/pool/main/h/highway/highway_$version.orig.tar.gz" ||
      take "$sum" "https://github.com/google/highway/archive/refs/tags/$version.tar.gz" ||
      { echo "highway: $version could not be had (OKO_MIRROR names a mirror of Debian)" >&2; exit 1; }
    rm -rf "$work/unpacked" "$folder"
    mkdir "$work/unpacked"
    tar -xzf "$work/tarball" -C "$work/unpacked" --strip-components 1 "highway-$version/hwy"
    mv "$work/unpacked" "$folder"
  fi
  echo "highway: $folder"
done
