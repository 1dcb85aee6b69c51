// Puts before the service worker of a package what it keeps: node stamp.mjs PACKAGE
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const kWorker = "sw.js";
const kKept = /\.(js|wasm|css|html|svg)$/;
const kMark = "// ---- Written by stamp.mjs above ----\n";

export function stamp(folder) {
  const names = readdirSync(folder).filter((name) => kKept.test(name) && name !== kWorker).sort();
  const files = Object.fromEntries(names.map((name) => {
    const hash = createHash("sha256").update(readFileSync(join(folder, name))).digest("base64");
    return [name, `sha256-${hash}`];
  }));
  const list = JSON.stringify(files, null, 2);
  const worker = readFileSync(join(folder, kWorker), "utf8").split(kMark).at(-1);
  // The worker's own text is part of the version: what it keeps may change with it.
  const version = createHash("sha256").update(list + worker).digest("hex").slice(0, 16);
  writeFileSync(join(folder, kWorker),
    `const kVersion = "${version}";\nconst kFiles = ${list};\n${kMark}${worker}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  if (process.argv.length !== 3) {
    console.error("usage: node stamp.mjs PACKAGE");
    process.exit(2);
  }
  stamp(process.argv[2]);
}
