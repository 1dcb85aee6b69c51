#!/bin/sh
# Builds the web package and tests it: the engine in node, the page in headless Chromium with a fake
# camera, and fresh projects of bundlers, all compared with the native engine and the reference
# results.
#
#   scripts/test_web.sh
#
# OKO_DATA names the reference data. OKO_CHROMIUM names a Chromium or Chrome. OKO_WEB_SCREENSHOTS
# names a folder for screenshots. OKO_COMMAND names the oko command, whose sealed models, TypeScript and
# page for phones are tried too (default: that of build/release). What is missing is printed and skipped.
set -eu
cd "$(dirname "$0")/.."
started=$(date +%s)

scripts/build_web.sh
command -v npm >/dev/null || { echo "test_web: npm is missing (install it)" >&2; exit 1; }
cmake --preset phone -B build/web/native
cmake --build build/web/native --target oko_web_make_model oko_web_native_detect
(cd apps/web && npm ci --no-audit --no-fund --silent)

skipped=""
(cd apps/web/test/projects && npm ci --ignore-scripts --no-audit --no-fund --silent) ||
  skipped="$skipped; fresh projects (npm could not install the bundlers)"
data="${OKO_DATA:-$PWD/../shared/data}"
[ -d "$data/golden" ] || skipped="$skipped; everything that needs the reference data (OKO_DATA)"
chromium="${OKO_CHROMIUM:-$(command -v chromium || command -v google-chrome || true)}"
[ -n "$chromium" ] || skipped="$skipped; the page (there is no Chromium)"
if ! command -v ffmpeg >/dev/null; then
  chromium=""
  skipped="$skipped; the page (there is no ffmpeg to make the camera's clip)"
fi

[ -d build/phone-tools/node_modules/age-encryption ] ||
  skipped="$skipped; sealed models (run scripts/phone_tools.sh)"
command="${OKO_COMMAND:-$PWD/build/release/oko/cli/oko}"
[ -x "$command" ] ||
  skipped="$skipped; oko phone, and what oko seal pack and oko export write (there is no oko command)"
command -v zbarimg >/dev/null || skipped="$skipped; QR codes (there is no zbarimg)"

export OKO_DATA="$data" OKO_CHROMIUM="$chromium" OKO_COMMAND="$command"
export OKO_WEB_PACKAGE="$PWD/build/web/package" OKO_WEB_NATIVE="$PWD/build/web/native/apps/web/test"
apps/web/node_modules/.bin/tsc --project apps/web/test/tsconfig.json
node --test --test-reporter=spec --test-concurrency=1 \
  apps/web/test/serve.test.mjs apps/web/test/engine.test.mjs apps/web/test/track.test.mjs apps/web/test/sealed.test.mjs \
  apps/web/test/browser.test.mjs apps/web/test/live.test.mjs apps/web/test/trouble.test.mjs apps/web/test/offline.test.mjs \
  apps/web/test/bench.test.mjs apps/web/test/phone.test.mjs apps/web/test/projects.test.mjs

echo "test_web: all passed, $(($(date +%s) - started)) s in total"
[ -z "$skipped" ] || echo "test_web: NOT tested:${skipped#;}"
