#!/usr/bin/env bash
# The program as users start it: storage by itself, the other commands by oko-light or oko-commands.
#   oko_program.sh OKO
set -euo pipefail
oko=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "failed: $*" >&2; exit 1; }

"$oko" --version | grep -q '^oko [0-9]' || fail "--version"
"$oko" help store | grep -q 'Create buckets; copy, list and remove files in them' || fail "help store"
"$oko" store --help | grep -q 'Create buckets; copy, list and remove files in them' || fail "store --help"
echo photo >"$work/a"
"$oko" --quiet store cp "$work/a" "$work/b"
cmp "$work/a" "$work/b"
code=0
"$oko" --json store cat "$work/none" >/dev/null 2>&1 || code=$?
[ $code = 3 ] || fail "a missing file ended with $code, not 3"
code=0
"$oko" nonsense 2>"$work/told" || code=$?
[ $code = 2 ] && grep -q 'unknown command "nonsense"' "$work/told" || fail "an unknown command"

# A link to it works like itself, a lone copy reports what is missing.
ln -s "$(realpath "$oko")" "$work/link"
"$work/link" --version >/dev/null || fail "a link"
mkdir "$work/bin"
cp "$oko" "$work/bin"
"$work/bin/oko" --quiet store cp "$work/a" "$work/c" || fail "store without the other program"
code=0
"$work/bin/oko" data check "$work" 2>"$work/told" || code=$?
[ $code = 1 ] && grep -q 'libexec/oko-commands: cannot start (' "$work/told" ||
  fail "the other program is missing"

# oko-light has its commands as oko-commands has them, and becomes that one for videos and LibTorch.
libexec=$(dirname "$oko")/../libexec
light=$(sed -n '/kLight{/,/};/p' "$(dirname "$0")/../oko/cli/main.cpp" | grep -o '"[a-z]*"' | tr -d '"')
[ "$(wc -w <<<"$light")" -ge 10 ] || fail "no names of commands in main.cpp"
for command in $light; do
  diff <("$libexec/oko-light" "$command" --help) <("$libexec/oko-commands" "$command" --help) >/dev/null ||
    fail "oko-light $command --help"
done
code=0
"$libexec/oko-light" train --help >/dev/null 2>&1 || code=$?
[ $code = 2 ] || fail "oko-light train ended with $code"
echo "no model" >"$work/model.oko"
echo "no video" >"$work/clip.mp4"
mkdir -p "$work/lone/libexec" "$work/lone/bin"
cp "$libexec/oko-light" "$work/lone/libexec"
starts() { grep -q 'libexec/oko-commands: cannot start (' "$work/told"; }
for words in "clip.mp4" "clip.mp4 --device cpu" "model.oko --engine torch" "model.oko --device cuda"; do
  # shellcheck disable=SC2086
  (cd "$work" && ! lone/libexec/oko-light detect model.oko $words >/dev/null 2>told) && starts ||
    fail "oko-light detect model.oko $words does not start oko-commands"
done
(cd "$work" && ! lone/libexec/oko-light detect model.oko a --device cpu >/dev/null 2>told) && ! starts ||
  fail "oko-light starts oko-commands for an image"
for library in libtorch libopencv_videoio libopencv_imgcodecs libopencv_dnn libarmnn; do
  if ldd "$libexec/oko-light" | grep -q "$library"; then fail "oko-light loads $library"; fi
done
# Without it, as in a bundle, oko-commands does everything.
cp "$oko" "$work/lone/bin" && rm "$work/lone/libexec/oko-light"
(cd "$work" && ! lone/bin/oko detect model.oko a --device cpu >/dev/null 2>told) && starts ||
  fail "oko does not start oko-commands where oko-light is missing"
if ldd "$oko" | grep -q 'libtorch\|libopencv'; then fail "it loads what storage does not need"; fi
echo "the program starts as it should"
