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
expect() {  # expect TARGETS FEATURES
  local found
  found=$(FEATURES=$2 "$qemu" -cpu max -L "$sysroot" "$work/main")
  [[ $found == "$1 " ]] || fail "with '$2': '$found', not '$1'"
}
dot=hw.optional.arm.FEAT_DotProd
matrix=hw.optional.arm.FEAT_I8MM
expect "neondot neon scalar" $dot=1
expect "neondot neon scalar" "$dot=1 $matrix=0"
expect "neoni8mm neondot neon scalar" "$dot=1 $matrix=1"
expect "neon scalar" $dot=0
expect "neon scalar" ""                        # a system that does not know the names
expect "neon scalar" $matrix=1                 # its kernels take dot products too
expect "neon scalar" hw.optional.arm.FEAT_BF16=1  # another feature
# Apple's assembler must take the instructions where its baseline, the A7, lacks them.
assembles() {  # assembles NAME INSTRUCTION
  local statement
  statement=$(sed -n "/^#elif HWY_COMPILER_CLANG/{n;s/^#define OKO_$1_ASM \(\".*\"\)\$/\1/p}" oko/runtime/arm8-inl.h)
  [[ -n $statement ]] || fail "arm8-inl.h has no directive for clang: $1"
  printf 'void f() { asm(%s "%s v0.4s, v1.16b, v2.16b" : : : "v0"); }\n' "$statement" "$2" > "$work/dot.cpp"
  clang++ --target=arm64-apple-ios15.0 -c "$work/dot.cpp" -o "$work/dot.o" || fail "$2 does not assemble for iOS"
}
if command -v clang++ > /dev/null; then
  assembles DOT_PRODUCT sdot
  assembles MATRIX_PRODUCT usmmla
fi
echo "passed"
