// Fresh projects that install the package as npm packs it, are built by each bundler without any
// settings, and run in Chromium: with threads and without, in a worker and on the page, they find
// what the native engine finds.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serve } from "../serve.mjs";
import {
  assertSameBoxes, data, kChromium, kFolder, kPackage, makeModel, nativeDetect, noBrowser, noData,
} from "./support.mjs";

const kTools = fileURLToPath(new URL("projects/node_modules", import.meta.url));
const noTools = existsSync(kTools) ? false
  : "the bundlers are not installed (npm ci in apps/web/test/projects)";
const kTypeScript =
  fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));
const kCommand = process.env.OKO_COMMAND;
const noCommand = kCommand && existsSync(kCommand) ? false : "there is no oko command";
const kModel = "yolo-fastest-1.1-xl";

const kFrame = { format: "NV12", width: 640, height: 360 };
const kLuma = kFrame.width * kFrame.height;

// What the projects' script does. `here`: on the page itself.
const kMain = `
import { LiveDetector } from "oko-detector/live";
import { loadOko } from "oko-detector";

async function main() {
  const bytes = await (await fetch("m.oko")).arrayBuffer();
  const pixels = new Uint8Array(await (await fetch("frame.nv12")).arrayBuffer());
  const planes = [pixels.subarray(0, ${kLuma}), pixels.subarray(${kLuma})];
  const frame = { ...${JSON.stringify(kFrame)}, planes };
  const live = await LiveDetector.start();
  await live.open(bytes.slice(0));
  const { detections } = await live.detect(frame);
  const oko = await loadOko({ threads: 1 });
  const detector = await oko.open(bytes).detector();
  return { threads: live.threads, live: detections, here: await detector.detect(frame) };
}
globalThis.result = main();
`;
const page = (scripts) =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>project</title></head>` +
  `<body>${scripts}</body></html>\n`;

let browser, archive, expected;

before(async () => {
  if (noBrowser || noData) return;
  const npm = ["pack", "--silent", "--pack-destination", kFolder, kPackage];
  archive = join(kFolder, execFileSync("npm", npm, { encoding: "utf8" }).trim());
  browser = await chromium.launch({ executablePath: kChromium, args: ["--no-sandbox"] });
  const pixels = data("video/raw_frames/bottle_frame149_640x360.nv12");
  const planes = [pixels.subarray(0, kLuma), pixels.subarray(kLuma)];
  expected = nativeDetect(makeModel(kModel), { ...kFrame, planes });
  assert.ok(expected.length > 2);
});
after(() => browser?.close());

// A new folder with the package installed, and these files. `fields`: more of its package.json.
function makeProject(name, files, fields = {}) {
  const folder = join(kFolder, `project-${name}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"),
    JSON.stringify({ name: "project", private: true, ...fields }));
  const npm = ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent",
    archive];
  execFileSync("npm", npm, { cwd: folder });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

function addInputs(folder) {
  mkdirSync(folder, { recursive: true });
  cpSync(makeModel(kModel), join(folder, "m.oko"));
  writeFileSync(join(folder, "frame.nv12"), data("video/raw_frames/bottle_frame149_640x360.nv12"));
}

function runTool(script, args, folder) {
  return runNode(join(kTools, script), args, folder);
}

function runNode(script, args, folder) {
  try {
    return execFileSync(process.execPath, [script, ...args],
      { cwd: folder, encoding: "utf8", stdio: "pipe", env: { ...process.env, NODE_ENV: "" } });
  } catch (error) {
    assert.fail(`${script}: ${error.stdout}\n${error.stderr}`);
  }
}

async function assertRuns(url, threads) {
  const tab = await browser.newPage();
  const faults = [];
  tab.on("pageerror", (error) => faults.push(error.message));
  tab.on("console", (message) => {
    const { url } = message.location();
    if (message.type() !== "error" || url.endsWith("/favicon.ico")) return;
    faults.push(`${url}: ${message.text()}`);
  });
  try {
    await tab.goto(url);
    await tab.waitForFunction(() => globalThis.result !== undefined, null, { timeout: 20000 });
    const result = await tab.evaluate(() => globalThis.result.catch((error) => error.stack));
    assert.equal(typeof result, "object", `${result}\n${faults.join("\n")}`);
    assert.match(String(result.threads), threads);
    assertSameBoxes(result.live, expected);
    assertSameBoxes(result.here, expected);
    assert.deepEqual(faults, []);
  } finally {
    await tab.close();
  }
}

// By the server here, whose policy allows a page only its own files and WebAssembly.
async function assertServed(folder) {
  for (const isolated of [true, false]) {
    const server = await serve(folder, { isolated });
    try {
      await assertRuns(server.url, isolated ? /^[234]$/ : /^1$/);
    } finally {
      server.close();
    }
  }
}

const kSkip = noBrowser || noData;

