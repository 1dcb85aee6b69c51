#!/bin/sh
# Every C++ file lies as .clang-format has it. Versions of clang-format differ in details, so only
# Debian 12's counts, 14; another one is skipped (exit code 77).
set -eu
cd "$(dirname "$0")/.."
if ! clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
  echo "skipped: needs clang-format 14"
  exit 77
fi
find oko include tests apps bench examples fuzz -name node_modules -prune -o \
  \( -name '*.cpp' -o -name '*.h' -o -name '*.hpp' \) -print0 |
  xargs -0 clang-format --dry-run -Werror
