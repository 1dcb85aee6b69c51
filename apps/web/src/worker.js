// The worker's side of LiveDetector (live.js): one model, one detector, one call after another.
import { loadOko, readFrame } from "./oko.js";

let oko = null;
let model = null;
let detector = null;
const questions = new Map();  // id → { resolve, reject } of what the page was asked
let nextQuestion = 0;

// If it is invalid, the previous model stays.
async function replace(opened) {
  detector?.dispose();
  model?.dispose();
  detector = null;
  model = opened;
  detector = await model.detector();
  return model.info;
}

// What only the page knows: `name` is one of live.js' answers to the call `id`.
function ask(id, name, ...values) {
  return new Promise((resolve, reject) => {
    const question = nextQuestion++;
    self.postMessage({ id, question, name, values });
    questions.set(question, { resolve, reject });
  });
}

const calls = {
  async load({ threads }) {
    oko = await loadOko({ threads });
    return { threads: oko.threads, version: oko.version };
  },

  async open({ bytes, options }) {
    return replace(oko.open(bytes, options));
  },

  async openSealed({ id, bytes, seal: { point, keepsReleases, ...seal }, options }) {
    if (point !== undefined) {
      seal.key = { point, agree: (sender) => ask(id, "agree", sender) };
    }
    if (keepsReleases) {
      seal.releases = {
        get: (name) => ask(id, "getRelease", name),
        set: (name, release) => ask(id, "setRelease", name, release),
      };
    }
    return replace(await oko.openSealed(bytes, seal, options));
  },

  async recipient({ point }) {
    return oko.recipient(point);
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
  if (data.answered !== undefined) {
    const { resolve, reject } = questions.get(data.answered);
    questions.delete(data.answered);
    if (data.error === undefined) resolve(data.value);
    else reject(new Error(data.error));
    return;
  }
  last = last.then(async () => {
    try {
      self.postMessage({ id: data.id, value: await calls[data.name](data) });
    } catch (error) {
      self.postMessage({ id: data.id, error: error.message, code: error.code });
    }
  });
};
