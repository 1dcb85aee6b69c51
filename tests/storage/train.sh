#!/usr/bin/env bash
# A training wholly in a bucket: pictures and run folder lie there, this machine keeps nothing.
# Disturbed by kill -9 again and again, each time going on with an empty home and working folder as
# on another machine, it must end with the very weights of the same training on disk.
#   train.sh OKO FOLDER_OF_TEST_SERVERS gcs|s3rver|radosgw [KILLS [SEED]]
# OKO_DATA names the folder of the reference data. NETWORK and EPOCHS change what is trained.
set -euo pipefail
oko=$(realpath "$1") servers=$(realpath "$2") kind=$3 kills=${4:-5}
RANDOM=${5:-1}
pictures=${OKO_DATA:-}/raccoon
if [ ! -d "$pictures" ]; then
  echo "skipped: $pictures is not there (set OKO_DATA to the folder of the reference data)"
  exit 77
fi
. "$(dirname "$0")/servers.sh"
trap stop_servers EXIT
unset AWS_CA_BUNDLE AWS_PROFILE GOOGLE_APPLICATION_CREDENTIALS https_proxy http_proxy
unset XDG_STATE_HOME XDG_CACHE_HOME XDG_CONFIG_HOME

case $kind in
  gcs)
    run_server gcs "$servers/gcs_server"
    port=$(first_line gcs)
    export STORAGE_EMULATOR_HOST=http://127.0.0.1:$port GOOGLE_CLOUD_PROJECT=p
    bucket=gs://oko-train
    ;;
  s3rver | radosgw)
    # Ceph keeps what was removed for hours, here in memory: no large checkpoints.
    [ "$kind" = s3rver ] || NETWORK=${NETWORK:-yolo-fastest}
    "start_$kind" || exit 77
    export AWS_ACCESS_KEY_ID=$S3_KEY AWS_SECRET_ACCESS_KEY=$S3_SECRET AWS_REGION=us-east-1
    export AWS_ENDPOINT_URL=$S3_ENDPOINT
    bucket=s3://oko-train
    ;;
  *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

# another_machine: from here on nothing of what oko kept on this one is there
machines=0
another_machine() {
  machines=$((machines + 1))
  export HOME=$servers_work/machine-$machines
  mkdir "$HOME"
  cd "$HOME"
}

flags=(--network "${NETWORK:-yolov3-tiny}" --from none --width 96 --epochs "${EPOCHS:-6}" --batch 2
  --precision fp32 --threads 2 --plain-epochs 1 --checkpoint-minutes .02)
train() { "$oko" --quiet train "$1" --out "$2" "${flags[@]}" "${@:3}"; }

milliseconds() { echo $(($(date +%s%N) / 1000000)); }

# weights FILE: the tensors of an .oko file, which follow a header of the length it begins with
weights() { tail -c +$((9 + $(od -An -t u8 -N 8 "$1"))) "$1"; }

# speed RUN: images per second and the share of time waited, first epoch and the others
speed() {
  "$oko" store cat "$1/log.jsonl" | awk '
    function number(key) {
      return match($0, "\"" key "\":[-+.e0-9]+") ? \
        substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0 : 0
    }
    /"event":"step"/ { images[number("epoch") > 0] += number("images") }
    /"event":"epoch"/ {
      later = number("epoch") > 0
      seconds[later] += number("seconds")
      waited[later] += number("wait") * number("seconds")
    }
    END {
      for (i = 0; i < 2; ++i) {
        printf "%s%.1f images/s, %.1f %% waited", i ? "; then " : "first epoch ", \
          images[i] / seconds[i], 100 * waited[i] / seconds[i]
      }
      print ""
    }'
}

disk=$servers_work/disk
mkdir -p "$disk/photos/JPEGImages" "$disk/photos/Annotations"
for ((i = 1; i <= 40; ++i)); do
  cp "$pictures/JPEGImages/raccoon-$i.jpg" "$disk/photos/JPEGImages/"
  cp "$pictures/Annotations/raccoon-$i.xml" "$disk/photos/Annotations/"
done

another_machine
train "$disk/photos" "$disk/run"
echo "on disk:     $(speed "$disk/run")"

"$oko" --quiet store mb $bucket
"$oko" --quiet store cp -r "$disk/photos" $bucket/photos
another_machine
begin=$(milliseconds)
train $bucket/photos $bucket/calm
took=$(($(milliseconds) - begin))
echo "in a bucket: $(speed $bucket/calm)"

# newest: the last checkpoint in the run's folder, or nothing
run=$bucket/run
newest() { { "$oko" store ls "$run/checkpoints" 2>/dev/null || true; } | sort | tail -n 1; }
resume_flag() { if "$oko" store stat "$run/run.toml" >/dev/null 2>&1; then echo --resume; fi; }
# wait_for_progress PROCESS: until it has written a checkpoint or ended
wait_for_progress() {
  local before
  before=$(newest)
  while kill -0 "$1" 2>/dev/null && [ "$(newest)" = "$before" ]; do sleep .2; done
}

killed=0 resumed=""
for ((i = 0; i < kills; ++i)); do
  another_machine
  # Not train(), which would be a shell to kill in front of oko.
  # shellcheck disable=SC2046  # no word at all if there is nothing to resume
  "$oko" --quiet train $bucket/photos --out $run "${flags[@]}" $(resume_flag) &
  pid=$!
  # By turns at any moment, and soon after a checkpoint.
  longest=$((took / 3))
  if [ $((i % 2)) = 1 ]; then
    wait_for_progress $pid
    longest=2000
  fi
  pause=$((RANDOM * longest / 32768))
  sleep "$(printf '%d.%03d' $((pause / 1000)) $((pause % 1000)))"
  if kill -9 "$pid" 2>/dev/null; then killed=$((killed + 1)); fi
  wait "$pid" 2>/dev/null || true
  last=$(newest)
  last=${last##*/}
  resumed+=" ${last:-nothing}"
done
another_machine
# shellcheck disable=SC2046
train $bucket/photos $run $(resume_flag)

last=$(basename "$(newest)")
"$oko" --quiet store cp $run/model.oko model.oko
"$oko" --quiet store cp "$run/checkpoints/$last" last.oko
cmp <(weights "$disk/run/model.oko") <(weights model.oko)
cmp <(weights "$disk/run/checkpoints/$last") <(weights last.oko)
"$oko" --quiet store cp $bucket/calm/model.oko calm.oko
cmp <(weights "$disk/run/model.oko") <(weights calm.oko)
echo "$kind: killed $killed of $kills times, going on from$resumed;" \
  "model and $last are equal to the bit to those on disk"
