#!/bin/sh
# Builds the web engine, with threads and without, and puts the npm package with its page into
# build/web/package.
#
#   scripts/build_web.sh
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh --wasm
scripts/libsodium.sh

package=build/web/package
for variant in single threads; do
  threads=OFF
  [ "$variant" = single ] || threads=ON
  cmake --preset wasm -B "build/web/$variant" -DOKO_TESTS=OFF -DOKO_WASM_THREADS=$threads
  cmake --build "build/web/$variant" --target oko_web
done

rm -rf "$package"
mkdir -p "$package"
cp LICENSE apps/web/package.json apps/web/README.md apps/web/src/* apps/web/page/* \
  build/web/single/apps/web/oko-simd.js build/web/single/apps/web/oko-simd.wasm \
  build/web/threads/apps/web/oko-simd-threads.js \
  build/web/threads/apps/web/oko-simd-threads.wasm \
  build/web/threads/apps/web/oko-simd-threads.worker.js "$package"
node apps/web/engine/patch_glue.mjs "$package"
node apps/web/stamp.mjs "$package"
for file in "$package"/*.wasm; do
  echo "build_web: $file, $(gzip -9 -c "$file" | wc -c) bytes gzipped"
done
