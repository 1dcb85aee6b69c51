// The worker's side of LiveDetector (live.js): a session, and one call after another.
import { loadOko, readFrame } from "./oko.js";
import { Session } from "./session.js";

let oko = null;
let session = null;
const questions = new Map();  // id → { resolve, reject } of what the page was asked
let nextQuestion = 0;

// What only the page knows: `name` is one of live.js' answers to the call `id`.
function ask(id, name, ...values) {
  return new Promise((resolve, reject) => {
    const question = nextQuestion++;
    self.postMessage({ id, question, name, values });
    questions.set(question, { resolve, reject });
  });
}

// The model at its own size and at `sizes`, the largest first. `open(options)` opens it once.
async function openSizes(open, { sizes = [], ...options }) {
  const models = [];
  try {
    models.push(await open(options));
    for (const { width, height } of sizes) models.push(await open({ ...options, width, height }));
  } catch (error) {
    for (const model of models) model.dispose();
    throw error;
  }
  const pixels = ({ info }) => info.width * info.height;
  return models.sort((a, b) => pixels(b) - pixels(a));
}

function openPlain({ bytes, options }) {
  return openSizes((each) => oko.open(bytes, each), options);
}

function openSealed({ id, bytes, seal: { point, keepsReleases, ...seal }, options }) {
  if (point !== undefined) {
    seal.key = { point, agree: (sender) => ask(id, "agree", sender) };
  }
  if (keepsReleases) {
    seal.releases = {
      get: (name) => ask(id, "getRelease", name),
      set: (name, release) => ask(id, "setRelease", name, release),
    };
  }
  return openSizes((each) => oko.openSealed(bytes, seal, each), options);
}

async function swap(models) {
  try {
    return await session.swap(models);
  } catch (error) {
    for (const model of models) model.dispose();
    throw error;
  }
}

// What a result says of the frame.
function frameOf({ width, height, rotation, mirror, region }) {
  return { width, height, rotation, mirror, region };
}

const calls = {
  async load({ threads, settings }) {
    oko = await loadOko({ threads });
    session = new Session(oko, (level, text) => self.postMessage({ said: { level, text } }));
    session.configure(settings);
    return { threads: oko.threads, version: oko.version };
  },

  // If it is invalid, the previous model stays.
  async open(call) {
    return session.open(await openPlain(call));
  },

  async openSealed(call) {
    return session.open(await openSealed(call));
  },

  async swap(call) {
    return swap(await openPlain(call));
  },

  async swapSealed(call) {
    return swap(await openSealed(call));
  },

  async revert() {
    return session.revert();
  },

  async configure({ settings }) {
    session.configure(settings);
  },

  async status() {
    return session.status();
  },

  async reset() {
    session.reset();
  },

  async recipient({ point }) {
    return oko.recipient(point);
  },

  async detect({ source, options: { thresholds, view, keepPixels, seconds, still } }) {
    try {
      const pixels = await readFrame(source, view);
      const result = still
        ? await session.look(pixels, thresholds)
        : await session.detect(pixels, seconds, thresholds);
      if (result === null) return null;
      return { ...result, frame: frameOf(pixels), ...(keepPixels ? { pixels } : {}) };
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
