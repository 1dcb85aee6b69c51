#!/bin/sh
# The phone library's tests on Arm processors with and without the instructions that kernels are
# chosen for, emulated by qemu: which are chosen, and that everything is right with them and none
# faults.
#
#   scripts/test_arm.sh            64-bit Arm as cortex-a53, cortex-a72 and max
#   scripts/test_arm.sh CPU…       as these, from qemu-aarch64 -cpu help
#   scripts/test_arm.sh --armv7 [CPU…]   32-bit Arm as cortex-a7, and cortex-a9, which has no kernels
#
# OKO_TESTS names some of the tests, as a pattern of ctest: OKO_TESTS='^runtime$'.
set -eu
cd "$(dirname "$0")/.."
preset=arm64
case "${1:-}" in
  --armv7) preset=armv7; shift; [ $# -gt 0 ] || set -- cortex-a7 cortex-a9 ;;
  -*) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
[ $# -gt 0 ] || set -- cortex-a53 cortex-a72 max
scripts/setup.sh "--$preset"
scripts/libsodium.sh
cmake --preset $preset ${OKO_DATA:+-DOKO_DATA="$OKO_DATA"}
cmake --build --preset $preset
for cpu in "$@"; do
  begin=$(date +%s)
  if ! QEMU_CPU=$cpu ctest --preset $preset ${OKO_TESTS:+-R "$OKO_TESTS"}; then
    echo "test_arm: FAILED on $cpu; the full output is in build/$preset/Testing/Temporary/LastTest.log"
    exit 1
  fi
  echo "test_arm: passed on $cpu, $(($(date +%s) - begin)) s"
done
