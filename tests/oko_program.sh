#!/usr/bin/env bash
# The program as users start it: storage by itself, the other commands by oko-commands.
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
if ldd "$oko" | grep -q 'libtorch\|libopencv'; then fail "it loads what storage does not need"; fi
echo "the program starts as it should"
