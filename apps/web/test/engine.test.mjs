// The engine and its JavaScript API in node: heads against the reference results, boxes against the
// native engine, errors, sizes.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import {
  assertSameBoxes, data, floats, kPackage, kWasm, loadOko, makeInt8Model, makeModel, nativeDetect,
  noData, readFrame, toUpright, uprightSize,
} from "./support.mjs";

// The engine's memory, to check its size.
let memory;
const { Memory } = WebAssembly;
WebAssembly.Memory = function make(descriptor) {
  return (memory = new Memory(descriptor));
};
const oko = await loadOko({ wasm: kWasm });

const kGolden = [
  ["yolo-fastest-1.1", "dog", "3x320x320", ["layer120_255x10x10", "layer129_255x20x20"]],
  ["yolo-fastest-1.1-xl", "dog", "3x320x320", ["layer120_255x10x10", "layer129_255x20x20"]],
  ["MobileNetV2-YOLOv3-Nano-coco", "dog", "3x320x320", ["layer68_255x10x10", "layer78_255x20x20"]],
  ["yoloface-500k", "person", "3x256x320",
    ["layer64_18x16x20", "layer72_18x32x40", "layer80_18x64x80"]],
  ["yoloface-50k", "person", "3x56x56", ["layer32_18x7x7"]],
];

for (const [name, picture, size, heads] of kGolden) {
  test(`heads of ${name} are within a thousandth of Darknet's`, { skip: noData }, async () => {
    const model = oko.open(readFileSync(makeModel(name)));
    const detector = await model.detector();
    model.dispose();  // detectors keep working
    detector.run(floats(`golden/inputs/${picture}_letterbox_${size}.f32`));
    heads.forEach((head, i) => {
      const expected = floats(`golden/${name}/${picture}_tensors/${head}.f32`);
      const { channels, height, width, values } = detector.headMap(i);
      assert.equal(`${channels}x${height}x${width}`, head.split("_")[1]);
      assert.equal(values.length, expected.length);
      const most = values.reduce((far, v, at) => Math.max(far, Math.abs(v - expected[at])), 0);
      assert.ok(most <= 1e-3, `${head} is ${most} off`);
    });
    detector.dispose();
  });
}

// Integer sums are the same everywhere, so that the heads of int8 networks are too: vectors and
// plain loops, two kinds of code, check each other and the compiler.
for (const [name, picture, size] of kGolden) {
  test(`int8 heads of ${name} are those of plain loops, close to the floats`, { skip: noData },
    async () => {
      const input = `golden/inputs/${picture}_letterbox_${size}.f32`;
      const bytes = readFileSync(makeInt8Model(name, input));
      const headsOf = async (options) => {
        const model = oko.open(bytes, options);
        const detector = await model.detector();
        detector.run(floats(input));
        const heads = model.info.heads.map((_, i) => detector.headMap(i).values);
        detector.dispose();
        model.dispose();
        return heads;
      };
      const found = await headsOf({ precision: "int8", target: "wasm" });
      const plain = await headsOf({ precision: "int8", target: "scalar" });
      const exact = await headsOf({ precision: "float32" });
      found.forEach((head, i) => {
        const most = head.reduce((far, v, at) => Math.max(far, Math.abs(v - plain[i][at])), 0);
        assert.ok(most <= 1e-3, `head ${i} is ${most} off`);
        const square = (sum, v) => sum + v * v;
        const noise = head.map((v, at) => v - exact[i][at]).reduce(square, 0);
        const share = Math.sqrt(noise / exact[i].reduce(square, 0));
        assert.ok(share < 0.25, `head ${i} has ${(100 * share).toFixed(1)} % of noise`);
      });
    });
}

// The bottle frame as planes.
function bottles(format) {
  const bytes = data(`video/raw_frames/bottle_frame149_640x360.${format.toLowerCase()}`);
  const luma = 640 * 360;
  const planes = format === "I420"
    ? [bytes.subarray(0, luma), bytes.subarray(luma, luma * 5 / 4), bytes.subarray(luma * 5 / 4)]
    : [bytes.subarray(0, luma), bytes.subarray(luma)];
  return { format, width: 640, height: 360, planes };
}

