#!/usr/bin/env bash
# From nothing to a detector, without photos of your own: installs what is needed,
# builds oko, creates a small dataset, checks it, trains on it, evaluates the model on images it has
# not seen, exports it for iOS and ONNX, and draws its detections in some of those images. Everything
# is written to demo/. Safe to run again.
#
#   scripts/demo.sh                     all of it
#   scripts/demo.sh --no-setup          without installing packages
set -euo pipefail
cd "$(dirname "$0")/.."

oko=build/release/oko/cli/oko
times=""

# step NAME COMMAND…: shows the command, runs it, records its time.
step() {
  local name=$1 begin=$SECONDS
  shift
  printf '\n\033[1m%s\033[0m\n$ %s\n' "$name" "$*"
  "$@"
  times+=$(printf '%-10s %4d s' "$name" $((SECONDS - begin)))$'\n'
}

build() {
  cmake --preset release >/dev/null
  cmake --build --preset release --target oko oko_demo_dataset
}

make_dataset() {
  local photographs
  mapfile -t photographs < <(dpkg -L lomiri-wallpapers-16.04 | grep '\.jpg$')
  build/release/examples/demo_dataset/oko_demo_dataset demo/data "${photographs[@]}"
}

[ "${1:-}" = --no-setup ] || step setup scripts/setup.sh
step build build

rm -rf demo/data demo/run demo/found demo/ios demo/onnx
mkdir -p demo
step dataset make_dataset
step check "$oko" data check demo/data
step show "$oko" data show demo/data -o demo/contact.png
# From scratch, so small images and many steps: each epoch takes some seconds. Few, tight objects
# need neither mosaic nor a long warm-up.
step train "$oko" train demo/data --network yolov3-tiny --from none --width 192 --epochs 20 --batch 8 \
  --mosaic 0 --plain-epochs 0 --scale-low .7 --scale-high 1.4 --warmup-epochs 1 --out demo/run
step eval "$oko" eval demo/run demo/data --report demo/report.html
mapfile -t unseen < <(head -n 12 demo/data/ImageSets/Main/val.txt |
  sed 's|.*|demo/data/JPEGImages/&.jpg|')
step export "$oko" export demo/run --to coreml --precision fp16 --stem demo -o demo/ios \
  --images demo/data/JPEGImages --count 4
step export "$oko" export demo/run --to onnx --stem demo -o demo/onnx \
  --images demo/data/JPEGImages --count 4
step detect "$oko" detect demo/run "${unseen[@]}" -o demo/found

printf '\n%s\n' "$times"
cat <<END
dataset    demo/contact.png
training   demo/run/report.html
held out   demo/report.html
found      demo/found/
model      demo/run/model.oko
for iOS    demo/ios/
ONNX       demo/onnx/
END
echo "demo: done, $SECONDS s in total"
