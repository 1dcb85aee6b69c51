// What the server knows of phones: the keys that Apple attested, each in a file of a folder.
import {
  closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync,
} from "node:fs";
import { join } from "node:path";

export class AttestedKeys {
  constructor(folder) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.folder = folder;
  }

  // `id` is a Buffer of 32 bytes, so its digits are a safe name.
  #path(id) {
    return join(this.folder, `${id.toString("hex")}.json`);
  }

  // null: there is none.
  get(id) {
    try {
      return JSON.parse(readFileSync(this.#path(id), "utf8"));
    } catch (error) {
      if (error.code === "ENOENT") return null;
      throw error;
    }
  }

  // Written whole or not at all, and before it returns: the counter of an assertion must not be
  // accepted again by a request that comes meanwhile, or after a crash.
  set(id, key) {
    const file = openSync(`${this.#path(id)}.new`, "w", 0o600);
    try {
      writeFileSync(file, JSON.stringify(key));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${this.#path(id)}.new`, this.#path(id));
  }
}
