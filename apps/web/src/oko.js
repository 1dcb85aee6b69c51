// oko detects objects in images, in the browser. Types and contracts: oko.d.ts.
import { Struct, withStruct } from "./engine.js";
import { kFormats, kMatrices, kRanges, named, planesOf, readFrame } from "./frame.js";
import { bytesOf, kPrecisions, modelOptions } from "./given.js";
import { canUseThreads, loadEngine } from "./modules.js";
import { openSealed, recipientOf } from "./sealed.js";

export { readFrame, toUpright, uprightSize } from "./frame.js";
export { browserKey, keyFrom } from "./key.js";
export { isSealed, storedReleases } from "./sealed.js";

const kSuppressions = { "per-class": 0, agnostic: 1, soft: 2 };
const kNearlyZero = 1e-30;
const kMostAnchors = 16;  // the limit of oko_head_info
const kMostThreads = 4;  // beyond a phone's big cores, more threads slow each other down

function defaultThreads() {
  return Math.min(globalThis.navigator?.hardwareConcurrency ?? 1, kMostThreads);
}

export async function loadOko({ threads = defaultThreads(), wasm } = {}) {
  if (!Number.isInteger(threads) || threads < 1) throw new TypeError("threads must be at least 1");
  const count = canUseThreads() ? threads : 1;
  return new Oko(await loadEngine(count, wasm), count);
}

class Oko {
  #engine;

  constructor(engine, threads) {
    this.#engine = engine;
    this.threads = threads;
    this.version = engine.text(engine.module._oko_version());
    this.targets = textsAt(engine, engine.module._oko_targets());
  }

