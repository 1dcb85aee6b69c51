#!/usr/bin/env bash
# `oko bench --adb` from end to end: the static program for 64-bit Arm, which scripts/build_bench.sh
# has built, run by qemu on two processors in the place of a phone.
#   arm64.sh OKO PROGRAM MODEL
set -euo pipefail
oko=$1 program=$2 model=$3
[[ -f $program ]] || { echo "skipped: $program is missing (scripts/build_bench.sh)"; exit 77; }
command -v qemu-aarch64 > /dev/null || { echo "skipped: qemu-aarch64 is missing"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "failed: $*" >&2; exit 1; }

mkdir -p "$work/phone/data/local/tmp"
printf 'List of devices attached\nemulated phone\tdevice\n' > "$work/devices"
echo arm64-v8a,armeabi-v7a > "$work/ro.product.cpu.abilist"
export FAKE_ADB=$work
PATH=$(cd "$(dirname "$0")" && pwd):$PATH
cp "$model" "$work/-s model; rm -rf *.oko"
cd "$work"
for try in cortex-a53:neon cortex-a76:neondot max:neoni8mm; do
  FAKE_ADB_RUN="qemu-aarch64 -cpu ${try%:*}" "$oko" bench "./-s model; rm -rf *.oko" --adb \
    --program "$program" --size 64x64 --warm-up 1 --rounds 2 --frame 320x240 --threads 2 --json > out.json ||
    fail "${try%:*}: $(cat out.json)"
  grep -q "\"target\": \"${try#*:}\"" out.json || fail "${try%:*} did not run ${try#*:}"
  grep -q '"abi": "arm64-v8a"' out.json || fail "another program ran"
  grep -q 'emulated phone' out.json && fail "the serial number is in the result"
done
[[ -z $(ls phone/data/local/tmp) ]] || fail "files stay on the phone"
echo "passed"
