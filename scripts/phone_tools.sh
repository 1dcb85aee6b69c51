#!/bin/sh
# Installs tools that check the phone apps' sources on a desktop, the Kotlin compiler and a parser
# for Swift, and for sealed models the test vectors of the age format and its package for JavaScript,
# from the npm registry to build/phone-tools. Builds that are configured afterwards find them there;
# without them their tests are skipped. Kotlin needs a JDK (openjdk-17-jdk-headless).
set -eu
cd "$(dirname "$0")/.."
npm install --prefix build/phone-tools --ignore-scripts --legacy-peer-deps --no-audit --no-fund \
  --no-save kotlin-compiler@2.4.20 tree-sitter@0.22.4 tree-sitter-swift@0.7.1 cctv-age@0.2.0 \
  age-encryption@0.3.1
node scripts/age_vectors.mjs build/phone-tools/node_modules/cctv-age build/phone-tools/age_vectors
echo "phone_tools: done"
