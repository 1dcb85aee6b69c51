// Trackers and the settings of live cameras, in node: ids stay, counts are right, frames are
// skipped, sizes change.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { data, kPackage, kWasm, loadOko, makeModel, noData } from "./support.mjs";

const { Session } = await import(join(kPackage, "session.js"));
// The engine's memory, to check its size.
let memory;
const { Memory } = WebAssembly;
WebAssembly.Memory = function make(descriptor) {
  return (memory = new Memory(descriptor));
};
const oko = await loadOko({ wasm: kWasm });

// A square of 20 pixels around a point.
const squareAt = (x, y, classId = 0, score = 0.9) => ({
  classId, className: ["cat", "dog"][classId], score,
  left: x - 10, top: y - 10, right: x + 10, bottom: y + 10,
});

test("ids stay with objects that pass each other, and through a gap", () => {
  const tracker = oko.tracker();
  const seen = new Map();  // class → ids
  for (let i = 0; i < 60; ++i) {
    const found = [squareAt(20 + 4 * i, 50, 0), squareAt(260 - 4 * i, 54, 1)];
    const hidden = i >= 20 && i < 26;
    const objects = tracker.update(hidden ? [found[1]] : found, i / 30);
    for (const { id, className } of objects) {
      seen.set(className, (seen.get(className) ?? new Set()).add(id));
    }
    const cat = objects.find(({ classId }) => classId === 0);
    if (i >= 20 && i < 26) {
      assert.equal(cat.state, "hidden");
      assert.ok(cat.hidden > 0 && Math.abs((cat.left + cat.right) / 2 - 20 - 4 * i) < 6);
    } else if (i > 1) {
      assert.equal(cat.state, "seen");
      assert.equal(cat.hidden, 0);
    }
    if (i === 59) {
      assert.ok(Math.abs(cat.velocityX - 120) < 12 && Math.abs(cat.velocityY) < 12);
      assert.ok(Math.abs(cat.age - 59 / 30) < 0.05);
    }
    const kinds = tracker.events().map(({ kind, className }) => `${kind} ${className}`);
    if (i === 1) assert.deepEqual(kinds, ["appeared cat", "appeared dog"]);
    if (i === 20) assert.deepEqual(kinds, ["lost cat"]);
    if (i === 26) assert.deepEqual(kinds, ["found cat"]);
  }
  assert.deepEqual([...seen].map(([name, ids]) => [name, [...ids]]), [["cat", [1]], ["dog", [2]]]);
  tracker.dispose();
});

test("lines and zones count", () => {
  const tracker = oko.tracker({ confirm: 1 });
  // Upwards: what comes from its left goes in.
  const line = tracker.addLine({ x: 100, y: 200 }, { x: 100, y: 0 });
  const dogs = tracker.addLine({ x: 100, y: 200 }, { x: 100, y: 0 }, 1);
  const zone = tracker.addZone([{ x: 150, y: 0 }, { x: 400, y: 0 }, { x: 400, y: 200 },
    { x: 150, y: 200 }]);
  assert.deepEqual([line, dogs, zone], [0, 1, 2]);
  const events = [];
  for (let i = 0; i < 45; ++i) {
    tracker.update([squareAt(20 + 4 * i, 40, 0), squareAt(190 - 4 * i, 120, 1)], i / 30);
    events.push(...tracker.events());
  }
  assert.deepEqual(tracker.counts(line), { in: 1, out: 1, inside: 0 });
  assert.deepEqual(tracker.counts(dogs), { in: 0, out: 1, inside: 0 });
  assert.deepEqual(tracker.counts(zone), { in: 2, out: 1, inside: 1 });
  const crossings = events.filter(({ counter }) => counter >= 0);
  assert.deepEqual(crossings.map(({ kind, className, counter }) => [counter, kind, className])
    .sort(), [[0, "in", "cat"], [0, "out", "dog"], [1, "out", "dog"], [2, "in", "cat"],
    [2, "in", "dog"], [2, "out", "dog"]]);
  tracker.reset();
  assert.deepEqual(tracker.counts(line), { in: 0, out: 0, inside: 0 });
  // Time may begin again, ids do not.
  assert.equal(tracker.update([squareAt(20, 40)], 0)[0].id, 3);
  tracker.dispose();
});

