// The worker's side of LiveDetector (live.js): one model, one detector, one call after another.
import { loadOko, readFrame } from "./oko.js";

let oko = null;
let model = null;
let detector = null;

function drop() {
  detector?.dispose();
  model?.dispose();
  detector = model = null;
}

const calls = {
  async load({ threads }) {
    oko = await loadOko({ threads });
    return { threads: oko.threads, version: oko.version };
  },

  async open({ bytes, options }) {
    const opened = oko.open(bytes, options);  // if it is invalid, the previous model stays
    drop();
    model = opened;
    detector = await model.detector();
    return model.info;
  },

  async detect({ source, options }) {
    try {
      if (detector === null) throw new Error("no model is open");
      const pixels = await readFrame(source, options.view);
      const detections = await detector.detect(pixels, options.thresholds);
      const { width, height, rotation, mirror, region } = pixels;
      const result = {
        detections, timing: detector.timing, frame: { width, height, rotation, mirror, region },
      };
      if (options.keepPixels) result.pixels = pixels;
      return result;
    } finally {
      source.close?.();
    }
  },
};

let last = Promise.resolve();

self.onmessage = ({ data }) => {
  last = last.then(async () => {
    try {
      self.postMessage({ id: data.id, value: await calls[data.name](data) });
    } catch (error) {
      self.postMessage({ id: data.id, error: error.message });
    }
  });
};
