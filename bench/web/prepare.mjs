// What the benchmark needs on disk: each model's files for every engine, and a site with the
// engines and those files.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const kHere = dirname(fileURLToPath(import.meta.url));

// Where each engine's files come from and go to.
const kPackages = [
  ["onnxruntime-web/dist", "onnxruntime",
    /^ort(\.wasm\.bundle\.min|-wasm-simd-threaded)\.(mjs|wasm)$/],
  ["@litertjs/core/dist", "litert/core", /^index\.js$/],
  ["@litertjs/core/wasm", "litert/wasm", /\.(js|wasm)$/],
  ["@litertjs/wasm-utils/dist", "litert/wasm-utils", /^index\.js$/],
  ["@tensorflow/tfjs-core/dist", "tensorflow", /^tf-core\.min\.js$/],
  ["@tensorflow/tfjs-backend-cpu/dist", "tensorflow", /^tf-backend-cpu\.min\.js$/],
  ["@tensorflow/tfjs-backend-wasm/dist", "tensorflow", /^tf-backend-wasm\.min\.js$/],
  ["@tensorflow/tfjs-backend-wasm/wasm-out", "tensorflow", /\.wasm$/],
];

export function makeSite(folder, okoPackage) {
  if (!existsSync(join(okoPackage, "oko.js"))) {
    throw new Error(`${okoPackage} is not oko's web package (run scripts/build_web.sh)`);
  }
  cpSync(join(kHere, "page"), folder, { recursive: true });
  cpSync(okoPackage, join(folder, "oko"), { recursive: true });
  for (const [from, to, wanted] of kPackages) {
    const source = join(kHere, "node_modules", from);
    if (!existsSync(source)) throw new Error(`${source} is missing (npm ci --prefix bench/web)`);
    cpSync(source, join(folder, to), {
      recursive: true,
      filter: (path) => path === source || wanted.test(basename(path)),
    });
  }
}

// Writes the model's files to site/models/NAME; returns that address.
export function prepareModel(site, model, { input, engine, oko }) {
  const name = basename(model, [".oko", ".cfg"].find((end) => model.endsWith(end)));
  const address = `models/${name}`;
  const folder = join(site, address);
  mkdirSync(folder, { recursive: true });
  run(engine, [model, "--prepare", "--work", folder,
    ...(input === undefined ? [] : ["--input", input])]);
  for (const precision of ["fp32", "int8"]) {
    run(oko, ["export", join(folder, `${precision}.oko`), "--to", "tflite",
      "--precision", precision, "--no-check", "--stem", precision, "-o", join(folder, "tflite")]);
    renameSync(join(folder, "tflite", `${precision}.tflite`), join(folder, `${precision}.tflite`));
  }
  return address;
}

function run(program, args) {
  if (!existsSync(program)) throw new Error(`${program} is missing (bench/README.md builds it)`);
  execFileSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
}
