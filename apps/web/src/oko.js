// oko detects objects in images, in the browser. Types and contracts: oko.d.ts.
import { LiveCamera } from "./live_camera.js";
import { Model, openModel } from "./model.js";
import { canUseThreads, loadEngine } from "./modules.js";
import { openSealed, recipientOf } from "./sealed.js";
import { Tracker } from "./tracker.js";

export { readFrame, toUpright, uprightSize } from "./frame.js";
export { browserKey, keyFrom } from "./key.js";
export { isSealed, storedReleases } from "./sealed.js";

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

  tracker(options = {}) {
    return new Tracker(this.#engine, options);
  }

  // For LiveDetector's worker. Not of oko.d.ts.
  async liveCamera(models, options) {
    await this.#engine.freeThreads(options.threads);
    return new LiveCamera(this.#engine, models, options);
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