async function bottleDetector() {
  const path = makeModel("yolo-fastest-1.1-xl");
  const model = oko.open(readFileSync(path));
  return { path, detector: await model.detector() };
}

for (const format of ["I420", "NV12", "NV21"]) {
  test(`boxes of a ${format} frame are the native engine's`, { skip: noData }, async () => {
    const { path, detector } = await bottleDetector();
    for (const view of [{}, { rotation: 90 }, { rotation: 180, mirror: true, range: "full" },
      { rotation: 270, matrix: "bt709" }]) {
      const frame = { ...bottles(format), ...view };
      const found = await detector.detect(frame);
      assertSameBoxes(found, nativeDetect(path, frame));
      if (view.rotation === undefined) assert.ok(found.some((f) => f.className === "bottle"));
    }
    assert.ok(detector.timing.network > 0);
    detector.dispose();
  });
}

test("I420 with a chroma step is Android's NV12", { skip: noData }, async () => {
  const { detector } = await bottleDetector();
  const nv12 = bottles("NV12");
  const [luma, chroma] = nv12.planes;
  const android = {
    ...nv12, format: "I420", planes: [luma, chroma, chroma.subarray(1)],
    strides: [640, 640, 640], chromaStep: 2,
  };
  assert.deepEqual(await detector.detect(android), await detector.detect(nv12));
  detector.dispose();
});

test("a region and thresholds are applied", { skip: noData }, async () => {
  const { detector } = await bottleDetector();
  const frame = bottles("NV12");
  const region = { left: 0, top: 0, width: 200, height: 360 };
  const all = await detector.detect(frame, { score: 0 });
  assert.equal(all.length, 300);
  assert.equal((await detector.detect(frame, { score: 0, maxDetections: 7 })).length, 7);
  for (const found of await detector.detect(frame, { score: 0 }, { region })) {
    assert.ok(found.right <= 200);
  }
  const onlyBottles = Float32Array.from({ length: 80 }, (_, id) => (id === 39 ? 0.2 : 2));
  const found = await detector.detect(frame, { classScores: onlyBottles });
  assert.ok(found.length > 0 && found.every((f) => f.classId === 39));
  detector.dispose();
});

test("a model describes itself", { skip: noData }, () => {
  const model = oko.open(readFileSync(makeModel("yoloface-500k")));
  const { heads, ...info } = model.info;
  assert.equal(info.name, "yoloface-500k");
  assert.deepEqual(info.classes, ["face"]);
  assert.deepEqual([info.width, info.height, info.precision], [320, 256, "float32"]);
  assert.equal(info.target, oko.targets[0]);
  assert.ok(info.weightBytes > 400000 && info.flop > 1e7);
  assert.deepEqual(heads.map(({ channels, height, width }) => [channels, height, width]),
    [[18, 16, 20], [18, 32, 40], [18, 64, 80]]);
  assert.ok(heads.every(({ anchors }) => anchors.length === 3 && anchors[0][0] > 0));
  model.dispose();
});

test("memory is freed", { skip: noData }, async () => {
  const bytes = readFileSync(makeModel("yolo-fastest-1.1-xl"));
  const frame = bottles("NV12");
  const round = async () => {
    const model = oko.open(bytes);
    const detector = await model.detector();
    await detector.detect(frame, { classScores: new Float32Array(80) });
    detector.dispose();
    model.dispose();
    assert.throws(() => oko.open(bytes.subarray(1)), /model/);
  };
  for (let i = 0; i < 3; ++i) await round();
  const used = memory.buffer.byteLength;
  for (let i = 0; i < 20; ++i) await round();
  assert.equal(memory.buffer.byteLength, used);
});

