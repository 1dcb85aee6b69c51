// The WebAssembly engine's memory, accessed through the table of struct fields that it provides
// (engine/glue.cpp). Internal; oko.js is the public API.

// Of oko_status, by its number: an Error's `code`.
const kCodes = ["ok", "failed", "invalid-argument", "bad-model", "storage", "bad-signature",
  "no-key", "other-model", "old-release", "expired", "old-app"];

export function errorWithCode(message, code) {
  return Object.assign(new Error(message), { code });
}

export class Engine {
  // `said`: where the module's log puts { level, text }.
  constructor(module, memory, said) {
    this.module = module;
    this.memory = memory;
    this.said = said;
    this.places = this.#readPlaces();
  }

  // Memory moves when it grows, so views are recreated for each use.
  get view() {
    return new DataView(this.memory.buffer);
  }

  bytes(address, count) {
    return new Uint8Array(this.memory.buffer, address, count);
  }

  floats(address, count) {
    return new Float32Array(this.memory.buffer, address, count);
  }

  text(address) {
    return textIn(this.memory, address);
  }

  allocate(count) {
    const address = this.module._malloc(Math.max(count, 1));
    if (address === 0) throw new Error(`out of memory: ${count} bytes are not to be had`);
    return address;
  }

  free(address) {
    this.module._free(address);
  }

  newBytes(bytes) {
    const address = this.allocate(bytes.length);
    this.bytes(address, bytes.length).set(bytes);
    return address;
  }

  // Allocated string, or 0 for none.
  newText(text) {
    return text === undefined ? 0 : this.newBytes(encodedText(text));
  }

  // Resolves once so many threads are free, the caller's included: threads that are not needed any
  // more end at their own time.
  async freeThreads(count) {
    const free = () => 1 + (this.module.PThread ? this.module.PThread.unusedWorkers.length : 0);
    for (let turns = 0; free() < count; ++turns) {
      if (turns === 50) {
        throw new Error(`only ${free()} threads are free ` +
          "(dispose of other detectors, or load oko with more)");
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  // What `call(out)` of the engine's makes: the address of an object.
  make(call) {
    return this.#made(call, (out) => this.view.getUint32(out, true));
  }

  // The same where it is a number.
  makeNumber(call) {
    return this.#made(call, (out) => this.view.getInt32(out, true));
  }

  #made(call, read) {
    const out = this.allocate(4);
    try {
      this.check(call(out));
      return read(out);
    } finally {
      this.free(out);
    }
  }

  check(status) {
    if (status !== 0) {
      throw errorWithCode(this.text(this.module._oko_last_error()), kCodes[status]);
    }
  }

  place(name) {
    const found = this.places.get(name);
    if (found === undefined) throw new Error(`the engine has no ${name}`);
    return found;
  }

  #readPlaces() {
    const table = this.module._oko_web_places();
    const places = new Map();
    for (let i = 0; i < this.module._oko_web_place_count(); ++i) {
      const [name, kind, where] = new Int32Array(this.memory.buffer, table + 12 * i, 3);
      places.set(this.text(name), { kind: String.fromCharCode(kind), where });
    }
    return places;
  }
}

// The string at an address; null at 0.
export function textIn(memory, address) {
  if (address === 0) return null;
  const all = new Uint8Array(memory.buffer);
  return new TextDecoder().decode(all.slice(address, all.indexOf(0, address)));
}

// As C has it.
export function encodedText(text) {
  return new TextEncoder().encode(`${text}\0`);
}

const kWidth = { i: 4, f: 4, p: 4, d: 8, q: 8, b: 1 };

// A C struct: newly allocated, all zero except struct_size, until free() is called; or the one at
// `address`.
export class Struct {
  constructor(engine, type, address = 0) {
    this.engine = engine;
    this.type = type;
    this.size = engine.place(type).where;
    this.owned = address === 0;
    this.address = this.owned ? engine.allocate(this.size) : address;
    if (this.owned) {
      engine.bytes(this.address, this.size).fill(0);
      this.set("struct_size", this.size);
    }
  }

  #find(field, index) {
    const { kind, where } = this.engine.place(`${this.type}.${field}`);
    return { kind, at: this.address + where + index * kWidth[kind] };
  }

  // `index` counts the elements of an array.
  get(field, index = 0) {
    const { kind, at } = this.#find(field, index);
    const view = this.engine.view;
    switch (kind) {
      case "i": return view.getInt32(at, true);
      case "f": return view.getFloat32(at, true);
      case "d": return view.getFloat64(at, true);
      case "q": return Number(view.getBigUint64(at, true));
      default: return view.getUint32(at, true);
    }
  }

  set(field, value, index = 0) {
    const { kind, at } = this.#find(field, index);
    const view = this.engine.view;
    if (kind === "i") view.setInt32(at, value, true);
    else if (kind === "f") view.setFloat32(at, value, true);
    else if (kind === "d") view.setFloat64(at, value, true);
    else if (kind === "q") view.setBigInt64(at, BigInt(value), true);
    else view.setUint32(at, value, true);
  }

  setAll(values) {
    for (const [field, value] of Object.entries(values)) this.set(field, value);
    return this;
  }

  // Where a field is, for arrays of bytes.
  addressOf(field) {
    return this.#find(field, 0).at;
  }

  free() {
    if (this.owned) this.engine.free(this.address);
  }
}

// Runs `body` with a new struct and frees it.
export function withStruct(engine, type, body) {
  const struct = new Struct(engine, type);
  try {
    return body(struct);
  } finally {
    struct.free();
  }
}
