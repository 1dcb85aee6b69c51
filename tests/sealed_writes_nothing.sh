#!/usr/bin/env bash
# Opening a sealed model writes no file, not even for a moment: what strace sees of the system calls
# that make, change or rename one.
#   sealed_writes_nothing.sh OKO MODEL PICTURE
set -euo pipefail
oko=$1 model=$2 picture=$3
command -v strace >/dev/null || { echo "skipped: no strace"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strace -o "$work/log" true 2>/dev/null || { echo "skipped: strace may not trace here"; exit 77; }
calls=open,openat,openat2,creat,memfd_create,rename,renameat,renameat2,link,linkat,symlink,symlinkat
calls=$calls,mkdir,mkdirat,mknod,mknodat,truncate
fail() { echo "failed: $*" >&2; exit 1; }

"$oko" --quiet seal keygen "$work/keys"
"$oko" --quiet seal pack "$model" -o "$work/model.oko.sealed" --id model --release 1 \
  --sign "$work/keys/signing.key" --to "$work/keys/model.pub"

# Runs it traced, and shows the calls that write to what is neither a terminal nor a device.
traced() {
  strace -f -o "$work/log" -e trace="$calls" "$oko" --quiet "$@" >/dev/null
  grep -E '^[0-9]+ +(creat|memfd_create|rename|link|symlink|mkdir|mknod|truncate)|O_(WRONLY|RDWR|CREAT|TMPFILE)' \
    "$work/log" | grep -v -E ' = -1 |"/dev/' || true
}
for command in inspect "detect $picture"; do
  read -r -a words <<<"$command"
  name=${words[0]}
  found=$(traced "$name" "$work/model.oko.sealed" "${words[@]:1}" --key "$work/keys/model.key")
  [ -s "$work/log" ] || fail "$name was not traced"
  [ -z "$found" ] || fail "oko $name wrote: $found"
done
# The trace does see a file that is written.
[ -n "$(traced seal open "$work/model.oko.sealed" --signer "$work/keys/signing.pub" \
  --key "$work/keys/model.key" -o "$work/plain.oko")" ] || fail "the trace is blind"
