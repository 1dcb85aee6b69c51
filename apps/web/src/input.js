// Images and thresholds as the engine's structs. Internal; oko.js is the public API.
import { Struct } from "./engine.js";
import { kFormats, kMatrices, kRanges, named, planesOf } from "./frame.js";

const kSuppressions = { "per-class": 0, agnostic: 1, soft: 2 };
const kNearlyZero = 1e-30;

// In the C API zero means the default; here only omitted values do.
export function given(value) {
  return value === undefined ? 0 : value === 0 ? kNearlyZero : value;
}

// An oko_frame with its pixels, which are copied into the engine's memory.
export class FrameInput {
  #engine;
  #frame;
  #pixels = { address: 0, size: 0 };

  constructor(engine) {
    this.#engine = engine;
    this.#frame = new Struct(engine, "oko_frame");
  }

  // Address of the struct for a PixelFrame; valid until the next call.
  fill(frame) {
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
    return this.#frame.address;
  }

  free() {
    this.#frame.free();
    this.#engine.free(this.#pixels.address);
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
}

// oko_thresholds.
export class ThresholdsInput {
  #engine;
  #thresholds;
  #classScores = 0;

  constructor(engine) {
    this.#engine = engine;
    this.#thresholds = new Struct(engine, "oko_thresholds");
  }

  // Address of the struct; valid until the next call.
  fill(thresholds) {
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
    return this.#thresholds.address;
  }

  free() {
    this.#thresholds.free();
    this.#engine.free(this.#classScores);
  }
}
