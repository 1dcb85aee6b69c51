#!/bin/sh
# Everything that must hold before a change is accepted: packages, build, tests, fuzz corpus.
#
#   scripts/test.sh             the preset "release"
#   scripts/test.sh debug       another preset of CMakePresets.json
#
# OKO_DATA names a folder of reference data sets and golden results; tests that need it are
# skipped, and counted as such, where it is missing.
set -eu
cd "$(dirname "$0")/.."
preset="${1:-release}"
started=$(date +%s)

scripts/setup.sh
cmake --preset "$preset" ${OKO_DATA:+-DOKO_DATA="$OKO_DATA"}
cmake --build --preset "$preset"

log="build/$preset/Testing/Temporary/LastTest.log"
if ! ctest --preset "$preset"; then
  echo "test: FAILED after $(($(date +%s) - started)) s; everything printed is in $log"
  exit 1
fi
scripts/fuzz.sh --replay

passed=$(grep -c '^\[       OK \]' "$log" || true)
skipped=$(grep -c '^\[  SKIPPED \].*ms)$' "$log" || true)
echo "test: all passed ($passed cases, $skipped skipped), fuzz corpus replayed," \
  "$(($(date +%s) - started)) s in all"
