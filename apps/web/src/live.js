// The page's side of a detector in a worker (worker.js). Types and contracts: live.d.ts.

export class LiveDetector {
  #worker;
  #calls = new Map();  // id → { resolve, reject } of calls in progress
  #nextId = 0;
  #busy = false;
  #waiting = null;  // the newest frame, { source, options, resolve, reject }
  #failure = null;

  static async start({ threads } = {}) {
    const live = new LiveDetector();
    live.#worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    live.#worker.onmessage = ({ data }) => live.#settle(data);
    live.#worker.onerror = (event) =>
      live.#fail(new Error(event.message || "the detector's worker could not be started"));
    try {
      Object.assign(live, await live.#call("load", { threads }));
    } catch (error) {
      live.close();
      throw error;
    }
    return live;
  }

  open(bytes, options = {}) {
    return this.#call("open", { bytes, options }, [bytes]);
  }

  detect(source, options = {}) {
    return new Promise((resolve, reject) => {
      this.#overtake();
      this.#waiting = { source, options, resolve, reject };
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

  #call(name, values, transfer = []) {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) throw this.#failure;
      const id = this.#nextId++;
      this.#worker.postMessage({ id, name, ...values }, transfer);
      this.#calls.set(id, { resolve, reject });
    });
  }

  #settle({ id, value, error }) {
    const { resolve, reject } = this.#calls.get(id);
    this.#calls.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  }

  #fail(error) {
    this.#failure = error;
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}
