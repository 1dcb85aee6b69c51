// Makes and takes apart sealed models with nothing of oko: age's own package for the encryption,
// node's signatures, and the format's description (docs/sealed-models.md). scripts/phone_tools.sh
// installs the packages.
import { generateKeyPairSync, createHash, randomBytes, sign } from "node:crypto";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const kTools = join(fileURLToPath(import.meta.url), "../../../../build/phone-tools/node_modules");
export const noAge = existsSync(join(kTools, "age-encryption"))
  ? false : "age-encryption is not installed (scripts/phone_tools.sh)";

async function packageOf(name, from = kTools) {
  return import(pathToFileURL(createRequire(join(from, "any.js")).resolve(name)).href);
}
export const age = noAge ? null : await packageOf("age-encryption");
const blake2 = noAge ? null : await packageOf("@noble/hashes/blake2.js");

function blake2b256(bytes) {
  return Buffer.from(blake2.blake2b(bytes, { dkLen: 32 })).toString("hex");
}

// A key of minisign's.
export class Signer {
  #private;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    this.#private = privateKey;
    this.id = randomBytes(8);
    const point = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url");
    this.text = Buffer.concat([Buffer.from("Ed"), this.id, point]).toString("base64");
  }

  // The text of a .minisig.
  sign(text, comment) {
    const hash = createHash("blake2b512").update(text).digest();
    const signature = sign(null, hash, this.#private);
    const whole = sign(null, Buffer.concat([signature, Buffer.from(comment)]), this.#private);
    const name = Buffer.from(this.id).reverse().toString("hex").toUpperCase();
    const line = Buffer.concat([Buffer.from("ED"), this.id, signature]).toString("base64");
    return `untrusted comment: signature with the key ${name}\n${line}\n` +
      `trusted comment: ${comment}\n${whole.toString("base64")}\n`;
  }
}

function tarHead(name, size) {
  const octal = (value, digits) => `${value.toString(8).padStart(digits, "0")}\0`;
  const head = Buffer.alloc(512);
  const fields = [[0, name], [100, octal(0o644, 7)], [108, octal(0, 7)], [116, octal(0, 7)],
    [124, octal(size, 11)], [136, octal(Date.UTC(2000, 0) / 1000, 11)], [148, "        "],
    [156, "0"], [257, "ustar\x0000"]];
  for (const [at, text] of fields) head.write(text, at, "latin1");
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(octal(sum, 6), 148, "latin1");
  return head;
}

export function tarOf(members) {
  const blocks = Object.entries(members).flatMap(([name, content]) => {
    const bytes = Buffer.from(content);
    return [tarHead(name, bytes.length), bytes, Buffer.alloc(-bytes.length & 511)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

export function membersOf(tar) {
  const members = {};
  for (let at = 0; tar[at] !== 0;) {
    const name = tar.toString("latin1", at, tar.indexOf(0, at));
    const size = parseInt(tar.toString("latin1", at + 124, at + 135), 8);
    members[name] = tar.subarray(at + 512, at + 512 + size);
    at += 512 + size + (-size & 511);
  }
  return members;
}

// An age file of these bytes.
export async function encrypted(bytes, recipients) {
  const encrypter = new age.Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return encrypter.encrypt(bytes);
}

// The sealed file of a model's. `changes`: members of the manifest other than the default ones.
export async function seal(model, signer, recipients, changes = {}) {
  const payload = await encrypted(model, recipients);
  const { minimum_app, expires, customer, ...others } = changes;
  const optional = (members) =>
    Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
  const manifest = {
    format: "oko sealed model", version: 1, content: "oko", model: "cards", release: 7,
    ...optional({ minimum_app }), created: "2026-11-30T08:00:00Z",
    ...optional({ expires, customer }),
    plain: { size: model.length, blake2b: blake2b256(model) },
    sealed: { size: payload.length, blake2b: blake2b256(payload) },
    input: { channels: 3, height: 56, width: 56 }, preprocess: {}, classes: ["face"],
    ...others,
  };
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  return tarOf({
    "manifest.json": text,
    "manifest.json.minisig": signer.sign(text, `oko model ${manifest.model}`),
    "model.age": payload,
  });
}