  open(bytes, options = {}) {
    return new Model(this.#engine, openModel(this.#engine, bytes, options), this.threads);
  }

  async openSealed(bytes, seal, options = {}) {
    const address = await openSealed(this.#engine, bytes, seal, options);
    return new Model(this.#engine, address, this.threads);
  }

  recipient(point) {
    return recipientOf(this.#engine, point);
  }
}

// Strings of a null-terminated array.
function textsAt(engine, address) {
  const texts = [];
  for (let at = address; engine.view.getUint32(at, true) !== 0; at += 4) {
    texts.push(engine.text(engine.view.getUint32(at, true)));
  }
  return texts;
}

function openModel(engine, model, given) {
  const values = modelOptions(given);
  const bytes = bytesOf(model, "a model");
  return withStruct(engine, "oko_model_options", (options) => {
    const target = engine.newText(given.target);
    const out = engine.allocate(4);
    try {
      options.setAll({ ...values, target });
      const data = engine.newBytes(bytes);
      engine.check(engine.module._oko_web_open(data, bytes.length, options.address, out));
      return engine.view.getUint32(out, true);
    } finally {
      engine.free(out);
      engine.free(target);
    }
  });
}

class Model {
  #engine;
  #address;
  #threads;

  constructor(engine, address, threads) {
    this.#engine = engine;
    this.#address = address;
    this.#threads = threads;
    this.info = describe(engine, address);
  }

  // Waits for threads that a disposed detector is still releasing.
  async detector({ threads = this.#threads, tiles = 1 } = {}) {
    const engine = this.#engine;
    if (!Number.isInteger(threads) || threads < 1 || threads > this.#threads) {
      throw new TypeError(`threads must be 1 to ${this.#threads}, as many as oko was loaded with`);
    }
    for (let turns = 0; engine.idleThreads < threads - 1; ++turns) {
      if (turns === 50) {
        throw new Error(`only ${engine.idleThreads + 1} threads are free ` +
          "(dispose of other detectors, or load oko with more)");
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const address = createDetector(engine, this.#live(), threads, tiles);
    return new Detector(engine, address, this.info, threads);
  }

  dispose() {
    this.#engine.module._oko_model_close(this.#address);
    this.#address = 0;
  }

  #live() {
    if (this.#address === 0) throw new Error("the model has been disposed of");
    return this.#address;
  }
}

function createDetector(engine, model, threads, tiles) {
  return withStruct(engine, "oko_detector_options", (options) => {
    options.setAll({ threads, tiles });
    const out = engine.allocate(4);
    try {
      engine.check(engine.module._oko_detector_create(model, options.address, out));
      return engine.view.getUint32(out, true);
    } finally {
      engine.free(out);
    }
  });
}

function describe(engine, model) {
  return withStruct(engine, "oko_model_info", (info) => {
    engine.check(engine.module._oko_model_describe(model, info.address));
    const upTo = (count, item) => Array.from({ length: count }, (_, i) => item(i));
    return {
      name: engine.text(info.get("name")),
      target: engine.text(info.get("target")),
      precision: kPrecisions[info.get("precision")],
      width: info.get("width"),
      height: info.get("height"),
      classes: upTo(info.get("class_count"),
        (id) => engine.text(engine.module._oko_model_class_name(model, id))),
      heads: upTo(info.get("head_count"), (head) => describeHead(engine, model, head)),
      weightBytes: info.get("weight_bytes"),
      activationBytes: info.get("activation_bytes"),
      flop: info.get("flop"),
    };
  });
}

function describeHead(engine, model, head) {
  return withStruct(engine, "oko_head_info", (info) => {
    engine.check(engine.module._oko_model_head(model, head, info.address));
    return {
      channels: info.get("channels"),
      height: info.get("height"),
      width: info.get("width"),
      anchors: Array.from({ length: Math.min(info.get("anchor_count"), kMostAnchors) },
        (_, i) => [info.get("anchors", 2 * i), info.get("anchors", 2 * i + 1)]),
    };
  });
}

class Detector {
  #engine;
  #address;
  #info;
  #frame;
  #thresholds;
  #out;  // two pointers that the engine fills
  #pixels = { address: 0, size: 0 };
  #classScores = 0;

  constructor(engine, address, info, threads) {
    this.#engine = engine;
    this.#address = address;
    this.#info = info;
    this.threads = threads;
    this.#frame = new Struct(engine, "oko_frame");
    this.#thresholds = new Struct(engine, "oko_thresholds");
    this.#out = engine.allocate(8);
  }

  async detect(source, thresholds = {}, view = {}) {
    this.#live();
    return this.#detectNow(await readFrame(source, view), thresholds);
  }

  run(input) {
    const engine = this.#engine;
    const detector = this.#live();
    const values = input instanceof Float32Array ? input : Float32Array.from(input);
    const address = engine.allocate(values.byteLength);
    try {
      engine.floats(address, values.length).set(values);
      engine.check(engine.module._oko_run(detector, address, values.length));
    } finally {
      engine.free(address);
    }
  }

  headMap(head) {
    const engine = this.#engine;
    engine.check(engine.module._oko_head_map(this.#live(), head, this.#out, this.#out + 4));
    const values = engine.floats(...this.#results()).slice();
    const { channels, height, width } = this.#info.heads[head];
    return { channels, height, width, values };
  }

  get timing() {
    const engine = this.#engine;
    return withStruct(engine, "oko_timing", (timing) => {
      engine.check(engine.module._oko_detector_timing(this.#live(), timing.address));
      return {
        prepare: timing.get("prepare_ms"),
        network: timing.get("network_ms"),
        decode: timing.get("decode_ms"),
      };
    });
  }

  dispose() {
    if (this.#address === 0) return;
    this.#engine.module._oko_detector_destroy(this.#address);
    this.#address = 0;
    this.#frame.free();
    this.#thresholds.free();
    for (const address of [this.#out, this.#pixels.address, this.#classScores]) {
      this.#engine.free(address);
    }
  }

  #live() {
    if (this.#address === 0) throw new Error("the detector has been disposed of");
    return this.#address;
  }

  // The two pointers or counts returned by the last call.
  #results() {
    const view = this.#engine.view;
    return [view.getUint32(this.#out, true), view.getUint32(this.#out + 4, true)];
  }

  #detectNow(frame, thresholds) {
    const engine = this.#engine;
    const detector = this.#live();
    this.#fillFrame(frame);
    this.#fillThresholds(thresholds);
    const size = engine.place("oko_detection").where;
    engine.check(engine.module._oko_detect_sized(
      detector, this.#frame.address, this.#thresholds.address, this.#out, this.#out + 4, size));
    const [first, count] = this.#results();
    return Array.from({ length: count }, (_, i) => {
      const found = new Struct(engine, "oko_detection", first + i * size);
      const classId = found.get("class_id");
      return {
        classId,
        className: this.#info.classes[classId],
        score: found.get("score"),
        left: found.get("left"),
        top: found.get("top"),
        right: found.get("right"),
        bottom: found.get("bottom"),
      };
    });
  }

  #fillFrame(frame) {
    const planes = planesOf(frame);
    const addresses = this.#copy(planes);
    const { left = 0, top = 0, width = 0, height = 0 } = frame.region ?? {};
    this.#frame.setAll({
      format: kFormats[frame.format].code,
      width: frame.width,
      height: frame.height,
      chroma_step: frame.chromaStep ?? 0,
      range: named(kRanges, frame.range ?? "video", "range"),
      matrix: named(kMatrices, frame.matrix ?? "bt601", "matrix"),
      rotation: frame.rotation ?? 0,
      mirror: frame.mirror ? 1 : 0,
    });
    for (let i = 0; i < 3; ++i) {
      this.#frame.set("planes", addresses[i] ?? 0, i);
      this.#frame.set("strides", planes[i]?.stride ?? 0, i);
    }
    [left, top, width, height].forEach((side, i) => this.#frame.set("region", side, i));
  }

  // Copies planes into the engine's memory and returns their addresses.
  #copy(planes) {
    const align = (size) => (size + 63) & ~63;
    const size = planes.reduce((sum, { bytes }) => sum + align(bytes.length), 0);
    if (size > this.#pixels.size) {
      this.#engine.free(this.#pixels.address);
      this.#pixels = { address: 0, size: 0 };
      this.#pixels = { address: this.#engine.allocate(size), size };
    }
    let at = this.#pixels.address;
    return planes.map(({ bytes }) => {
      const address = at;
      this.#engine.bytes(address, bytes.length).set(bytes);
      at += align(bytes.length);
      return address;
    });
  }

  #fillThresholds(thresholds) {
    // In the C API zero means the default; here only omitted values do.
    const given = (value) => (value === undefined ? 0 : value === 0 ? kNearlyZero : value);
    const { nms = "per-class", maxDetections = 0, classScores = [] } = thresholds;
    this.#engine.free(this.#classScores);
    this.#classScores = 0;
    if (classScores.length > 0) {
      this.#classScores = this.#engine.allocate(4 * classScores.length);
      this.#engine.floats(this.#classScores, classScores.length).set(classScores);
    }
    this.#thresholds.setAll({
      score: given(thresholds.score),
      iou: given(thresholds.iou),
      nms: named(kSuppressions, nms, "nms"),
      soft_sigma: given(thresholds.softSigma),
      max_detections: maxDetections,
      class_scores: this.#classScores,
      class_score_count: classScores.length,
    });
  }
}
