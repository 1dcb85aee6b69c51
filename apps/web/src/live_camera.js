// A live camera of the engine: looks at a frame if its budget allows, at one of several sizes.
// Internal; session.js uses it.
import { Struct, withStruct } from "./engine.js";
import { detectionList } from "./found.js";
import { FrameInput, ThresholdsInput } from "./input.js";
import { Model } from "./model.js";

export const kHeats = { nominal: 0, fair: 1, serious: 2, critical: 3 };
const kTaken = ["taken", "taken-newer", "skipped-rate", "skipped-heat", "skipped-stop"];
const kLevels = ["info", "warning"];

// Calls `body(addresses, count)` with a list of the models' addresses.
function withModels(engine, models, body) {
  const list = engine.allocate(4 * models.length);
  try {
    models.forEach((model, i) => engine.view.setUint32(list + 4 * i, Model.address(model), true));
    return body(list, models.length);
  } finally {
    engine.free(list);
  }
}

// oko_live_options but for the tracker: the session has one of its own, which stays where settings
// need another camera.
function createLive(engine, models, { threads, budget, framesPerSecond }) {
  return withStruct(engine, "oko_live_options", (options) => {
    options.setAll({
      threads,
      budget_ms: budget,
      frames_per_second: framesPerSecond,
      no_tracking: 1,
      log: engine.module._oko_web_log(),
    });
    return withModels(engine, models, (list, count) => engine.make((out) =>
      engine.module._oko_live_create(list, count, options.address, out)));
  });
}

export class LiveCamera {
  #engine;
  #address;
  #log;
  #frame;
  #thresholds;
  #result;
  #found;
  #classes;

  // `models`: the same one, the largest input first. Each call of `log(level, text)` is during a
  // call of this.
  constructor(engine, models, { log, ...options }) {
    this.#engine = engine;
    this.#address = createLive(engine, models, options);
    this.#log = log;
    this.#frame = new FrameInput(engine);
    this.#thresholds = new ThresholdsInput(engine);
    this.#result = new Struct(engine, "oko_live_result");
    this.#classes = models[0].info.classes;
    this.#found = detectionList(engine, (id) => this.#classes[id]);
  }

  // Whether the frame is looked at, one of kTaken.
  submit(pixels, seconds) {
    const engine = this.#engine;
    const frame = this.#frame.fill(pixels);
    return kTaken[engine.makeNumber((out) =>
      engine.module._oko_live_submit(this.#address, frame, seconds, out))];
  }

  // Looks at the frame that was taken: { detections, timing, frame, model }; null if none was.
  next() {
    const engine = this.#engine;
    const result = this.#result;
    this.#say(() => engine.module._oko_live_next(this.#address, 0, result.address));
    if (result.get("found") === 0) return null;
    return {
      detections: this.#found.from((...list) =>
        engine.module._oko_live_detections_sized(this.#address, ...list)),
      timing: {
        prepare: result.get("prepare_ms"),
        network: result.get("network_ms"),
        decode: result.get("decode_ms"),
      },
      frame: { width: result.get("frame_width"), height: result.get("frame_height") },
      model: result.get("model"),
    };
  }

  // From the next frame on; before the first call, and with {}, the models' own.
  setThresholds(thresholds) {
    const engine = this.#engine;
    engine.check(engine.module._oko_live_set_thresholds(
      this.#address, this.#thresholds.fill(thresholds)));
  }

  setHeat(heat) {
    this.#say(() => this.#engine.module._oko_live_set_heat(this.#address, kHeats[heat]));
  }

  swap(models) {
    const engine = this.#engine;
    this.#say(() => withModels(engine, models, (list, count) =>
      engine.module._oko_live_swap(this.#address, list, count)));
    this.#classes = models[0].info.classes;
  }

  // `models` are those before the last swap().
  revert(models) {
    this.#say(() => this.#engine.module._oko_live_revert(this.#address));
    this.#classes = models[0].info.classes;
  }

  get status() {
    const engine = this.#engine;
    return withStruct(engine, "oko_live_status", (status) => {
      engine.check(engine.module._oko_live_get_status(this.#address, status.address));
      return {
        taken: status.get("taken"),
        skippedRate: status.get("skipped_rate"),
        skippedHeat: status.get("skipped_heat"),
        lookedAt: status.get("looked_at"),
        model: status.get("model"),
        heat: Object.keys(kHeats)[status.get("heat")],
        frame: status.get("frame_ms"),
        framesPerSecond: status.get("frames_per_second"),
        overBudget: status.get("over_budget") === 1,
      };
    });
  }

  dispose() {
    this.#engine.module._oko_live_destroy(this.#address);
    this.#address = 0;
    for (const part of [this.#frame, this.#thresholds, this.#result, this.#found]) part.free();
  }

  // The engine's log arrives during the call, inside the engine; an error of `log` must not.
  #say(call) {
    const status = call();
    for (const { level, text } of this.#engine.said.splice(0)) this.#log(kLevels[level], text);
    this.#engine.check(status);
  }
}