test("mistakes are errors that say what is wrong", { skip: noData }, async () => {
  assert.throws(() => oko.open(new Uint8Array(100)), /^Error: model.*header/);
  assert.throws(() => oko.open("model.oko"), /ArrayBuffer/);
  const bytes = readFileSync(makeModel("yoloface-50k"));
  assert.throws(() => oko.open(bytes.subarray(0, 5000)), /model/);
  assert.throws(() => oko.open(bytes, { target: "z80" }), /target z80/);
  assert.throws(() => oko.open(bytes, { precision: "int4" }), /int4/);
  const model = oko.open(bytes);
  await assert.rejects(model.detector({ threads: 2 }), /1 to 1/);
  const detector = await model.detector();
  assert.throws(() => detector.run(new Float32Array(3)), /3 values, the network takes 9408/);
  assert.throws(() => detector.headMap(1), /no head 1/);
  const frame = { format: "GREY", width: 8, height: 8, planes: [new Uint8Array(64)] };
  const short = { ...frame, planes: [new Uint8Array(63)] };
  await assert.rejects(detector.detect(short), /64 are needed/);
  await assert.rejects(detector.detect({ ...frame, strides: [7] }), /stride of 7/);
  await assert.rejects(detector.detect({ ...frame, format: "YUYV" }), /"YUYV" is not one of/);
  await assert.rejects(detector.detect({ ...frame, rotation: 45 }), /45/);
  await assert.rejects(detector.detect(frame, { score: NaN }), /not a number/);
  await assert.rejects(detector.detect({ width: 1, height: 1, planes: [], format: "GREY" }),
    /plane 0/);
  detector.dispose();
  await assert.rejects(detector.detect(frame), /disposed/);
  model.dispose();
  await assert.rejects(model.detector(), /disposed/);
});

test("boxes are upright as displayed", () => {
  const box = { left: 10, top: 20, right: 40, bottom: 60, classId: 3 };
  const frame = { width: 100, height: 200 };
  assert.deepEqual(uprightSize({ ...frame, rotation: 90 }), { width: 200, height: 100 });
  assert.deepEqual(toUpright(box, frame), box);
  assert.deepEqual(toUpright(box, { ...frame, rotation: 90 }),
    { left: 140, top: 10, right: 180, bottom: 40, classId: 3 });
  assert.deepEqual(toUpright(box, { ...frame, rotation: 180 }),
    { left: 60, top: 140, right: 90, bottom: 180, classId: 3 });
  assert.deepEqual(toUpright(box, { ...frame, rotation: 270 }),
    { left: 20, top: 60, right: 60, bottom: 90, classId: 3 });
  assert.deepEqual(toUpright(box, { ...frame, rotation: 90, mirror: true }),
    { left: 20, top: 10, right: 60, bottom: 40, classId: 3 });
});

test("a frame's view is kept", async () => {
  const frame = { format: "GREY", width: 1, height: 1, planes: [new Uint8Array(1)] };
  assert.deepEqual(await readFrame(frame, { rotation: 90 }), { ...frame, rotation: 90 });
  await assert.rejects(readFrame({}), /not an image/);
});

for (const variant of ["oko-simd", "oko-simd-threads"]) {
  test(`${variant}.wasm is small`, () => {
    const wasm = readFileSync(join(kPackage, `${variant}.wasm`));
    const bytes = gzipSync(wasm, { level: 9 }).length;
    console.log(`${variant}.wasm: ${bytes} bytes gzipped, ${wasm.length} as it is`);
    assert.ok(bytes <= 300 * 1024, `${bytes} bytes gzipped`);  // as docs/targets.md says
  });
}

test("the package has every file that it lists", () => {
  const { exports } = JSON.parse(readFileSync(join(kPackage, "package.json")));
  const paths = (entry) => (typeof entry === "string" ? [entry] : Object.values(entry));
  for (const path of Object.values(exports).flatMap(paths)) {
    assert.ok(existsSync(join(kPackage, path)), path);
  }
});
