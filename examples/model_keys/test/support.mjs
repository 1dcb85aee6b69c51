// What Apple and a phone do, for the tests: certificates, attestations and assertions.
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

export const kApp = "TEAM123456.com.example.cards";
export const kNow = Date.UTC(2026, 5, 1);
export const sha256 = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "model_keys_test_"));
  after(() => rmSync(folder, { recursive: true }));
  return folder;
}

// ---- CBOR ---------------------------------------------------------------------------------------

function head(type, count) {
  if (count < 24) return Buffer.of(type << 5 | count);
  if (count < 256) return Buffer.of(type << 5 | 24, count);
  return Buffer.of(type << 5 | 25, count >> 8, count & 255);
}

export function cbor(value) {
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (typeof value === "string") {
    return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  }
  if (typeof value === "number") return value < 0 ? head(1, -1 - value) : head(0, value);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
  const entries = Object.entries(value);
  return Buffer.concat([head(5, entries.length), ...entries.flat().map(cbor)]);
}

// ---- Certificates -------------------------------------------------------------------------------

function der(tag, ...contents) {
  const content = Buffer.concat(contents);
  const size = content.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}

const sequence = (...contents) => der(0x30, ...contents);
const oid = (digits) => der(0x06, Buffer.from(digits, "hex"));
const nameOf = (text) => sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(text)))));
const time = (text) => der(0x17, Buffer.from(text));

const kEcdsaSha256 = sequence(oid("2a8648ce3d040302"));
const kIsAuthority = sequence(
  oid("551d13"), der(0x01, Buffer.of(255)), der(0x04, sequence(der(0x01, Buffer.of(255)))));

export const nonceExtension = (nonce) => sequence(
  oid("2a864886f763640802"), der(0x04, sequence(der(0xa1, der(0x04, nonce)))));

export const keyPair = () => generateKeyPairSync("ec", { namedCurve: "P-256" });

// A certificate in DER: `issuer` is { name, keys }, or undefined for a root.
export function certificate({ name, keys, issuer = { name, keys }, extensions, years = [26, 27] }) {
  const [from, to] = years.map((year) => time(`${year}0101000000Z`));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))), der(0x02, Buffer.of(1, ...randomBytes(7))), kEcdsaSha256,
    nameOf(issuer.name), sequence(from, to), nameOf(name),
    keys.publicKey.export({ format: "der", type: "spki" }),
    der(0xa3, sequence(...extensions)));
  const signature = sign("sha256", body, issuer.keys.privateKey);
  return sequence(body, kEcdsaSha256, der(0x03, Buffer.of(0), signature));
}

export function authority(name, issuer, years) {
  const keys = keyPair();
  const extensions = [kIsAuthority];
  return { name, keys, der: certificate({ name, keys, issuer, extensions, years }) };
}

const pem = (bytes) =>
  `-----BEGIN CERTIFICATE-----\n${bytes.toString("base64")}\n-----END CERTIFICATE-----\n`;

export class Apple {
  root = authority("App Attestation Root CA");
  intermediate = authority("App Attestation CA 1", this.root);
  rootPem = pem(this.root.der);
}

// ---- A phone ------------------------------------------------------------------------------------

export class Phone {
  keys = keyPair();
  counter = 0;

  constructor(apple) {
    this.apple = apple;
    const { x, y } = this.keys.publicKey.export({ format: "jwk" });
    this.keyId = sha256(
      Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url"));
  }

  authenticatorData(app, counter, ...rest) {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(counter);
    return Buffer.concat([sha256(app), Buffer.of(0x40), number, ...rest]);
  }

  // What differs from a good attestation is in `change`.
  attestation(clientData, change = {}) {
    const {
      app = kApp, counter = 0, environment = "appattest\0\0\0\0\0\0\0", credential = this.keyId,
      format = "apple-appattest", intermediate = this.apple.intermediate, issuer = intermediate,
      nonce, years, extra = [],
    } = change;
    const authData = this.authenticatorData(app, counter, Buffer.from(environment),
      Buffer.of(0, credential.length), credential, cbor({ "1": 2 }));
    const extension = nonceExtension(nonce ?? sha256(authData, sha256(clientData)));
    const leaf = certificate(
      { name: "phone", keys: this.keys, issuer, extensions: [extension], years });
    return cbor({
      fmt: format, attStmt: { x5c: [leaf, intermediate.der, ...extra], receipt: Buffer.of(1, 2) },
      authData,
    });
  }

  assertion(clientData, { app = kApp, counter = ++this.counter, keys = this.keys } = {}) {
    const authenticatorData = this.authenticatorData(app, counter);
    const signature =
      sign("sha256", sha256(authenticatorData, sha256(clientData)), keys.privateKey);
    return cbor({ signature, authenticatorData });
  }
}

// ---- Recipients ---------------------------------------------------------------------------------

const kBech32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

// BIP 173.
function checksum(values) {
  const kGenerator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
  let sum = 1;
  for (const value of [...values, 0, 0, 0, 0, 0, 0]) {
    const top = sum >>> 25;
    sum = (sum & 0x1ffffff) << 5 ^ value;
    kGenerator.forEach((g, i) => {
      if (top >> i & 1) sum ^= g;
    });
  }
  return [5, 4, 3, 2, 1, 0].map((i) => (sum ^ 1) >> 5 * i & 31);
}

// "age1tag1…" of a P-256 key: its compressed point in Bech32.
export function recipientOf(publicKey) {
  const { x, y } = publicKey.export({ format: "jwk" });
  const isOdd = Buffer.from(y, "base64url").at(-1) & 1;
  const point = Buffer.concat([Buffer.of(2 + isOdd), Buffer.from(x, "base64url")]);
  const bits = [...point].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const values = bits.match(/.{1,5}/g).map((five) => parseInt(five.padEnd(5, "0"), 2));
  const codes = [..."age1tag"].map((letter) => letter.charCodeAt(0));
  const sum = checksum([...codes.map((c) => c >> 5), 0, ...codes.map((c) => c & 31), ...values]);
  return `age1tag1${[...values, ...sum].map((value) => kBech32[value]).join("")}`;
}