test("mistakes with trackers are errors", () => {
  assert.throws(() => oko.tracker({ maxObjects: 0 }), /maxObjects must be/);
  assert.throws(() => oko.tracker({ maxObjects: 5000 }), { code: "invalid-argument" });
  const tracker = oko.tracker({ lowScore: 0, lostSeconds: 0.5, smoothing: 2 });
  tracker.update([], 2);
  assert.throws(() => tracker.update([], 1), /before that of the last one/);
  assert.throws(() => tracker.update([], 3, { score: NaN }), /not a number/);
  assert.throws(() => tracker.counts(0), { code: "invalid-argument" });
  assert.throws(() => tracker.addZone([{ x: 0, y: 0 }]), { code: "invalid-argument" });
  tracker.dispose();
  tracker.dispose();
  assert.throws(() => tracker.update([], 4), /disposed/);
});

const bytesOf = (name, ...own) => readFileSync(makeModel(name, ...own));

function bottles() {
  const bytes = data("video/raw_frames/bottle_frame149_640x360.nv12");
  const luma = 640 * 360;
  return {
    format: "NV12", width: 640, height: 360,
    planes: [bytes.subarray(0, luma), bytes.subarray(luma)],
  };
}

test("a tracker follows what a detector finds", { skip: noData }, async () => {
  const model = oko.open(bytesOf("yolo-fastest-1.1-xl"));
  const detector = await model.detector();
  const tracker = oko.tracker();
  const frame = bottles();
  const found = await detector.detect(frame);
  await tracker.detect(detector, frame, 1);
  const objects = await tracker.detect(detector, frame, 1.1);
  assert.equal(objects.length, found.length);
  assert.ok(objects.some(({ className }) => className === "bottle"));
  for (const { classId, score, left } of objects) {
    assert.ok(found.some((f) =>
      f.classId === classId && f.score === score && Math.abs(f.left - left) < 2));
  }
  await assert.rejects(tracker.detect({}, frame, 2), /not a detector/);
  for (const thing of [tracker, detector, model]) thing.dispose();
});

test("a model says what it is", { skip: noData }, () => {
  const { info } = oko.open(bytesOf("yoloface-500k", "0.375"));
  assert.equal(info.version, "1.2.3");
  assert.match(info.hash, /^[0-9a-f]{64}$/);
  assert.match(info.checksum, /^[0-9a-f]{16}$/);
  assert.equal(info.trained.getTime(), 1.7e12);
  assert.deepEqual(info.metrics, {
    map50: 0.5, map: 0.25, dataset: "photos", split: "val", images: 70, itself: true,
  });
  assert.deepEqual([info.ownThresholds, info.thresholds], [true, [0.375]]);
  const other = oko.open(bytesOf("yoloface-500k")).info;
  assert.deepEqual([other.version, other.trained, other.metrics, other.ownThresholds,
    other.thresholds], [null, null, null, false, [0.25]]);
  assert.equal(other.hash, info.hash);
});

// A session with the model opened at these sizes of its input.
async function sessionWith(settings, sides = [320], name = "yolo-fastest-1.1-xl") {
  const said = [];
  const session = new Session(oko, (level, text) => said.push(`${level}: ${text}`));
  session.configure(settings);
  await session.open(modelsOf(name, sides));
  return { session, said };
}

function modelsOf(name, sides) {
  return sides.map((side) => oko.open(bytesOf(name), { width: side, height: side }));
}

test("a session finds what a detector finds, at any threshold", { skip: noData }, async () => {
  const model = oko.open(bytesOf("yolo-fastest-1.1-xl", "0.2"));
  const detector = await model.detector();
  const session = new Session(oko, () => {});
  await session.open([oko.open(bytesOf("yolo-fastest-1.1-xl", "0.2"))]);
  const frame = bottles();
  const fewBottles = Float32Array.from({ length: 80 }, (_, id) => (id === 39 ? 0.3 : 2));
  for (const tracking of [false, true]) {
    session.configure({ tracking });
    for (const thresholds of [{}, { score: 0.4 }, { score: 0.15 }, { score: 0.02, iou: 0.3 }, {},
      { classScores: fewBottles }, { score: 0.3, maxDetections: 2 }]) {
      const result = await session.detect(frame, 1, thresholds);
      const expected = await detector.detect(frame, thresholds);
      assert.ok(expected.length > 0);
      assert.deepEqual(result.detections, expected);
      assert.deepEqual(await session.look(frame, thresholds).then((r) => r.detections), expected);
    }
  }
  await assert.rejects(session.detect(frame, 2, { score: NaN }), /not a number/);
  await assert.rejects(session.detect(frame, 2, { classScores: [1, 2] }), /2 classScores/);
});

