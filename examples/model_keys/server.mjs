// Hands an app's model to phones that prove that they run this app:  node server.mjs CONFIG
// See README.md. It speaks HTTP on this machine only: put what ends TLS in front of it.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { checkAssertion, checkAttestation, sha256 } from "./app_attest.mjs";
import { AttestedKeys } from "./attested_keys.mjs";
import { Challenges, RateLimit } from "./limits.mjs";
import { checkVerdict, decoder } from "./play_integrity.mjs";
import { demand, Refused } from "./refused.mjs";
import { isRecipient, sealer } from "./sealer.mjs";

const kMostBytes = 64 << 10;  // of a request; attestations have about 6 KiB

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > kMostBytes) throw new Refused(413, "size", "the request is too large");
    parts.push(part);
  }
  try {
    const body = JSON.parse(Buffer.concat(parts).toString("utf8"));
    if (body !== null && typeof body === "object") return body;
  } catch {
    // below
  }
  throw new Refused(400, "request", "not a JSON object");
}

function text(body, name) {
  if (typeof body[name] === "string") return body[name];
  throw new Refused(400, "request", `"${name}" is missing`);
}

const bytes = (body, name) => Buffer.from(text(body, name), "base64");

// What requests are answered by. `apple` and `google`: see README.md, without one its phones get
// nothing; `decode`: (packageName, token) => verdict of Play Integrity; `seal`: (recipient) =>
// Buffer; `identity`: a secret key in software for phones without hardware for one, or undefined.
export class ModelKeys {
  constructor({
    apple, google, decode, seal, identity, keys, challenges = new Challenges(), now = Date.now,
  }) {
    Object.assign(this, { apple, google, decode, seal, identity, keys, challenges, now });
  }

  challenge() {
    const challenge = this.challenges.issue();
    if (challenge === null) throw new Refused(503, "busy", "too many challenges");
    return { challenge };
  }

  // What the app signed: JSON with the challenge, which is used up.
  #clientData(body) {
    let data = null;
    try {
      data = JSON.parse(text(body, "clientData"));
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    demand(this.challenges.use(data?.challenge), "challenge", "not a challenge that is open");
    return data;
  }

  #keyId(body) {
    demand(this.apple !== undefined, "platform", "no Apple app is configured");
    const id = bytes(body, "keyId");
    if (id.length !== 32) throw new Refused(400, "request", "\"keyId\" does not have 32 bytes");
    return id;
  }

  // Once for each installation of the app on an iPhone.
  attest(body) {
    const keyId = this.#keyId(body);
    this.#clientData(body);
    this.keys.set(keyId, checkAttestation({
      ...this.apple, attestation: bytes(body, "attestation"), keyId,
      clientDataHash: sha256(text(body, "clientData")), now: new Date(this.now()),
    }));
    return {};
  }

  #checkApple(body) {
    const keyId = this.#keyId(body);
    const key = this.keys.get(keyId);
    demand(key !== null, "unknown", "the key was not attested here");  // the app attests it anew
    const clientDataHash = sha256(text(body, "clientData"));
    const counter = checkAssertion({ assertion: bytes(body, "assertion"), clientDataHash, key });
    this.keys.set(keyId, { ...key, counter });
  }

  async #checkGoogle(body) {
    demand(this.google !== undefined, "platform", "no Android app is configured");
    const verdict = await this.decode(this.google.packageName, text(body, "token"));
    const requestHash = sha256(text(body, "clientData")).toString("base64url");
    checkVerdict(verdict, { ...this.google, requestHash, now: this.now() });
  }

  // The model sealed for the phone's own key as a Buffer, or an object with the secret key.
  async model(body) {
    const data = this.#clientData(body);
    if (body.assertion !== undefined) {
      this.#checkApple(body);
    } else {
      await this.#checkGoogle(body);
    }
    if (data.recipient === undefined) {
      demand(this.identity !== undefined, "recipient", "no key in software is handed out");
      return { identity: this.identity };
    }
    if (!isRecipient(data.recipient)) throw new Refused(400, "request", "not a recipient");
    return this.seal(data.recipient);
  }
}

const kRoutes = {
  "/challenge": (service) => service.challenge(),
  "/attest": (service, body) => service.attest(body),
  "/model": (service, body) => service.model(body),
};

async function answer(service, limit, request) {
  const route = Object.hasOwn(kRoutes, request.url) ? kRoutes[request.url] : null;
  if (!route) throw new Refused(404, "path", request.url);
  if (request.method !== "POST") throw new Refused(405, "method", request.method);
  // Who is behind a proxy is what it says; others have no way to this port.
  const address = request.headers["x-forwarded-for"]?.split(",").at(-1).trim();
  const client = address ?? request.socket.remoteAddress;
  if (!limit.allows(client)) throw new Refused(429, "rate", client);
  return route(service, await bodyOf(request));
}

// Resolves to { url, close() }. Port 0: any free one.
export async function serve(
  service, { port = 0, limit = new RateLimit(), log = console.error } = {},
) {
  const server = createServer({ requestTimeout: 30_000 }, async (request, response) => {
    let status = 200, content;
    try {
      content = await answer(service, limit, request);
    } catch (error) {
      const refused = error instanceof Refused;
      status = refused ? error.status : 500;
      content = { error: refused ? error.reason : "failed" };
      log(`${request.url}: ${status} ${error.message}`);
    }
    const isModel = Buffer.isBuffer(content);
    response.writeHead(status, {
      "Content-Type": isModel ? "application/octet-stream" : "application/json",
      "Cache-Control": "no-store",
      // What is left of a request that was refused is not read.
      ...(status === 413 ? { Connection: "close" } : {}),
    });
    response.end(isModel ? content : JSON.stringify(content));
  });
  await new Promise((done, failed) => {
    server.once("error", failed).listen(port, "127.0.0.1", done);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

// The service of a config file; names of files in it are relative to it.
export function configured(path) {
  const config = JSON.parse(readFileSync(path, "utf8"));
  const file = (name) => resolve(dirname(path), name);
  const read = (name) => readFileSync(file(name), "utf8");
  const { apple, google, identity, keys, ...sealing } = config;
  for (const name of ["model", "key", "sign"]) sealing[name] = file(sealing[name]);
  return new ModelKeys({
    apple: apple && { ...apple, root: read(apple.root) },
    google,
    decode: google && decoder(JSON.parse(read(google.serviceAccount))),
    seal: sealer(sealing),
    identity: identity && read(identity).trim(),
    keys: new AttestedKeys(file(keys)),
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.argv.length !== 3) {
    console.error("usage: node server.mjs CONFIG");
    process.exit(2);
  }
  const { port = 8080 } = JSON.parse(readFileSync(process.argv[2], "utf8"));
  console.log((await serve(configured(process.argv[2]), { port })).url);
}
