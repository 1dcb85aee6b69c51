// Shared by the tests: paths, models and clips made from the reference data, and the native engine
// to compare with. scripts/test_web.sh sets the variables.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kFormats, kMatrices, kRanges, planesOf } from "../src/frame.js";

export const kPackage = process.env.OKO_WEB_PACKAGE;
export const kNative = process.env.OKO_WEB_NATIVE;
export const kData = process.env.OKO_DATA;
export const kChromium = process.env.OKO_CHROMIUM;
export const noData =
  kData && existsSync(join(kData, "golden")) ? false : "OKO_DATA is not the reference data";
export const noBrowser =
  kChromium && existsSync(kChromium) ? false : "Chromium is not installed";

export const kFolder = mkdtempSync(join(tmpdir(), "oko-web-"));
process.on("exit", () => rmSync(kFolder, { recursive: true, force: true }));

export const { isSealed, keyFrom, loadOko, readFrame, storedReleases, toUpright, uprightSize } =
  await import(join(kPackage, "oko.js"));
export const kWasm = readFileSync(join(kPackage, "oko-simd.wasm"));

export function data(name) {
  return readFileSync(join(kData, name));
}

export function floats(name) {
  const bytes = data(name);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

// Path of a published Darknet model as an .oko file; with `threshold`, of one that has its own
// thresholds, a version and metrics.
export function makeModel(name, threshold) {
  const own = threshold !== undefined;
  return modelFile(name, `${name}${own ? "-own" : ""}`, own ? [threshold] : []);
}

// The same, quantized with the ranges of one input, a file of the reference data.
export function makeInt8Model(name, input) {
  return modelFile(name, `${name}-int8`, ["--int8", join(kData, input)]);
}

function modelFile(name, stem, more) {
  const path = join(kFolder, `${stem}.oko`);
  if (existsSync(path)) return path;
  const darknet = join(kData, "models/darknet");
  const classes = name.startsWith("yoloface") ? "face" : "coco";
  execFileSync(join(kNative, "oko_web_make_model"),
    [join(darknet, `${name}.cfg`), join(darknet, `${name}.weights`),
      join(darknet, `${classes}.names`), path, ...more]);
  return path;
}

// Path of two seconds of the bottle clip in a camera's format.
export function makeClip(name, filter = "null") {
  const path = join(kFolder, `${name}.y4m`);
  execFileSync("ffmpeg", ["-v", "error", "-ss", "4", "-t", "2",
    "-i", join(kData, "video/bottle-detection.mp4"), "-vf", filter, "-pix_fmt", "yuv420p", path]);
  return path;
}

// The native engine's detections in the same pixels.
export function nativeDetect(model, frame, score = 0.25) {
  const tight = planesOf(frame).map(({ stride, bytes }, i) => {
    const columns = i === 0 ? frame.width : Math.ceil(frame.width / 2);
    const row = columns * kFormats[frame.format].planes[i];
    const rows = Math.floor((bytes.length - row) / stride) + 1;
    return Buffer.concat(Array.from({ length: rows },
      (_, y) => bytes.subarray(y * stride, y * stride + row)));
  });
  const raw = join(kFolder, "frame.raw");
  writeFileSync(raw, Buffer.concat(tight));
  const numbers = [kFormats[frame.format].code, frame.width, frame.height,
    kRanges[frame.range ?? "video"], kMatrices[frame.matrix ?? "bt601"], frame.rotation ?? 0,
    frame.mirror ? 1 : 0, score];
  return JSON.parse(execFileSync(join(kNative, "oko_web_native_detect"),
    [model, raw, ...numbers.map(String)]));
}

const kEdges = ["left", "top", "right", "bottom"];

// The same objects: class, score to 1e-3, edges to half a pixel. Only boxes with a score that close
// to the threshold may be missing on one side.
export function assertSameBoxes(actual, expected, score = 0.25) {
  const same = (a, b) => a.classId === b.classId && Math.abs(a.score - b.score) < 1e-3 &&
    kEdges.every((edge) => Math.abs(a[edge] - b[edge]) < 0.5);
  const unmatched = (boxes, others) => boxes.filter((box) =>
    box.score > score + 1e-3 && !others.some((other) => same(box, other)));
  assert.deepEqual(unmatched(actual, expected), [], "boxes that the native engine does not find");
  assert.deepEqual(unmatched(expected, actual), [], "boxes that only the native engine finds");
}