test("ids stay while thresholds change", { skip: noData }, async () => {
  const { session } = await sessionWith({
    tracking: true, zones: [{ corners: [{ x: 0, y: 0 }, { x: 640, y: 0 }, { x: 640, y: 360 },
      { x: 0, y: 360 }] }],
  });
  let first;
  for (let i = 0; i < 8; ++i) {
    const result = await session.detect(bottles(), i / 10, { score: i < 4 ? 0.3 : 0.25 - i / 50 });
    if (i === 1) first = result.objects.map(({ id }) => id);
    if (i < 1) continue;
    assert.ok(first.length > 0);
    assert.deepEqual(result.objects.map(({ id }) => id).slice(0, first.length), first);
    assert.equal(result.zones[0].inside, result.objects.length);
  }
  // Another camera.
  const small = { ...bottles(), region: undefined, width: 320, strides: [640, 640] };
  assert.deepEqual((await session.detect(small, 2)).objects, []);
  session.reset();
  assert.deepEqual((await session.detect(small, 3)).zones, [{ in: 0, out: 0, inside: 0 }]);
});

test("the frame rate is kept to", { skip: noData }, async () => {
  const { session } = await sessionWith({ framesPerSecond: 5 }, [96], "yolo-fastest-1.1");
  const frame = bottles();
  let looked = 0;
  for (let i = 0; i < 30; ++i) looked += (await session.detect(frame, i / 30)) !== null;
  assert.equal(looked, 5);
  const { skippedRate, taken, lookedAt } = await session.status();
  assert.deepEqual([skippedRate, taken, lookedAt], [25, 5, 5]);
  assert.ok((await session.look(frame)).timing.network > 0);
  session.configure({ framesPerSecond: 0, heat: "critical" });
  looked = 0;
  for (let i = 0; i < 5; ++i) looked += (await session.detect(frame, 2 + i / 30)) !== null;
  assert.equal(looked, 1);
  assert.equal((await session.status()).heat, "critical");
  session.configure({ heat: "nominal" });
  assert.notEqual(await session.detect(frame, 3), null);
});

test("a smaller input is used where the budget is small", { skip: noData }, async () => {
  const { session, said } = await sessionWith({ budget: 0.001 }, [320, 224, 96]);
  const widths = [];
  for (let i = 0; i < 12; ++i) widths.push((await session.detect(bottles(), i)).size.width);
  assert.deepEqual(widths.slice(0, 3), [320, 320, 320]);
  assert.equal(widths.at(-1), 96);
  assert.ok(widths.includes(224));
  assert.match(said[0], /^info: a frame takes .* a smaller input is used$/);
  assert.match(said.at(-1), /^warning: .*even with the smallest input/);
  const { overBudget, size, frame } = await session.status();
  assert.ok(overBudget && size.width === 96 && frame > 0);
  session.configure({ budget: 10000 });
  assert.equal((await session.detect(bottles(), 20)).size.width, 320);
});

test("models are swapped and come back", { skip: noData }, async () => {
  const { session, said } = await sessionWith({ tracking: true });
  await assert.rejects(session.revert(), { code: "failed" });
  await session.detect(bottles(), 0);
  const ids = (await session.detect(bottles(), 0.1)).objects.map(({ id }) => id);
  // The same classes: objects stay the same.
  const info = await session.swap(modelsOf("yolo-fastest-1.1", [320]));
  assert.equal(info.name, "yolo-fastest-1.1");
  const swapped = await session.detect(bottles(), 0.2);
  assert.deepEqual(swapped.objects.map(({ id }) => id).slice(0, ids.length), ids);
  assert.equal((await session.revert()).name, "yolo-fastest-1.1-xl");
  assert.match(said.join(), /info: the models are swapped.*warning: back to the models before/);
  await assert.rejects(session.revert(), { code: "failed" });
  // Other classes; and back after other settings.
  await session.swap(modelsOf("yoloface-50k", [56]));
  const faces = await session.detect(bottles(), 0.3, { score: 0.01 });
  assert.ok(faces.detections.every(({ className }) => className === "face"));
  session.configure({ budget: 500 });
  await session.revert();
  const again = await session.detect(bottles(), 0.4);
  assert.ok(again.detections.some(({ className }) => className === "bottle"));
  // What does not work changes nothing.
  await assert.rejects(session.swap(modelsOf("yolo-fastest-1.1", [96, 320])), /largest/);
  assert.deepEqual((await session.detect(bottles(), 0.5)).detections, again.detections);
});

