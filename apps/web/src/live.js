// The page's side of a detector in a worker (worker.js). Types and contracts: live.d.ts.
import { errorWithCode } from "./engine.js";

export class LiveDetector {
  #worker;
  #calls = new Map();  // id → { resolve, reject, answers } of calls in progress
  #nextId = 0;
  #busy = false;
  #waiting = null;  // the newest frame, { source, options, resolve, reject }
  #failure = null;
  #log = () => {};

  static async start({ threads, log, ...settings } = {}) {
    const live = new LiveDetector();
    if (log !== undefined) live.#log = log;
    live.#worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    live.#worker.onmessage = ({ data }) => live.#settle(data);
    live.#worker.onerror = (event) =>
      live.#fail(new Error(event.message || "the detector's worker could not be started"));
    try {
      Object.assign(live, await live.#call("load", { threads, settings }));
    } catch (error) {
      live.close();
      throw error;
    }
    return live;
  }

  open(bytes, options = {}) {
    return this.#call("open", { bytes, options }, [bytes]);
  }

  openSealed(bytes, seal, options = {}) {
    return this.#callSealed("openSealed", bytes, seal, options);
  }

  swap(bytes, options = {}) {
    return this.#call("swap", { bytes, options }, [bytes]);
  }

  swapSealed(bytes, seal, options = {}) {
    return this.#callSealed("swapSealed", bytes, seal, options);
  }

  revert() {
    return this.#call("revert", {});
  }

  configure(settings) {
    return this.#call("configure", { settings });
  }

  setHeat(heat) {
    return this.configure({ heat });
  }

  status() {
    return this.#call("status", {});
  }

  reset() {
    return this.#call("reset", {});
  }

  recipient(point) {
    return this.#call("recipient", { point });
  }

  detect(source, options = {}) {
    return new Promise((resolve, reject) => {
      this.#overtake();
      const timed = { seconds: performance.now() / 1000, ...options };
      this.#waiting = { source, options: timed, resolve, reject };
      this.#next();
    });
  }

  close() {
    this.#overtake();
    this.#worker.terminate();
    this.#fail(new Error("the detector is closed"));
  }

  #overtake() {
    if (this.#waiting === null) return;
    this.#waiting.source.close?.();
    this.#waiting.resolve(null);
    this.#waiting = null;
  }

  async #next() {
    if (this.#busy || this.#waiting === null) return;
    const { source, options, resolve, reject } = this.#waiting;
    this.#waiting = null;
    this.#busy = true;
    try {
      const transfer = typeof source.close === "function" ? [source] : [];
      resolve(await this.#call("detect", { source, options }, transfer));
    } catch (error) {
      reject(error);
    }
    this.#busy = false;
    this.#next();
  }

  #callSealed(name, bytes, { key, releases, ...seal }, options) {
    const given = { ...seal, point: key?.point, keepsReleases: releases !== undefined };
    return this.#call(name, { bytes, seal: given, options }, [bytes], {
      agree: (sender) => key.agree(sender),
      getRelease: (model) => releases.get(model),
      setRelease: (model, release) => releases.set(model, release),
    });
  }

  // `answers`: functions for what the worker asks meanwhile.
  #call(name, values, transfer = [], answers = {}) {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) throw this.#failure;
      const id = this.#nextId++;
      this.#worker.postMessage({ id, name, ...values }, transfer);
      this.#calls.set(id, { resolve, reject, answers });
    });
  }

  #settle({ id, value, error, code, question, name, values, said }) {
    if (said !== undefined) {
      this.#log(said.level, said.text);
      return;
    }
    const { resolve, reject, answers } = this.#calls.get(id);
    if (question !== undefined) {
      this.#answer(question, () => answers[name](...values));
      return;
    }
    this.#calls.delete(id);
    if (error === undefined) resolve(value);
    else reject(code === undefined ? new Error(error) : errorWithCode(error, code));
  }

  async #answer(answered, find) {
    try {
      this.#worker.postMessage({ answered, value: await find() });
    } catch (error) {
      this.#worker.postMessage({ answered, error: error.message });
    }
  }

  #fail(error) {
    this.#failure = error;
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}
