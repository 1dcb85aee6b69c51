import assert from "node:assert/strict";
import { createVerify, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { checkVerdict, decoder } from "../play_integrity.mjs";
import { Refused } from "../refused.mjs";

const kNow = 1_780_000_000_000;
const kDigest = Buffer.alloc(32, 0xfb);
const kHash = Buffer.alloc(32, 0xef).toString("base64url");
const kOther = Buffer.alloc(32).toString("base64url");
const kWanted = {
  packageName: "com.example.cards", certificates: [kDigest.toString("base64")],
  requestHash: kHash, now: kNow,
};

// As Google answers; `change` replaces members of its parts.
function verdict(change = {}) {
  const parts = {
    requestDetails: {
      requestPackageName: "com.example.cards", requestHash: kHash,
      timestampMillis: String(kNow - 1000),
    },
    appIntegrity: {
      appRecognitionVerdict: "PLAY_RECOGNIZED", packageName: "com.example.cards",
      certificateSha256Digest: [kDigest.toString("base64url")], versionCode: "42",
    },
    deviceIntegrity: { deviceRecognitionVerdict: ["MEETS_DEVICE_INTEGRITY"] },
    accountDetails: { appLicensingVerdict: "LICENSED" },
  };
  for (const [name, members] of Object.entries(change)) {
    parts[name] = members && { ...parts[name], ...members };
  }
  return parts;
}

test("the verdict of the app on a phone that Google trusts is accepted", () => {
  checkVerdict(verdict(), kWanted);
  checkVerdict(verdict(), { ...kWanted, licensed: true });
  const asShown = kDigest.toString("hex").toUpperCase().match(/../g).join(":");
  checkVerdict(verdict(), { ...kWanted, certificates: [kOther, asShown] });
  // Of a classic request.
  const classic = { requestHash: undefined, nonce: `${kHash}=` };
  checkVerdict(verdict({ requestDetails: classic }), kWanted);
});

test("any other verdict is refused, with the reason", () => {
  const cases = [
    ["app", { requestDetails: { requestPackageName: "com.example.fake" } }],
    ["challenge", { requestDetails: { requestHash: kOther } }],
    ["challenge", { requestDetails: { requestHash: undefined } }],
    ["challenge", { requestDetails: { timestampMillis: String(kNow - 121_000) } }],
    ["challenge", { requestDetails: { timestampMillis: String(kNow + 121_000) } }],
    ["challenge", { requestDetails: { timestampMillis: undefined } }],
    ["app", { appIntegrity: { appRecognitionVerdict: "UNRECOGNIZED_VERSION" } }],
    ["app", { appIntegrity: { appRecognitionVerdict: "UNEVALUATED" } }],
    ["app", { appIntegrity: { packageName: "com.example.fake" } }],
    ["app", { appIntegrity: { certificateSha256Digest: [] } }],
    ["app", { appIntegrity: { certificateSha256Digest: undefined } }],
    ["app", { appIntegrity: { certificateSha256Digest: [kOther] } }],
    ["app", { appIntegrity: undefined }],
    ["device", { deviceIntegrity: { deviceRecognitionVerdict: ["MEETS_BASIC_INTEGRITY"] } }],
    ["device", { deviceIntegrity: { deviceRecognitionVerdict: undefined } }],
    ["device", { deviceIntegrity: undefined }],
    ["licence", { accountDetails: { appLicensingVerdict: "UNLICENSED" } }],
  ];
  for (const [reason, change] of cases) {
    assert.throws(() => checkVerdict(verdict(change), { ...kWanted, licensed: true }),
      (error) => error instanceof Refused && error.reason === reason, JSON.stringify(change));
  }
  assert.throws(() => checkVerdict(undefined, kWanted), Refused);
});

// Google's token end point and API, which answer with `answers` in turn.
function google(answers) {
  const requests = [];
  const fetching = async (url, options) => {
    requests.push({ url, ...options });
    const { status = 200, body } = answers.shift();
    return new Response(JSON.stringify(body), { status });
  };
  return { requests, fetching };
}

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const kAccount = {
  client_email: "keys@example.iam.gserviceaccount.com", private_key_id: "1",
  private_key: privateKey.export({ format: "pem", type: "pkcs8" }),
  token_uri: "https://oauth2.googleapis.com/token",
};

test("Google decodes tokens for the service account", async () => {
  const access = { body: { access_token: "bearer", expires_in: 3600 } };
  const answer = { body: { tokenPayloadExternal: verdict() } };
  const { requests, fetching } = google([access, answer, answer, access, answer]);
  let now = kNow;
  const decode = decoder(kAccount, { fetching, now: () => now });
  assert.deepEqual(await decode("com.example.cards", "token"), verdict());

  const assertion = requests[0].body.get("assertion");
  const [head, claims, signature] = assertion.split(".");
  const isSigned = createVerify("RSA-SHA256").update(`${head}.${claims}`)
    .verify(publicKey, signature, "base64url");
  assert.ok(isSigned);
  const read = JSON.parse(Buffer.from(claims, "base64url"));
  assert.equal(read.scope, "https://www.googleapis.com/auth/playintegrity");
  assert.equal(read.aud, kAccount.token_uri);
  assert.equal(read.exp - read.iat, 3600);
  assert.equal(requests[1].url,
    "https://playintegrity.googleapis.com/v1/com.example.cards:decodeIntegrityToken");
  assert.equal(requests[1].headers.Authorization, "Bearer bearer");
  assert.deepEqual(JSON.parse(requests[1].body), { integrityToken: "token" });

  await decode("com.example.cards", "token");
  assert.equal(requests.length, 3, "the access token is used again");
  now += 3_590_000;
  await decode("com.example.cards", "token");
  assert.equal(requests.length, 5, "and replaced before it expires");
});

test("a token that Google refuses is another error than a Google that fails", async () => {
  const access = { body: { access_token: "bearer", expires_in: 3600 } };
  const { fetching } = google([access, { status: 400, body: {} }, { status: 500, body: {} }]);
  const decode = decoder(kAccount, { fetching });
  await assert.rejects(decode("com.example.cards", "bad"), Refused);
  await assert.rejects(decode("com.example.cards", "token"),
    (error) => !(error instanceof Refused) && /HTTP 500/.test(error.message));
});
