#!/bin/sh
# Runs the tests of the command line in the build of `fuzz.sh --replay`: without LibTorch, with clang,
# address and undefined-behaviour sanitizers. Continuous integration does so; the presets asan and
# asan-train run the tests of everything in this way, and take more than an hour.
set -eu
cd "$(dirname "$0")/.."
build=build/replay
[ -f $build/build.ninja ] || scripts/fuzz.sh --replay
cmake --build $build --target oko_cli_test >$build.log 2>&1 || { cat $build.log >&2; exit 1; }
# Tests that compute whole networks are left out: it takes minutes in a build without optimisation.
without=Export.*:Detect.*:NeverOverwritesItsInput.WhicheverCommandAndHoweverItIsSpelt
$build/oko/cli/oko_cli_test --gtest_filter="-$without" >$build.log 2>&1 ||
  { cat $build.log >&2; exit 1; }
echo "oko_cli_test with sanitizers: $(sed -n 's/^\[  PASSED  \] //p' $build.log)"
