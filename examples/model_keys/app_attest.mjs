// Apple's App Attest: that a key is in the Secure Enclave of a phone which runs this app unchanged
// (the attestation, once), and that a request comes from there (an assertion each). By "Validating
// apps that connect to your server" in Apple's documentation of DeviceCheck.
import { createHash, createPublicKey, verify, X509Certificate } from "node:crypto";
import { decodeCbor } from "./cbor.mjs";
import { extensionOf, kOctets, kSequence, only } from "./der.mjs";
import { demand, Refused } from "./refused.mjs";

// 1.2.840.113635.100.8.2, the extension with the nonce.
const kNonceId = Buffer.from("2a864886f763640802", "hex");
const kContext1 = 0xa1;

export const sha256 = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

// Attacks and broken clients look alike: whatever cannot be read is refused.
function reading(what, read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Refused(403, "attestation", `${what}: ${error.message}`);
  }
}

// WebAuthn's authenticator data: { appIdHash, counter, aaguid, credentialId }, the last two of an
// attestation only.
function authenticatorData(bytes) {
  const kHead = 37, kId = 55;
  demand(Buffer.isBuffer(bytes) && bytes.length >= kHead, "attestation", "no authenticator data");
  const data = { appIdHash: bytes.subarray(0, 32), counter: bytes.readUInt32BE(33) };
  if (bytes.length >= kId) {
    data.aaguid = bytes.subarray(kHead, kHead + 16);
    data.credentialId = bytes.subarray(kId, kId + bytes.readUInt16BE(kId - 2));
  }
  return data;
}

function appOf(hash, appIds) {
  const appId = appIds.find((id) => sha256(id).equals(hash));
  demand(appId !== undefined, "app", "another app's");
  return appId;
}

// leaf <- intermediate <- root, all valid now.
function checkChain(leaf, intermediate, root, now) {
  for (const [certificate, issuer] of [[leaf, intermediate], [intermediate, root]]) {
    demand(issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey),
      "attestation", `${certificate.subject} is not issued by ${issuer.subject}`);
  }
  for (const certificate of [leaf, intermediate, root]) {
    demand(new Date(certificate.validFrom) <= now && now <= new Date(certificate.validTo),
      "attestation", `${certificate.subject} is not valid now`);
  }
}

// The nonce that Apple certified.
function nonceOf(certificate) {
  const value = extensionOf(certificate.raw, kNonceId);
  demand(value !== null, "attestation", "the certificate has no nonce");
  return only(only(only(value, kSequence), kContext1), kOctets);
}

// Uncompressed point of a P-256 key.
function pointOf(key) {
  demand(key.asymmetricKeyDetails?.namedCurve === "prime256v1", "attestation", "not a P-256 key");
  const { x, y } = key.export({ format: "jwk" });
  return Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
}

// `attestation`: Buffer of the attestation object; `keyId`: the key's identifier, a Buffer of 32
// bytes; `clientDataHash`: what the app passed to Apple, a Buffer; `root`: Apple's App Attest root
// certificate, PEM; `appIds`: "TEAM.bundle.id" of all apps that may ask; `development`: whether it
// is Apple's environment for development. Returns what assertions are checked with. Throws Refused.
export function checkAttestation({
  attestation, keyId, clientDataHash, root, appIds, development = false, now = new Date(),
}) {
  return reading("attestation", () => {
    const object = decodeCbor(attestation);
    demand(object instanceof Map && object.get("fmt") === "apple-appattest", "attestation",
      "another format");
    const statement = object.get("attStmt");
    const chain = statement instanceof Map ? statement.get("x5c") : null;
    demand(Array.isArray(chain) && chain.length === 2 && chain.every(Buffer.isBuffer),
      "attestation", "not two certificates");
    const [leaf, intermediate] = chain.map((der) => new X509Certificate(der));
    checkChain(leaf, intermediate, new X509Certificate(root), now);

    const bytes = object.get("authData");
    const data = authenticatorData(bytes);
    demand(nonceOf(leaf).equals(sha256(bytes, clientDataHash)), "attestation",
      "made for another challenge");
    demand(sha256(pointOf(leaf.publicKey)).equals(keyId), "attestation", "another key's");
    const appId = appOf(data.appIdHash, appIds);
    demand(data.counter === 0, "attestation", "the key was used before");
    const environment = development ? "appattestdevelop" : "appattest\0\0\0\0\0\0\0";
    demand(data.aaguid?.equals(Buffer.from(environment)), "attestation", "another environment");
    demand(data.credentialId.equals(keyId), "attestation", "another credential");
    const publicKey = leaf.publicKey.export({ format: "der", type: "spki" }).toString("base64");
    return { appId, publicKey, counter: 0 };
  });
}

// `assertion` and `clientDataHash`: Buffers; `key`: what checkAttestation() returned,
// with the counter of the last assertion. Returns the new counter. Throws Refused.
export function checkAssertion({ assertion, clientDataHash, key }) {
  return reading("assertion", () => {
    const object = decodeCbor(assertion);
    demand(object instanceof Map, "attestation", "not an assertion");
    const [signature, bytes] = [object.get("signature"), object.get("authenticatorData")];
    const data = authenticatorData(bytes);
    const publicKey = createPublicKey(
      { key: Buffer.from(key.publicKey, "base64"), format: "der", type: "spki" });
    demand(Buffer.isBuffer(signature) &&
      verify("sha256", sha256(bytes, clientDataHash), publicKey, signature),
    "attestation", "not signed by the key");
    appOf(data.appIdHash, [key.appId]);
    demand(data.counter > key.counter, "attestation", "an assertion that was used before");
    return data.counter;
  });
}
