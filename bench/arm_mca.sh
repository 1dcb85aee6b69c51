#!/usr/bin/env bash
# How well the engine's inner loops fill the vector pipes of Arm processors, as LLVM's scheduling models
# see it: nothing is run or timed. docs/engine.md has the method and a table.
#   arm_mca.sh [--check SHARE] [OBJECT…]   of kernels.cpp and kernels8.cpp, compiled for 64-bit Arm;
#                          by default those of build/arm64 (cmake --preset arm64). --check fails if a loop
#                          of products has less than SHARE percent of the peak on a processor that
#                          runs instructions out of order, and ends with 77 where a program is missing
# Needs binutils-aarch64-linux-gnu and llvm-19 (Debian 12 and 13). LLVM_MCA names another llvm-mca.
set -euo pipefail
fail() { echo "arm_mca: $*" >&2; exit 1; }
least=
if [[ ${1:-} == --check ]]; then
  least=${2:-}
  [[ $least =~ ^[0-9]+$ ]] || fail "--check takes a percentage"
  shift 2
fi
mca=${LLVM_MCA:-llvm-mca-19}
objdump=aarch64-linux-gnu-objdump
for program in "$mca" $objdump; do
  if ! command -v "$program" > /dev/null; then
    hint="hint: apt-get install llvm-19 binutils-aarch64-linux-gnu"
    [[ -z $least ]] || { echo "skipped: $program is missing; $hint"; exit 77; }
    fail "$program is missing; $hint"
  fi