test("thresholds change and models are swapped with one camera", { skip: noData }, async () => {
  let cameras = 0;
  const session = new Session({
    threads: oko.threads,
    liveCamera: (...wanted) => {
      ++cameras;
      return oko.liveCamera(...wanted);
    },
  }, () => {});
  await session.open(modelsOf("yolo-fastest-1.1", [96, 64]));
  const eachClass = { classScores: new Float32Array(80).fill(0.1) };
  let frames = 0;
  const detect = async (thresholds) => {
    await session.detect(bottles(), frames++, thresholds);
    assert.equal((await session.status()).lookedAt, frames);
  };
  await detect({ score: 0.9 });
  await detect({ score: 0.01 });
  await detect({ score: 0, nms: "soft" });
  // Scores for classes that the other model has not.
  await detect(eachClass);
  await session.swap(modelsOf("yoloface-50k", [56]));
  await detect({ classScores: [0.1] });
  await assert.rejects(session.detect(bottles(), frames, eachClass), /80 classScores for 1/);
  await session.revert();
  await detect(eachClass);
  // What is wrong changes nothing.
  await assert.rejects(session.detect(bottles(), frames, { softSigma: -1, nms: "soft" }),
    { code: "invalid-argument" });
  await assert.rejects(session.detect(bottles(), frames, { nms: "none" }), /nms "none"/);
  await detect(eachClass);
  assert.equal(cameras, 1);
});

test("models that do not go together leave those before", { skip: noData }, async () => {
  const { session } = await sessionWith({}, [320]);
  const { detections } = await session.detect(bottles(), 0);
  const unfit = modelsOf("yolo-fastest-1.1", [96, 96]);
  await assert.rejects(session.open(unfit), { code: "invalid-argument" });
  assert.deepEqual((await session.detect(bottles(), 1)).detections, detections);
  assert.equal((await session.status()).size.width, 320);
  await assert.rejects(unfit[0].detector());  // it is disposed of
  const empty = new Session(oko, () => {});
  await assert.rejects(empty.open(modelsOf("yolo-fastest-1.1", [96, 96])));
  assert.equal(empty.isOpen, false);
});

test("trackers and sessions free their memory", { skip: noData }, async () => {
  const { session } = await sessionWith({}, [96]);
  const round = async (i) => {
    session.configure({ tracking: { maxObjects: 100 + i }, budget: i });
    await session.open(modelsOf("yolo-fastest-1.1", [96, 64]));
    await session.detect(bottles(), i, { score: 0.01 });
    await session.look(bottles());
    await session.swap(modelsOf("yoloface-50k", [56]));
    await session.detect(bottles(), i, { classScores: [0.1] });
    await session.revert();
    const tracker = oko.tracker();
    tracker.update([squareAt(20, 20)], i);
    tracker.dispose();
  };
  for (let i = 0; i < 3; ++i) await round(i);
  const used = memory.buffer.byteLength;
  for (let i = 3; i < 20; ++i) await round(i);
  assert.equal(memory.buffer.byteLength, used);
});

test("settings are checked", async () => {
  const session = new Session(oko, () => {});
  await assert.rejects(session.detect(grey(), 1), /no model is open/);
  assert.throws(() => session.configure({ budgets: 1 }), /setting "budgets" is not one of budget/);
  assert.throws(() => session.configure({ budget: -1 }), /budget is negative/);
  assert.throws(() => session.configure({ framesPerSecond: NaN }), /framesPerSecond is negative/);
  assert.throws(() => session.configure({ heat: "hot" }), /heat "hot"/);
  assert.throws(() => session.configure({ tracking: { confirm: 0 } }), /confirm/);
  assert.throws(() => session.configure({ tracking: true, zones: [{ corners: [] }] }),
    { code: "invalid-argument" });
});

function grey() {
  return { format: "GREY", width: 8, height: 8, planes: [new Uint8Array(64)] };
}
