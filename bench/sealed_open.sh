#!/usr/bin/env bash
# Opens a model plain and sealed with the phone library, and decrypts the sealed one's content with age.
#   bench/sealed_open.sh OKO OKO_BENCH_SEALED_OPEN MODEL.oko [ROUNDS]
set -euo pipefail
oko=$1 bench=$2 model=$3 rounds=${4:-15}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$oko" --quiet seal keygen "$work/keys"
"$oko" --quiet seal pack "$model" -o "$work/model.sealed" --id model --release 1 \
  --sign "$work/keys/signing.key" --to "$work/keys/model.pub"
"$bench" "$model" "$work/model.sealed" "$(tail -n 1 "$work/keys/signing.pub")" \
  "$(grep AGE-SECRET "$work/keys/model.key")" "$rounds"
tar -C "$work" -xf "$work/model.sealed"
echo "age -d of its $(stat -c %s "$work/model.age") bytes (seconds):"
for _ in 1 2 3 4 5; do
  TIMEFORMAT='  %R, processor %U + %S'
  time age -d -i "$work/keys/model.key" "$work/model.age" >"$work/plain"
done
cmp "$work/plain" "$model"
