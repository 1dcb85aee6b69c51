#!/usr/bin/env bash
# What oko/base/simd.cpp decides on Apple's systems: it is compiled as there, against a sysctlbyname()
# of our own, and run by qemu on a processor that has the dot product.
#   apple.sh COMPILER QEMU SYSROOT REPOSITORY
set -euo pipefail
compiler=$1 qemu=$2 sysroot=$3
cd "$4"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "failed: $*" >&2; exit 1; }

"$compiler" -std=c++20 -I. -isystem tests/arm/apple -c tests/arm/apple_main.cpp -o "$work/main.o"
"$compiler" -std=c++20 -D__APPLE__ -U__linux__ -I. -isystem tests/arm/apple -c oko/base/simd.cpp \
  -o "$work/simd.o"
"$compiler" "$work/main.o" "$work/simd.o" -o "$work/main"
expect() {  # expect TARGETS FEATURE
  local found
  found=$(FEATURE=$2 "$qemu" -cpu max -L "$sysroot" "$work/main")
  [[ $found == "$1 " ]] || fail "with '$2': '$found', not '$1'"
}
expect "neondot neon scalar" hw.optional.arm.FEAT_DotProd=1
expect "neon scalar" hw.optional.arm.FEAT_DotProd=0
expect "neon scalar" ""                              # a system that does not know the name
expect "neon scalar" hw.optional.arm.FEAT_I8MM=1     # another feature
# Apple's assembler must take the instruction where its baseline, the A7, lacks it.
if command -v clang++ > /dev/null; then
  statement=$(sed -n 's/^#define OKO_DOT_PRODUCT_ASM \(".*cortex.*"\)$/\1/p' oko/runtime/sums8-inl.h)
  [[ -n $statement ]] || fail "sums8-inl.h has no directive for clang"
  printf 'void f() { asm(%s "sdot v0.4s, v1.16b, v2.16b" : : : "v0"); }\n' "$statement" > "$work/dot.cpp"
  clang++ --target=arm64-apple-ios15.0 -c "$work/dot.cpp" -o "$work/dot.o" ||
    fail "the dot product does not assemble for iOS"
fi
echo "passed"
