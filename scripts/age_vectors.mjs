// age_vectors.mjs PACKAGE OUT: writes the test vectors of npm's cctv-age as one file for tests that
// have neither JavaScript nor zlib: for each a line with its name and size, then that many bytes,
// its head and its file, inflated.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inflateSync } from "node:zlib";

const [folder, out] = process.argv.slice(2);
const module = await import(pathToFileURL(join(folder, "index.js")).href);
const vectors = Object.entries(module.default ?? module)
  .filter(([, bytes]) => bytes instanceof Uint8Array);
const parts = vectors.flatMap(([name, given]) => {
  const bytes = Buffer.from(given);
  const end = bytes.indexOf("\n\n") + 2;
  const head = bytes.subarray(0, end);
  const packed = bytes.subarray(end);
  const file = head.includes("compressed: zlib\n") ? inflateSync(packed) : packed;
  return [Buffer.from(`${name} ${head.length + file.length}\n`), head, file];
});
writeFileSync(out, Buffer.concat(parts));
console.log(`age_vectors: ${vectors.length} vectors`);
