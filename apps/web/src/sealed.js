// Sealed models (docs/sealed-models.md). Internal; oko.js is the public API.
import { encodedText, errorWithCode, Struct } from "./engine.js";
import { bytesOf, exactBytes, modelOptions } from "./given.js";

// oko_web_answers.question
const kNothing = 0;
const kRelease = 1;

const kPointBytes = 65;
const kSecretBytes = 32;
const kRecipientBytes = 128;  // more than "age1tag1…" takes
const kStart = "manifest.json\0";  // of a tar file of that

export function isSealed(given) {
  return String.fromCharCode(...bytesOf(given, "a model").subarray(0, kStart.length)) === kStart;
}

// Memory of the engine for one call: overwritten before it is freed, since keys are in it.
class Scratch {
  #engine;
  #blocks = [];

  constructor(engine) {
    this.#engine = engine;
  }

  bytes(bytes) {
    const address = this.#engine.newBytes(bytes);
    this.#blocks.push({ address, size: bytes.length });
    return address;
  }

  text(text) {
    return text === undefined ? 0 : this.bytes(encodedText(text));
  }

  struct(type) {
    const struct = new Struct(this.#engine, type);
    this.#blocks.push(struct);
    return struct;
  }

  free() {
    for (const { address, size } of this.#blocks) {
      this.#engine.bytes(address, size).fill(0);
      this.#engine.free(address);
    }
  }
}

// ---- Releases -----------------------------------------------------------------------------------

async function storedRelease(releases, model) {
  const stored = await releases.get(model);
  const release = Number(stored ?? 0);
  if (!Number.isSafeInteger(release) || release < 0) {
    throw new Error(`"${stored}" is stored, which is no release`);
  }
  return release;
}

// Any failure of the app's store has the code of one.
async function fromStore(model, work) {
  try {
    return await work();
  } catch (error) {
    throw errorWithCode(`${model}: its release cannot be read or stored: ${error.message}`,
      "storage");
  }
}

let lastStored = Promise.resolve();

// One after another: of two models that are opened at a time the higher release must stay.
function storeRelease(releases, model, release) {
  const stored = lastStored.then(() => fromStore(model, async () => {
    if (await storedRelease(releases, model) < release) await releases.set(model, release);
  }));
  lastStored = stored.catch(() => {});
  return stored;
}

export function storedReleases(storage, prefix = "oko-release ") {
  return {
    get: (model) => storage.getItem(prefix + model),
    set: (model, release) => storage.setItem(prefix + model, String(release)),
  };
}

// ---- Opening ------------------------------------------------------------------------------------

// A model being opened. The engine cannot wait for an answer: what it has none to, it asks, and the
// model is opened again with the answer (glue.cpp).
class Opening {
  #engine;
  #scratch;
  #seal;
  #file;
  #agreements = [];  // of each the sender's bytes, then the secret's

  constructor(engine, scratch, given, seal, options) {
    const { signer, identity, key, model, appVersion, now, releases } = seal;
    const file = bytesOf(given, "a model");
    this.#engine = engine;
    this.#scratch = scratch;
    this.#seal = seal;
    this.#file = { address: scratch.bytes(file), size: file.length };
    this.options = scratch.struct("oko_model_options")
      .setAll({ ...modelOptions(options), target: scratch.text(options.target) });
    this.demands = scratch.struct("oko_seal_options").setAll({
      signer: scratch.text(signer),
      identity: scratch.text(identity),
      model: scratch.text(model),
      app_version: scratch.text(appVersion),
      now: now === undefined ? 0 : Math.floor(now.getTime() / 1000),
      p256_point:
        key === undefined ? 0 : scratch.bytes(exactBytes(key.point, kPointBytes, "key.point")),
    });
    this.answers = scratch.struct("oko_web_answers")
      .setAll({ keeps_releases: releases === undefined ? 0 : 1 });
    this.out = scratch.bytes(new Uint8Array(4));
  }

  // What has to be asked first, or kNothing: then the model is open. Throws why it is refused.
  attempt() {
    this.answers.setAll({
      agreements: this.#scratch.bytes(Uint8Array.from(this.#agreements.flat())),
      agreement_count: this.#agreements.length,
    });
    const status = this.#engine.module._oko_web_open_sealed(this.#file.address, this.#file.size,
      this.demands.address, this.answers.address, this.options.address, this.out);
    if (status === 0) return kNothing;
    const question = this.answers.get("question");
    if (question === kNothing) this.#engine.check(status);
    return question;
  }

  async ask(question) {
    const { key, releases } = this.#seal;
    if (question === kRelease) {
      const model = this.#asked;
      const release = await fromStore(model, () => storedRelease(releases, model));
      this.answers.setAll({ knows_release: 1, known_release: release });
      return;
    }
    const sender = this.#engine.bytes(this.answers.addressOf("sender"), kPointBytes).slice();
    const secret = exactBytes(await key.agree(sender), kSecretBytes, "what key.agree() returns");
    this.#agreements.push([...sender, ...secret]);
  }

  // The handle, once the app has stored the model's release.
  async finish() {
    const model = this.#engine.view.getUint32(this.out, true);
    const release = this.answers.get("opened_release");
    try {
      if (release > 0) await storeRelease(this.#seal.releases, this.#asked, release);
    } catch (error) {
      this.#engine.module._oko_model_close(model);
      throw error;
    }
    return model;
  }

  get #asked() {
    return this.#engine.text(this.answers.addressOf("model"));
  }
}

// The handle of the opened model.
export async function openSealed(engine, bytes, seal, options) {
  const scratch = new Scratch(engine);
  try {
    const opening = new Opening(engine, scratch, bytes, seal, options);
    for (let question; (question = opening.attempt()) !== kNothing;) await opening.ask(question);
    return await opening.finish();
  } finally {
    scratch.free();
  }
}

export function recipientOf(engine, point) {
  const scratch = new Scratch(engine);
  try {
    const text = scratch.bytes(new Uint8Array(kRecipientBytes));
    const given = scratch.bytes(exactBytes(point, kPointBytes, "the point"));
    engine.check(engine.module._oko_p256_recipient(given, text, kRecipientBytes));
    return engine.text(text);
  } finally {
    scratch.free();
  }
}
