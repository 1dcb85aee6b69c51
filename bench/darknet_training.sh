#!/bin/sh
# Images per second of training with the original Darknet, to compare with oko_bench_training.
# usage: bench/darknet_training.sh CFG PICTURES [ITERATIONS]
#   CFG       a network of 80 classes, for example Darknet's own yolov3-tiny.cfg
#   PICTURES  a folder of .jpg files
# Trains at 416x416 with batch 8 in a temporary folder. The labels are synthetic: their number hardly
# changes the time.
set -eu

if [ $# -lt 2 ]; then
  sed -n 's/^# usage: /usage: /p' "$0" >&2
  exit 2
fi
if ! command -v darknet > /dev/null; then
  echo "darknet is not installed (Debian: apt-get install darknet); nothing to time"
  exit 0
fi
cfg=$1 pictures=$2 iterations=${3:-3} batch=8

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
mkdir "$folder/images" "$folder/labels" "$folder/backup"
find "$(cd "$pictures" && pwd)" -name '*.jpg' | head -n 64 | while read -r picture; do
  name=$(basename "$picture" .jpg)
  ln -s "$picture" "$folder/images/$name.jpg"
  for i in 1 2 3 4 5; do echo "$i 0.$((i + 2)) 0.$((8 - i)) 0.$i 0.2"; done > "$folder/labels/$name.txt"
  echo "$folder/images/$name.jpg" >> "$folder/train.txt"
done
if [ ! -s "$folder/train.txt" ]; then
  echo "darknet_training.sh: $pictures: no .jpg files" >&2
  exit 3
fi

sed -e "s/^batch *=.*/batch=$batch/" -e 's/^subdivisions *=.*/subdivisions=1/' \
  -e 's/^\(width\|height\) *=.*/\1=416/' -e 's/^random *=.*/random=0/' \
  -e "s/^max_batches *=.*/max_batches=$iterations/" "$cfg" > "$folder/net.cfg"
seq 80 > "$folder/names"
printf 'classes=80\ntrain=%s\nnames=%s\nbackup=%s\n' \
  "$folder/train.txt" "$folder/names" "$folder/backup" > "$folder/net.data"

# Its output per iteration: "2: 801.2, 802.9 avg, 0.000000 rate, 41.3 seconds, 16 images". The
# first one also allocates; the median of the others is used.
(cd "$folder" && darknet detector train net.data net.cfg -clear > log 2>&1) || {
  tail -n 5 "$folder/log" >&2
  exit 1
}
sed -n 's/^[0-9]*: .* rate, \([0-9.]*\) seconds.*/\1/p' "$folder/log" |
  { [ "$iterations" -gt 1 ] && tail -n +2 || cat; } | sort -n |
  awk -v batch="$batch" '{ s[NR] = $1 }
    END {
      if (!NR) exit 1
      median = s[int((NR + 1) / 2)]
      printf "darknet: %.3f images/s (median of %d iterations, %.1f s each)\n", batch / median, NR, median
    }' || { echo "darknet_training.sh: darknet reported no iterations" >&2; exit 1; }
