// Measures a model: for each size and number of threads an engine of its own, warm-up, then so many
// runs on the same generated frame.
import { LiveDetector } from "./live.js";
import { kSteps } from "./bench_link.js";

const kFrame = [1280, 720];
const kWarmUp = 5;  // runs, and at least so long:
const kWarmUpTime = 400;  // ms

// A frame like a camera's (NV12), always the same. Noise would have no edges, so a coarse pattern.
function generatedFrame([width, height]) {
  let state = 1;
  const random = () => (state = Math.imul(state, 1664525) + 1013904223 >>> 0) >>> 24;
  const plane = (across, rows) => {
    const blocks = Array.from({ length: Math.ceil(across / 16) * Math.ceil(rows / 16) }, random);
    return Uint8Array.from({ length: across * rows }, (_, i) =>
      blocks[(i / across >> 4) * Math.ceil(across / 16) + (i % across >> 4)]);
  };
  return {
    format: "NV12", width, height, planes: [plane(width, height), plane(width, height / 2)],
  };
}

// The clocks of browsers tell no less.
const inMicroseconds = (ms) => Math.round(ms * 1000) / 1000;

// The median, and what nine of ten values do not exceed.
export function medianAndP90(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)];
  const middle = sorted.length / 2;
  const median = sorted.length % 2 === 1
    ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
  return [median, at(0.9)];
}

export function deviceFacts(target) {
  const { hardwareConcurrency = 0, userAgent } = navigator;
  return { cores: hardwareConcurrency, simd: target, userAgent };
}

async function measureOne(model, { width, height, threads }, frame, runs, { stopped, progress }) {
  const live = await LiveDetector.start({ threads });
  try {
    const info = await model.open(live, { width, height });
    const run = async () => (await live.detect(frame)).timing;
    const start = performance.now();
    for (let i = 0; i < kWarmUp || performance.now() - start < kWarmUpTime; ++i) {
      if (stopped()) return null;
      await run();
    }
    const times = [];
    while (times.length < runs) {
      if (stopped()) return null;
      const timing = await run();
      times.push({ ...timing, total: timing.prepare + timing.network + timing.decode });
      progress(times.length / runs);
    }
    const steps = kSteps.map((step) =>
      [step, medianAndP90(times.map((time) => time[step])).map(inMicroseconds)]);
    return {
      row: { width, height, threads, ...Object.fromEntries(steps) },
      target: info.target,
      version: live.version,
    };
  } finally {
    live.close();
  }
}

// `cases`: { width, height, threads } of each. Calls back `shown({ row })`, or `shown({ problem })`
// of a case that the model cannot be measured in. Resolves to { oko, device, frame, runs, rows },
// null if stopped or if there is no row.
export async function measure(model, cases, runs, { stopped, progress, shown }) {
  const frame = generatedFrame(kFrame);
  const rows = [];
  let last = null;
  for (const [i, one] of cases.entries()) {
    try {
      const done = await measureOne(model, one, frame, runs, {
        stopped, progress: (share) => progress((i + share) / cases.length),
      });
      if (done === null) return null;
      last = done;
      rows.push(done.row);
      shown({ row: done.row });
    } catch (error) {
      shown({ problem: { ...one, message: error.message } });
    }
  }
  if (last === null) return null;
  return { oko: last.version, device: deviceFacts(last.target), frame: kFrame, runs, rows };
}
