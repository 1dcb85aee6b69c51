// Changes what Emscripten writes so that bundlers see every file of the engine:
//   node patch_glue.mjs PACKAGE
// Emscripten's module starts its threads' script by itself, and that script imports the module by
// an address that is known at run time only; once bundled neither exists under that name. Here
// src/modules.js starts the threads, and their script imports the module by name.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

// Replaces the one place where `found` is.
function replaceOnce(file, found, replacement) {
  const parts = readFileSync(file, "utf8").split(found);
  if (parts.length !== 2) {
    throw new Error(`${file}: "${found}" is there ${parts.length - 1} times, not once ` +
      "(another Emscripten: adapt patch_glue.mjs to what it writes)");
  }
  writeFileSync(file, parts.join(replacement));
}

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node patch_glue.mjs PACKAGE");
  process.exit(2);
}
const glue = join(folder, "oko-simd-threads.js");
const thread = join(folder, "oko-simd-threads.worker.js");
replaceOnce(glue, 'new Worker(new URL("oko-simd-threads.worker.js",import.meta.url))',
  'Module["newThread"]()');
replaceOnce(glue, 'new Worker(pthreadMainJs)', 'Module["newThread"]()');
replaceOnce(thread, '(e.data.urlOrBlob?import(e.data.urlOrBlob):import("./oko-simd-threads.js"))' +
  ".then(function(exports){return exports.default(Module)})", "instantiate(Module)");
replaceOnce(thread, '"use strict";var Module={};',
  'import instantiate from "./oko-simd-threads.js";\nvar Module={};');
// Relative addresses without a dot are package names to some bundlers.
for (const name of ["oko-simd", "oko-simd-threads"]) {
  replaceOnce(join(folder, `${name}.js`), `new URL("${name}.wasm",import.meta.url)`,
    `new URL("./${name}.wasm",import.meta.url)`);
}
