#!/usr/bin/env bash
# Feeds mutated files to the readers of untrusted bytes (libFuzzer with address and undefined-
# behaviour sanitizers) and fails on the first crash, leak, hang or undefined behaviour.
#
#   scripts/fuzz.sh [--seconds N] [READER…]   fuzz for N seconds in total, shared by the readers (60)
#   scripts/fuzz.sh --replay [READER…]        only run the files of fuzz/corpus once
#
# READER is a name such as darknet_cfg (fuzz/darknet_cfg_fuzz.cpp); without one: all of them.
# Builds in build/fuzz (build/replay, where compiling takes longer than running) with clang and
# without LibTorch. A crashing input is kept in crashes there and named in the output: add it to
# fuzz/corpus/READER when it is fixed.
set -euo pipefail
cd "$(dirname "$0")/.."

build=build/fuzz
seconds=60
replay=0
readers=()
while (($#)); do
  case "$1" in
    --seconds) seconds="${2:?--seconds needs a number}"; shift ;;
    --replay) replay=1 ;;
    -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "fuzz.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
    *) readers+=("$1") ;;
  esac
  shift
done
optimise=-O1  # for speed
if ((replay)); then
  build=build/replay
  optimise=-O0
fi
command -v clang++ > /dev/null || { echo "fuzz.sh: clang++ is missing (scripts/setup.sh)" >&2; exit 1; }
if ((${#readers[@]} == 0)); then
  for source in fuzz/*_fuzz.cpp; do readers+=("$(basename "$source" _fuzz.cpp)"); done
fi
for reader in "${readers[@]}"; do
  [[ -f fuzz/${reader}_fuzz.cpp ]] || { echo "fuzz.sh: there is no reader $reader" >&2; exit 2; }
done

# Debug for the assertions.
cmake -S . -B "$build" -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
  -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="$optimise -g -fno-sanitize-recover=all" \
  -DCMAKE_COMPILE_WARNING_AS_ERROR=ON -DOKO_FUZZ=ON -DOKO_TRAIN=OFF -DOKO_TESTS=ON \
  -DOKO_SANITIZE=fuzzer-no-link,address,undefined > "$build.log" 2>&1 ||
  { cat "$build.log" >&2; exit 1; }
cmake --build "$build" --target "${readers[@]/%/_fuzz}" > "$build.log" 2>&1 ||
  { cat "$build.log" >&2; exit 1; }

share=$((seconds / ${#readers[@]}))
((share > 0)) || share=1
mkdir -p "$build/crashes"
failed=()
for reader in "${readers[@]}"; do
  seeds="fuzz/corpus/$reader"
  found="$build/found/$reader"
  mkdir -p "$found"
  [[ -n $(ls -A "$seeds" 2> /dev/null) ]] || { echo "fuzz.sh: $seeds has no files" >&2; exit 1; }
  options=(-rss_limit_mb=2048 -timeout=20 -artifact_prefix="$build/crashes/$reader-" -verbosity=0
    -print_final_stats=1)
  if ((replay)); then
    options+=(-runs=0 "$seeds")
  else
    options+=(-max_total_time="$share" "$found" "$seeds")
  fi
  if "$build/fuzz/${reader}_fuzz" "${options[@]}" > "$build.log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build.log")
    echo "$reader: $runs inputs, no failure"
  else
    cat "$build.log" >&2
    failed+=("$reader")
  fi
done
if ((${#failed[@]})); then
  echo "fuzz.sh: failed: ${failed[*]}; inputs are in $build/crashes" >&2
  exit 1
fi
