// Loads the right one of the WebAssembly modules. Both are imported by name and not when they are
// needed: bundlers put a worker into one file, some of them only if it imports nothing later.
// Internal; oko.js is the public API.
import { Engine, textIn } from "./engine.js";
import instantiateSingle from "./oko-simd.js";
import instantiateWithThreads from "./oko-simd-threads.js";

const kPageBytes = 65536;
const kInitialBytes = 32 << 20;
// Both bounds are those of the modules (CMakeLists.txt). Shared memory is reserved on creation, so
// if a phone refuses that much, less is requested.
const kLargestBytes = 2 ** 31;
const kLargestSharedBytes = [2 ** 30, 2 ** 29, 2 ** 28];

// A function of v128 code inside a try: a browser that accepts it can run the engine.
const kProbe = Uint8Array.of(
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0,
  10, 13, 1, 11, 0, 0x06, 0x40, 0x41, 0, 0xfd, 15, 0x1a, 0x19, 0x0b, 0x0b);

export function canRun() {
  return typeof WebAssembly === "object" && WebAssembly.validate(kProbe);
}

export function canUseThreads() {
  return globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === "function";
}

function makeMemory(shared) {
  const memory = (bytes) => new WebAssembly.Memory(
    { initial: kInitialBytes / kPageBytes, maximum: bytes / kPageBytes, shared });
  if (!shared) return memory(kLargestBytes);
  for (const bytes of kLargestSharedBytes) {
    try {
      return memory(bytes);
    } catch (error) {
      if (bytes === kLargestSharedBytes.at(-1)) throw error;
    }
  }
}

// Written out like this, bundlers see that it is a file of its own.
function newThread() {
  return new Worker(new URL("./oko-simd-threads.worker.js", import.meta.url), { type: "module" });
}

// `threads` above 1 uses the module with threads; `wasm`: the module's bytes, else they are
// fetched.
export async function loadEngine(threads, wasm) {
  if (!canRun()) {
    throw new Error("this browser has no WebAssembly SIMD (update it: " +
      "Chrome 95, Firefox 100, Safari 16.4 and later have it)");
  }
  const memory = makeMemory(threads > 1);
  const instantiate = threads > 1 ? instantiateWithThreads : instantiateSingle;
  const said = [];
  const module = await instantiate({
    wasmMemory: memory, wasmBinary: wasm, poolSize: threads - 1, newThread,
    log: (level, text) => said.push({ level, text: textIn(memory, text) }),
    print() {}, printErr() {},
  });
  return new Engine(module, memory, said);
}
