#!/usr/bin/env bash
# Which kernels the library chooses on processors with and without the dot product and the matrix
# product (or, of 32-bit ones, with and without the vectors that the kernels need), emulated by qemu.
#   targets.sh QEMU SYSROOT PROGRAM     PROGRAM is targets.c
set -euo pipefail
qemu=$1 sysroot=$2 program=$3
failed=0
known=$("$qemu" -cpu help || true)  # some versions end with 1
expect() {  # expect TARGETS CPU…
  local want=$1 cpu found
  shift
  for cpu in "$@"; do
    if ! grep -qw "$cpu" <<< "$known"; then
      echo "skipped: this qemu has no $cpu"
      continue
    fi
    found=$("$qemu" -cpu "$cpu" -L "$sysroot" "$program") || found="it ended with $?"
    echo "$cpu: $found"
    [[ $found == "$want" ]] || { echo "failed: on $cpu not '$want'" >&2; failed=1; }
  done
}
case ${qemu##*/} in
  qemu-aarch64)
    expect "neon scalar" cortex-a53 cortex-a57 cortex-a72
    expect "neondot neon scalar" cortex-a76 neoverse-n1
    expect "neoni8mm neondot neon scalar" max
    ;;
  qemu-arm)
    expect "scalar" cortex-a8 cortex-a9
    expect "neon scalar" cortex-a7 cortex-a15 max
    ;;
  *) echo "unknown emulator $qemu" >&2; exit 2 ;;
esac
exit $failed