done
objects=("$@")
if ((${#objects[@]} == 0)); then
  folder=$(dirname "$0")/../build/arm64/oko/runtime/CMakeFiles/oko_runtime.dir
  objects=("$folder/kernels.cpp.o" "$folder/kernels8.cpp.o")
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for object in "${objects[@]}"; do
  [[ -f $object ]] || fail "$object is missing; hint: cmake --preset arm64 && cmake --build --preset arm64"
  $objdump -dC --no-show-raw-insn "$object"
done > "$work/code"

# Models by the processors that they were written for, and instructions a cycle that these decode: the A76
# is a Neoverse N1, the X1 a Neoverse V1 without SVE and the A710 a Neoverse N2 (LLVM's own entries for
# these cores have the model of the A57). Of Apple's processors there is only the A7's: 3 vector pipes.
models=(cortex-a53 cortex-a55 cortex-a510 neoverse-n1 neoverse-n2 neoverse-v1 apple-m1)
declare -A decode=([neoverse-n1]=4 [neoverse-n2]=5 [neoverse-v1]=8)
in_order=" cortex-a53 cortex-a55 cortex-a510 "

# name | its function | what multiplies | models that have these instructions and are likely to run it
old="cortex-a53"
dot="cortex-a55 neoverse-n1 neoverse-v1 apple-m1"
matrix="cortex-a510 neoverse-n2 neoverse-v1 apple-m1"
all="cortex-a53 $dot"
loops=(
  "float32 product, 8 x 8|gemm_block<8, 2, false>|fmla|$all"
  "float32 depthwise 3x3|depthwise_row<3, 1, 4>|fmla|$all"
  "float32 depthwise 5x5|depthwise_row<5, 1, 8>|fmla|$all"
  "int8 product, smull, smlal, sadalp, 2 x 8|gemm8_block<[^>]*LongDot, 2, 2>|smull|smlal2?|sadalp|$old"
  "int8 product, sdot, 8 x 8|gemm8_block<[^>]*SignedDot, 8, 2>|sdot|$dot"
  "int8 product, usmmla, 8 x 8|gemm8_block<[^>]*MatrixDot, 8, 2>|usmmla|$matrix"
)

# The instructions without a jump in between, in or out, that have most multiplications in a function: the
# body of its innermost loop.
cut_loop() {  # cut_loop FUNCTION MULTIPLICATIONS
  FUNCTION=$1 MULTIPLY=$2 awk '
    function finish() {
      if (multiplications > most) { most = multiplications; from = first; to = i }
      multiplications = 0
    }
    /^[0-9a-f]+ </ { inside = $0 ~ ENVIRON["FUNCTION"] && (inside || count == 0); next }
    inside && NF > 1 {
      address[count] = $1; sub(":", "", address[count])
      text = $0; sub(/^[^\t]*\t/, "", text); sub(/[ \t]*\/\/.*/, "", text)
      if (text ~ /^(b|b\.[a-z]+|cbn?z|tbn?z)[ \t]/) {
        jump[count] = 1
        target = text; sub(/ <.*/, "", target); sub(/.*[ \t]/, "", target)
        label[target] = 1
      }
      code[count++] = text
    }
    END {
      for (i = 0; i < count; ++i) {
        if (address[i] in label) { finish(); first = i }
        if (code[i] ~ "^(" ENVIRON["MULTIPLY"] ")[ \t]") ++multiplications
        if (i in jump) { finish(); first = i + 1 }
      }
      finish()
      if (most == 0) exit 1
      for (i = from; i <= to && i < count; ++i) {
        if (i in jump) sub(/[0-9a-f]+ <.*/, ".Lloop", code[i])
        if (!(i in jump) && address[i] in label && i > from) break
        print code[i]
      }
    }' "$work/code"
}

# As many multiplications, each with sums of its own, and nothing else.
independent() {
  awk '
    { count[$1]++ }
    /\[/ { lanes = 1 }
    END {
      for (name in count) {
        for (i = 0; i < count[name]; ++i) {
          r = "v" i % 24
          if (name == "fmla") print "fmla " r ".4s, v30.4s, " (lanes ? "v31.s[0]" : "v31.4s")
          else if (name == "smull") trio = 1
          else if (name == "sdot") print "sdot " r ".4s, v30.16b, v31.16b"
          else if (name == "usmmla") print "usmmla " r ".4s, v30.16b, v31.16b"
        }
      }
      if (!trio) exit
      for (i = 0; i < count["sadalp"]; i += 8) {
        for (j = 0; j < 8; ++j) print "smull v" j ".8h, v30.8b, v31.8b"
        for (j = 0; j < 8; ++j) print "smlal2 v" j ".8h, v30.16b, v31.16b"
        for (j = 0; j < 8; ++j) print "sadalp v" (8 + (i + j) % 16) ".4s, v" j ".8h"
      }
    }' "$1"
}

# Cycles of one round: as simulated, and what units and decoders need if nothing waits.
cycles() {  # cycles MODEL < CODE
  { echo ".Lloop:"; cat; } > "$work/mca.s"
  "$mca" -mtriple=aarch64-linux-gnu -mcpu="$1" ${decode[$1]:+-dispatch=${decode[$1]}} \
    -mattr=+dotprod,+i8mm,+fullfp16,+fp16fml,+bf16 -iterations=400 "$work/mca.s" 2> "$work/errors" |
    awk '/^Total Cycles:/ { simulated = $3 / 400 } /^Block RThroughput:/ { bound = $3 }
      END { if (bound == "") exit 1; printf "%.2f %.2f", simulated, bound }' ||
    fail "llvm-mca for $1: $(head -3 "$work/errors")"
}

printf '| loop | instructions |'
printf ' %s |' "${models[@]}"
printf '\n|---|---|'
printf -- '---|%.0s' "${models[@]}"
echo
failed=0
for loop in "${loops[@]}"; do
  name=${loop%%|*} rest=${loop#*|}
  function=${rest%%|*} rest=${rest#*|}
  on=${rest##*|} multiply=${rest%|*}
  cut_loop "$function" "$multiply" > "$work/loop" || fail "no loop of $multiply in $function"
  grep -E "^($multiply)\b" "$work/loop" > "$work/products"
  printf '| %s | %d, %d multiply |' "$name" "$(wc -l < "$work/loop")" "$(wc -l < "$work/products")"
  for model in "${models[@]}"; do
    if [[ " $on " != *" $model "* ]]; then printf ' |'; continue; fi
    loop_cycles=$(cycles "$model" < "$work/loop")
    peak_cycles=$(independent "$work/products" | cycles "$model")
    shares=$(awk -v loop="$loop_cycles" -v peak="$peak_cycles" 'BEGIN {
      split(loop, l, " "); split(peak, p, " ")
      printf "%.0f %.0f", 100 * p[2] / l[1], 100 * p[2] / l[2] }')
    share=${shares% *} most=${shares#* }
    if [[ $in_order == *" $model "* ]]; then
      printf ' %s–%s %% |' "$share" "$most"
      continue
    fi
    printf ' %s %% |' "$share"
    if [[ -n $least && $name == *product* ]] && ((share < least)); then
      echo "failed: $name on $model: $share %" >&2
      failed=1
    fi
  done
  echo
done
exit $failed