describe("a fresh project", { skip: kSkip || noTools }, () => {
  for (const vite of ["vite7", "vite8"]) {
    const files = {
      "index.html": page('<script type="module" src="/main.js"></script>'),
      "main.js": kMain,
    };

    test(`built by ${vite}`, async () => {
      const folder = makeProject(vite, files);
      addInputs(join(folder, "public"));
      runTool(`${vite}/bin/vite.js`, ["build"], folder);
      await assertServed(join(folder, "dist"));
    });

    test(`served by ${vite} while it is written`, async () => {
      const folder = makeProject(`${vite}-dev`, {
        ...files,
        "vite.config.js": `export default {
  optimizeDeps: { exclude: ["oko-detector"] },
  server: { headers: {
    "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp",
  } },
};\n`,
      });
      addInputs(join(folder, "public"));
      const child = spawn(process.execPath,
        [join(kTools, vite, "bin/vite.js"), "--host", "127.0.0.1", "--port", "0"],
        { cwd: folder, env: { ...process.env, NO_COLOR: "1" } });
      try {
        const url = await new Promise((done, failed) => {
          let text = "";
          const read = (part) => {
            text += part;
            const found = /http:\/\/127\.0\.0\.1:\d+\//.exec(text);
            if (found) done(found[0]);
          };
          child.stdout.on("data", read);
          child.stderr.on("data", read);
          child.on("close", () => failed(new Error(text)));
        });
        await assertRuns(url, /^[234]$/);
      } finally {
        child.kill();
      }
    });
  }

  test("built by webpack 5", async () => {
    const folder = makeProject("webpack", { "src/index.js": kMain });
    runTool("webpack-cli/bin/cli.js", ["--mode", "production"], folder);
    writeFileSync(join(folder, "dist/index.html"), page('<script src="main.js"></script>'));
    addInputs(join(folder, "dist"));
    assert.ok(readdirSync(join(folder, "dist")).some((name) => name.endsWith(".wasm")));
    await assertServed(join(folder, "dist"));
  });
});

// A strict project in TypeScript that only erases types, with what oko export writes for it.
describe("a fresh project in TypeScript", { skip: kSkip || noTools || noCommand }, () => {
  const kOptions = {
    strict: true, noEmit: true, target: "es2022", lib: ["es2022", "dom"], types: [],
    noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, noUnusedLocals: true,
    noUnusedParameters: true, noImplicitReturns: true, verbatimModuleSyntax: true,
    isolatedModules: true, erasableSyntaxOnly: true, allowImportingTsExtensions: true,
  };
  const kModules = { bundler: "esnext", nodenext: "nodenext" };
  const kTypedMain = `
import { MDetector, type MDetection } from "./m_detector.ts";

async function main() {
  const bytes = await (await fetch("m.oko")).arrayBuffer();
  const pixels = new Uint8Array(await (await fetch("frame.nv12")).arrayBuffer());
  const planes = [pixels.subarray(0, ${kLuma}), pixels.subarray(${kLuma})];
  const detector = await MDetector.open(bytes, { threads: 1 });
  const found: MDetection[] = await detector.detect(
    { format: "NV12", width: ${kFrame.width}, height: ${kFrame.height}, planes });
  detector.close();
  return { threads: 1, live: found, here: found };
}
Object.assign(globalThis, { result: main() });
`;

  test("is checked and built by vite8, with the exported wrapper", async () => {
    const folder = makeProject("typescript", {
      "index.html": page('<script type="module" src="/main.ts"></script>'),
      "main.ts": kTypedMain,
    }, { type: "module" });
    addInputs(join(folder, "public"));
    execFileSync(kCommand, ["export", "public/m.oko", "--to", "oko", "--no-check", "-o", "out"],
      { cwd: folder, stdio: "pipe" });
    cpSync(join(folder, "out/m_detector.ts"), join(folder, "m_detector.ts"));
    for (const [moduleResolution, module] of Object.entries(kModules)) {
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({
        compilerOptions: { ...kOptions, module, moduleResolution }, files: ["main.ts"],
      }));
      runNode(kTypeScript, [], folder);
    }
    runTool("vite8/bin/vite.js", ["build"], folder);
    const server = await serve(join(folder, "dist"));
    try {
      await assertRuns(server.url, /^1$/);
    } finally {
      server.close();
    }
  });
});

describe("a page without a bundler", { skip: kSkip }, () => {
  const relative = (text) => text
    .replace('"oko-detector/live"', '"./node_modules/oko-detector/live.js"')
    .replace('"oko-detector"', '"./node_modules/oko-detector/oko.js"');

  test("with a module script", async () => {
    const folder = makeProject("module", {
      "index.html": page('<script type="module" src="main.js"></script>'),
      "main.js": relative(kMain),
    });
    addInputs(folder);
    await assertServed(folder);
  });

  test("with a classic script", async () => {
    const classic = kMain
      .replace(/^import .*$/gm, "")
      .replace("async function main() {", `async function main() {
  const { LiveDetector } = await import("./node_modules/oko-detector/live.js");
  const { loadOko } = await import("./node_modules/oko-detector/oko.js");`);
    assert.doesNotMatch(classic, /^import/m);
    const folder = makeProject("classic", {
      "index.html": page('<script src="main.js"></script>'),
      "main.js": classic,
    });
    addInputs(folder);
    await assertServed(folder);
  });
});
