// A detector of a model. Types and contracts: oko.d.ts.
import { withStruct } from "./engine.js";
import { detectionList } from "./found.js";
import { readFrame } from "./frame.js";
import { FrameInput, ThresholdsInput } from "./input.js";

function createDetector(engine, model, threads, tiles) {
  return withStruct(engine, "oko_detector_options", (options) => {
    options.setAll({ threads, tiles });
    return engine.make((out) => engine.module._oko_detector_create(model, options.address, out));
  });
}

export class Detector {
  #engine;
  #address;
  #info;
  #frame;
  #thresholds;
  #found;

  // `model`: its address, `info` what it says of itself.
  constructor(engine, model, info, threads, tiles) {
    this.#engine = engine;
    this.#address = createDetector(engine, model, threads, tiles);
    this.#info = info;
    this.threads = threads;
    this.#frame = new FrameInput(engine);
    this.#thresholds = new ThresholdsInput(engine);
    this.#found = detectionList(engine, (id) => info.classes[id]);
  }

  // For trackers. Not of oko.d.ts.
  static parts(detector) {
    if (!(detector instanceof Detector)) throw new TypeError("not a detector of Model.detector()");
    return { address: detector.#live(), info: detector.#info };
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
    const detector = this.#live();
    const out = engine.allocate(8);
    try {
      engine.check(engine.module._oko_head_map(detector, head, out, out + 4));
      const view = engine.view;
      const values =
        engine.floats(view.getUint32(out, true), view.getUint32(out + 4, true)).slice();
      const { channels, height, width } = this.#info.heads[head];
      return { channels, height, width, values };
    } finally {
      engine.free(out);
    }
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
    for (const part of [this.#frame, this.#thresholds, this.#found]) part.free();
  }

  #live() {
    if (this.#address === 0) throw new Error("the detector has been disposed of");
    return this.#address;
  }

  #detectNow(pixels, thresholds) {
    const detector = this.#live();
    const frame = this.#frame.fill(pixels);
    const wanted = this.#thresholds.fill(thresholds);
    return this.#found.from((...list) =>
      this.#engine.module._oko_detect_sized(detector, frame, wanted, ...list));
  }
}
