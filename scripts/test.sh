#!/bin/sh
# Everything that must pass before a change is accepted: packages, build, tests, fuzz corpus,
# sanitizers.
#
#   scripts/test.sh             what continuous integration runs: release
#   scripts/test.sh PRESET…     these of CMakePresets.json:
#       release, debug, asan          all of oko on this machine
#       phone, phone-asan, phone-tsan the phone library on this machine
#       arm64, armv7                  the phone library on 64-bit and 32-bit Arm, emulated by qemu;
#                                     scripts/test_arm.sh does so for several processors
#       wasm, wasm-threads            the phone library in WebAssembly, run by node
#
# OKO_DATA names a folder with reference datasets and golden results; tests that need it are
# skipped, and counted as such, if it is missing.
set -eu
cd "$(dirname "$0")/.."
started=$(date +%s)
[ $# -gt 0 ] || set -- release

for preset in "$@"; do
  begin=$(date +%s)
  whole=no
  case "$preset" in
    release | debug | asan) whole=yes; scripts/setup.sh ;;
    phone*) scripts/setup.sh --phone ;;
    arm64 | armv7) scripts/setup.sh "--$preset"; scripts/libsodium.sh ;;
    wasm*) scripts/setup.sh --wasm; scripts/libsodium.sh ;;
    *) sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  cmake --preset "$preset" ${OKO_DATA:+-DOKO_DATA="$OKO_DATA"}
  cmake --build --preset "$preset"

  log="build/$preset/Testing/Temporary/LastTest.log"
  if ! ctest --preset "$preset"; then
    echo "test: $preset FAILED after $(($(date +%s) - begin)) s; the full output is in $log"
    exit 1
  fi
  passed=$(grep -c '^\[       OK \]' "$log" || true)
  skipped=$(grep -c '^\[  SKIPPED \].*ms)$' "$log" || true)
  corpus=""
  if [ "$whole" = yes ]; then
    scripts/fuzz.sh --replay
    scripts/sanitize.sh
    corpus=", fuzz corpus replayed, command line checked with sanitizers"
  fi
  echo "test: $preset passed ($passed cases, $skipped skipped)$corpus, $(($(date +%s) - begin)) s"
done
echo "test: all passed, $(($(date +%s) - started)) s in total"
