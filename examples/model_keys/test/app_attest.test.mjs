import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAssertion, checkAttestation } from "../app_attest.mjs";
import { decodeCbor } from "../cbor.mjs";
import { Refused } from "../refused.mjs";
import { Apple, authority, cbor, keyPair, kApp, kNow, Phone, sha256 } from "./support.mjs";

const apple = new Apple();
const phone = new Phone(apple);
const kData = JSON.stringify({ challenge: "c2VjcmV0" });

const attested = (attestation, change = {}) => checkAttestation({
  attestation, keyId: phone.keyId, clientDataHash: sha256(kData), root: apple.rootPem,
  appIds: ["TEAM123456.com.example.other", kApp], now: new Date(kNow), ...change,
});

const refused = (reason, work) =>
  assert.throws(work, (error) => error instanceof Refused && error.reason === reason &&
    error.status === 403);

test("a phone's attestation gives the key that its assertions are checked with", () => {
  const key = attested(phone.attestation(kData));
  assert.equal(key.appId, kApp);
  assert.equal(key.counter, 0);
  const clientData = JSON.stringify({ recipient: "age1tag1…" });
  const clientDataHash = sha256(clientData);
  assert.equal(checkAssertion({ assertion: phone.assertion(clientData), clientDataHash, key }), 1);
});

test("apps under development are attested by another environment", () => {
  const development = phone.attestation(kData, { environment: "appattestdevelop" });
  refused("attestation", () => attested(development));
  assert.equal(attested(development, { development: true }).appId, kApp);
  refused("attestation", () => attested(phone.attestation(kData), { development: true }));
});

test("an attestation of anything else is refused", () => {
  const good = phone.attestation(kData);
  const reasons = {
    app: { app: "TEAM123456.com.example.fake" },
    attestation: [
      { counter: 1 }, { credential: new Phone(apple).keyId }, { credential: Buffer.alloc(0) },
      { format: "packed" }, { nonce: Buffer.alloc(32) }, { years: [24, 25] },
      { extra: [apple.root.der] }, { issuer: apple.root },
      // Of who is not Apple but takes its names, or only the intermediate certificate.
      { intermediate: authority("App Attestation CA 1", new Apple().root) },
      { issuer: { name: apple.intermediate.name, keys: keyPair() } },
      { intermediate: authority("App Attestation CA 1", apple.root, [24, 25]) },
    ],
  };
  refused("app", () => attested(phone.attestation(kData, reasons.app)));
  for (const change of reasons.attestation) {
    refused("attestation", () => attested(phone.attestation(kData, change)));
  }
  refused("attestation", () => attested(good, { clientDataHash: sha256("{}") }));
  refused("attestation", () => attested(good, { keyId: new Phone(apple).keyId }));
  refused("attestation", () => attested(good, { root: new Apple().rootPem }));
  refused("attestation", () => attested(good, { now: new Date(Date.UTC(2031, 0, 1)) }));
});

test("a certificate that the phone made for itself is no intermediate one", () => {
  // The phone's leaf is Apple's, but may not issue another.
  const own = new Phone(apple);
  const middle = decodeCbor(own.attestation(kData)).get("attStmt").get("x5c")[0];
  const intermediate = { name: "phone", keys: own.keys, der: middle };
  refused("attestation", () => attested(phone.attestation(kData, { intermediate })));
});

// Whether two attestations differ only in what is not read: the receipt, and names of such members.
function readAlike(a, b) {
  const parts = (attestation) => {
    const object = decodeCbor(attestation);
    return [object.get("fmt"), object.get("authData"), ...object.get("attStmt").get("x5c")];
  };
  try {
    const [x, y] = [parts(a), parts(b)];
    const isSame = (part, i) => Buffer.from(part).equals(Buffer.from(y[i]));
    return x.length === y.length && x.every(isSame);
  } catch {
    return false;
  }
}

test("damaged attestations are refused, whatever byte is changed or missing", () => {
  const good = phone.attestation(kData);
  let tried = 0;
  for (let i = 0; i < good.length; ++i) {
    const bad = Buffer.from(good);
    bad[i] ^= 1;
    if (readAlike(bad, good)) continue;
    assert.throws(() => attested(bad), Refused, `byte ${i}`);
    ++tried;
  }
  assert.ok(tried > good.length - 20, `${tried} of ${good.length} bytes count`);
  for (let size = 0; size < good.length; ++size) {
    refused("attestation", () => attested(good.subarray(0, size)));
  }
  refused("attestation", () => attested(Buffer.concat([good, Buffer.of(0)])));
});

test("an assertion is refused for other data, other keys, and a second time", () => {
  const key = { ...attested(phone.attestation(kData)), counter: 5 };
  const clientData = "{\"recipient\":\"a\"}";
  const check = (change, data = clientData) => checkAssertion(
    { assertion: phone.assertion(clientData, change), clientDataHash: sha256(data), key });
  assert.equal(check({ counter: 6 }), 6);
  refused("attestation", () => check({ counter: 5 }));
  refused("attestation", () => check({ counter: 0 }));
  refused("attestation", () => check({ counter: 7 }, "{\"recipient\":\"b\"}"));
  refused("attestation", () => check({ counter: 7, keys: keyPair() }));
  refused("app", () => check({ counter: 7, app: "TEAM123456.com.example.other" }));
  for (const assertion of [Buffer.alloc(0), cbor([]), cbor({}), cbor({ signature: "text" })]) {
    refused("attestation",
      () => checkAssertion({ assertion, clientDataHash: sha256(clientData), key }));
  }
});

test("CBOR that is too deep, endless or not what it says is an error", () => {
  const texts = [
    "", "1f", "5f", "9f", "bf", "ff", "c0", "f5", "1b0000000000000001", "5affffffff", "9affffffff",
    "baffffffff", "6180", "a20102", "a2616101616102", "a10101", `${"81".repeat(9)}00`, "0000",
  ];
  for (const hex of texts) {
    assert.throws(() => decodeCbor(Buffer.from(hex, "hex")), undefined, hex);
  }
  const value = { a: [1, -1, 24, 300], b: Buffer.of(7), c: "é" };
  const decoded = Object.fromEntries(decodeCbor(cbor(value)));
  assert.deepEqual(decoded, value);
});
