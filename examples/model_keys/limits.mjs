// What keeps a request from being made twice, or too often. In this process's memory: with several
// servers keep it where all of them look.
import { randomBytes } from "node:crypto";

// Random texts, each of which can be used once, within `lifetime` milliseconds.
export class Challenges {
  #until = new Map();  // oldest first

  constructor({ lifetime = 300_000, most = 100_000, now = Date.now } = {}) {
    Object.assign(this, { lifetime, most, now });
  }

  // null: too many are waiting to be used.
  issue() {
    for (const [challenge, until] of this.#until) {
      if (until > this.now()) break;
      this.#until.delete(challenge);
    }
    if (this.#until.size >= this.most) return null;
    const challenge = randomBytes(32).toString("base64url");
    this.#until.set(challenge, this.now() + this.lifetime);
    return challenge;
  }

  // Whether it was issued, is still good, and is used for the first time.
  use(challenge) {
    const until = this.#until.get(challenge);
    this.#until.delete(challenge);
    return until !== undefined && until > this.now();
  }
}

// At most `count` times in `window` milliseconds for each name.
export class RateLimit {
  #counts = new Map();
  #start = 0;

  constructor({ count = 30, window = 60_000, now = Date.now } = {}) {
    Object.assign(this, { count, window, now });
  }

  allows(name) {
    if (this.now() - this.#start >= this.window) {
      this.#counts.clear();
      this.#start = this.now();
    }
    const used = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, used);
    return used <= this.count;
  }
}
