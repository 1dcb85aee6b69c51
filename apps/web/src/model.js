// An open model. Types and contracts: oko.d.ts.
import { Detector } from "./detector.js";
import { withStruct } from "./engine.js";
import { bytesOf, kPrecisions, modelOptions } from "./given.js";

const kMostAnchors = 16;  // the limit of oko_head_info

// Opens the bytes of an .oko file; returns the model's address.
export function openModel(engine, model, given) {
  const values = modelOptions(given);
  const bytes = bytesOf(model, "a model");
  return withStruct(engine, "oko_model_options", (options) => {
    const target = engine.newText(given.target);
    try {
      options.setAll({ ...values, target });
      const data = engine.newBytes(bytes);
      return engine.make((out) =>
        engine.module._oko_web_open(data, bytes.length, options.address, out));
    } finally {
      engine.free(target);
    }
  });
}

export class Model {
  #engine;
  #address;
  #threads;

  constructor(engine, address, threads) {
    this.#engine = engine;
    this.#address = address;
    this.#threads = threads;
    this.info = describe(engine, address);
  }

  // For live cameras. Not of oko.d.ts.
  static address(model) {
    return model.#live();
  }

  // Waits for threads that a disposed detector is still releasing.
  async detector({ threads = this.#threads, tiles = 1 } = {}) {
    if (!Number.isInteger(threads) || threads < 1 || threads > this.#threads) {
      throw new TypeError(`threads must be 1 to ${this.#threads}, as many as oko was loaded with`);
    }
    await this.#engine.freeThreads(threads);
    return new Detector(this.#engine, this.#live(), this.info, threads, tiles);
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

function describe(engine, model) {
  return withStruct(engine, "oko_model_info", (info) => {
    const { module } = engine;
    engine.check(module._oko_model_describe(model, info.address));
    const upTo = (count, item) => Array.from({ length: count }, (_, i) => item(i));
    const text = (field) => engine.text(info.get(field));
    const trained = info.get("trained");
    return {
      name: text("name"),
      target: text("target"),
      precision: kPrecisions[info.get("precision")],
      width: info.get("width"),
      height: info.get("height"),
      classes: upTo(info.get("class_count"),
        (id) => engine.text(module._oko_model_class_name(model, id))),
      thresholds: upTo(info.get("class_count"),
        (id) => module._oko_model_class_threshold(model, id)),
      ownThresholds: info.get("own_thresholds") === 1,
      heads: upTo(info.get("head_count"), (head) => describeHead(engine, model, head)),
      weightBytes: info.get("weight_bytes"),
      activationBytes: info.get("activation_bytes"),
      flop: info.get("flop"),
      version: text("version"),
      hash: text("hash"),
      checksum: text("checksum"),
      trained: trained === 0 ? null : new Date(1000 * trained),
      metrics: text("measured_on") === null ? null : describeMetrics(info, text),
    };
  });
}

function describeMetrics(info, text) {
  return {
    map50: info.get("map50"),
    map: info.get("map"),
    dataset: text("measured_on"),
    split: text("measured_split"),
    images: info.get("measured_images"),
    itself: info.get("measured_itself") === 1,
  };
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
