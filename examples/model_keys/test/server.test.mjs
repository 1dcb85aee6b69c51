// The server over HTTP, with its own certificates for Apple's and a function for Google. With the
// variables OKO and OKO_MAKE_SEALED (tests/support/make_sealed.cpp) oko seals the model.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { AttestedKeys } from "../attested_keys.mjs";
import { Challenges, RateLimit } from "../limits.mjs";
import { isRecipient, sealer } from "../sealer.mjs";
import { configured, ModelKeys, serve } from "../server.mjs";
import {
  Apple, kApp, keyPair, kNow, Phone, recipientOf, sha256, temporaryFolder,
} from "./support.mjs";

const apple = new Apple();
// Not a key, but of the form of one.
const kRecipient = `age1tag1${"q".repeat(59)}`;
const kDigest = Buffer.alloc(32, 1).toString("base64url");

// A service whose sealed model is the recipient's name, its URL, and what it logged.
async function started({ limit, ...change } = {}) {
  const logged = [];
  const service = new ModelKeys({
    apple: { root: apple.rootPem, appIds: [kApp] },
    google: { packageName: "com.example.cards", certificates: [kDigest] },
    decode: async (packageName, token) => JSON.parse(token),
    seal: async (recipient) => Buffer.from(`sealed for ${recipient}`),
    keys: new AttestedKeys(temporaryFolder()), now: () => kNow, ...change,
  });
  const server = await serve(service, { limit, log: (line) => logged.push(line) });
  after(() => server.close());
  const post = async (path, body) => {
    const answer = await fetch(server.url + path, { method: "POST", body: JSON.stringify(body) });
    const isJson = answer.headers.get("content-type") === "application/json";
    return { status: answer.status, body: isJson ? await answer.json() : await answer.text() };
  };
  return { url: server.url, post, logged, service };
}

async function clientDataFor(post, content = {}) {
  const { challenge } = (await post("/challenge", {})).body;
  return JSON.stringify({ challenge, ...content });
}

async function attest(post, phone) {
  const clientData = await clientDataFor(post);
  return post("/attest", {
    keyId: phone.keyId.toString("base64"), clientData,
    attestation: phone.attestation(clientData).toString("base64"),
  });
}

const request = (phone, clientData, change) => ({
  keyId: phone.keyId.toString("base64"), clientData,
  assertion: phone.assertion(clientData, change).toString("base64"),
});

// The token of a phone with Android, for the function that decodes it.
const token = (clientData, change = {}) => JSON.stringify({
  requestDetails: {
    requestPackageName: "com.example.cards", timestampMillis: String(kNow),
    requestHash: sha256(clientData).toString("base64url"),
  },
  appIntegrity: {
    appRecognitionVerdict: "PLAY_RECOGNIZED", packageName: "com.example.cards",
    certificateSha256Digest: [kDigest],
  },
  deviceIntegrity: { deviceRecognitionVerdict: ["MEETS_DEVICE_INTEGRITY"] },
  ...change,
});

test("an attested iPhone gets the model sealed for its own key", async () => {
  const { post } = await started();
  const phone = new Phone(apple);
  assert.deepEqual(await attest(post, phone), { status: 200, body: {} });
  for (let i = 0; i < 2; ++i) {
    const clientData = await clientDataFor(post, { recipient: kRecipient });
    const answer = await post("/model", request(phone, clientData));
    assert.deepEqual(answer, { status: 200, body: `sealed for ${kRecipient}` });
  }
});

test("requests are answered once, and only as they were signed", async () => {
  const { post, logged } = await started();
  const phone = new Phone(apple);
  await attest(post, phone);
  const clientData = await clientDataFor(post, { recipient: kRecipient });
  const good = request(phone, clientData);
  assert.equal((await post("/model", good)).status, 200);
  assert.deepEqual(await post("/model", good), { status: 403, body: { error: "challenge" } });

  const mine = await clientDataFor(post, { recipient: kRecipient });
  const signed = request(phone, mine);
  const other = { ...signed, clientData: mine.replaceAll("qqq", "ppp") };
  assert.deepEqual(await post("/model", other), { status: 403, body: { error: "attestation" } });

  const again = await clientDataFor(post, { recipient: kRecipient });
  const replayed = request(phone, again, { counter: 1 });
  assert.deepEqual(await post("/model", replayed), { status: 403, body: { error: "attestation" } });
  const unsigned = await clientDataFor(post, { recipient: kRecipient });
  const forged = request(phone, unsigned, { keys: keyPair() });
  assert.deepEqual(await post("/model", forged), { status: 403, body: { error: "attestation" } });
  assert.equal(logged.length, 4, "each is in the log");
});

test("an iPhone that was not attested is asked to be", async () => {
  const { post } = await started();
  const phone = new Phone(apple);
  const clientData = await clientDataFor(post, { recipient: kRecipient });
  const answer = await post("/model", request(phone, clientData));
  assert.deepEqual(answer, { status: 403, body: { error: "unknown" } });
});

test("a phone with Android gets the model sealed for its own key", async () => {
  const { post } = await started();
  const clientData = await clientDataFor(post, { recipient: kRecipient });
  const body = { clientData, token: token(clientData) };
  assert.deepEqual(await post("/model", body),
    { status: 200, body: `sealed for ${kRecipient}` });
  assert.deepEqual(await post("/model", body), { status: 403, body: { error: "challenge" } });
  const other = await clientDataFor(post, { recipient: kRecipient });
  assert.deepEqual(await post("/model", { clientData: other, token: token(clientData) }),
    { status: 403, body: { error: "challenge" } });
  const rooted = await clientDataFor(post, { recipient: kRecipient });
  const deviceIntegrity = { deviceRecognitionVerdict: [] };
  assert.deepEqual(
    await post("/model", { clientData: rooted, token: token(rooted, { deviceIntegrity }) }),
    { status: 403, body: { error: "device" } });
});

test("a key in software is given only where the operator wants it", async () => {
  const identity = "AGE-SECRET-KEY-1…";
  for (const service of [await started(), await started({ identity })]) {
    const clientData = await clientDataFor(service.post);
    const answer = await service.post("/model", { clientData, token: token(clientData) });
    const isGiven = service.service.identity !== undefined;
    assert.deepEqual(answer, isGiven ? { status: 200, body: { identity } }
      : { status: 403, body: { error: "recipient" } });
  }
});

test("only what is configured is answered", async () => {
  const { post } = await started({ apple: undefined, google: undefined });
  assert.deepEqual((await attest(post, new Phone(apple))).body, { error: "platform" });
  const clientData = await clientDataFor(post, { recipient: kRecipient });
  const answer = await post("/model", { clientData, token: token(clientData) });
  assert.deepEqual(answer.body, { error: "platform" });
});

test("requests that make no sense are errors of the client", async () => {
  const { url, post } = await started();
  assert.equal((await fetch(`${url}/challenge`)).status, 405);
  assert.equal((await post("/toString", {})).status, 404);
  assert.equal((await post("/model", null)).status, 400);
  assert.equal((await post("/model", {})).status, 400);
  assert.equal((await post("/model", { clientData: "no JSON" })).status, 403);
  const large = await fetch(`${url}/model`, { method: "POST", body: "x".repeat(70_000) });
  assert.equal(large.status, 413);
  const clientData = await clientDataFor(post, { recipient: "--help" });
  const option = await post("/model", { clientData, token: token(clientData) });
  assert.deepEqual(option, { status: 400, body: { error: "request" } });
});

test("what fails here is not explained to the client", async () => {
  const seal = async () => {
    throw new Error("keys/signing.key: cannot be read");
  };
  const { post, logged } = await started({ seal });
  const clientData = await clientDataFor(post, { recipient: kRecipient });
  const answer = await post("/model", { clientData, token: token(clientData) });
  assert.deepEqual(answer, { status: 500, body: { error: "failed" } });
  assert.match(logged.at(-1), /cannot be read/);
});

test("who asks too often has to wait", async () => {
  let now = 0;
  const limit = new RateLimit({ count: 3, window: 1000, now: () => now });
  const { post } = await started({ limit });
  const statuses = [];
  for (let i = 0; i < 4; ++i) statuses.push((await post("/challenge", {})).status);
  assert.deepEqual(statuses, [200, 200, 200, 429]);
  now = 1000;
  assert.equal((await post("/challenge", {})).status, 200);
});

test("challenges expire, and no more are kept than there is room for", () => {
  let now = 0;
  const challenges = new Challenges({ lifetime: 10, most: 2, now: () => now });
  const [first, second] = [challenges.issue(), challenges.issue()];
  assert.notEqual(first, second);
  assert.equal(challenges.issue(), null);
  assert.ok(challenges.use(first));
  assert.ok(!challenges.use(first));
  now = 11;
  assert.ok(!challenges.use(second));
  assert.ok(!challenges.use(undefined));
  assert.notEqual(challenges.issue(), null);
});

test("keys of phones are kept over a restart", async () => {
  const folder = temporaryFolder();
  const phone = new Phone(apple);
  const first = await started({ keys: new AttestedKeys(folder) });
  await attest(first.post, phone);
  const { post } = await started({ keys: new AttestedKeys(folder) });
  const clientData = await clientDataFor(post, { recipient: kRecipient });
  assert.equal((await post("/model", request(phone, clientData))).status, 200);
  assert.deepEqual(readdirSync(folder), [`${phone.keyId.toString("hex")}.json`]);
});

test("a recipient is the text of a P-256 key", () => {
  assert.ok(isRecipient(kRecipient));
  for (const text of [undefined, "", "age1qqq", `${kRecipient}\n`, ` ${kRecipient}`,
    kRecipient.toUpperCase(), kRecipient.slice(1)]) {
    assert.ok(!isRecipient(text), String(text));
  }
});

test("models are sealed a few at a time, and the others are told to wait", async () => {
  const folder = temporaryFolder();
  const oko = join(folder, "oko");
  writeFileSync(oko, "#!/bin/sh\nsleep .2\nfor out; do :; done\necho sealed > \"$out\"\n");
  chmodSync(oko, 0o755);
  const seal = sealer({ oko, model: "m", key: "k", sign: "s", most: 2 });
  const results = await Promise.allSettled([1, 2, 3].map(() => seal(kRecipient)));
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "fulfilled", "rejected"]);
  assert.equal(results[0].value.toString(), "sealed\n");
  assert.equal(results[2].reason.status, 503);
  assert.equal((await seal(kRecipient)).toString(), "sealed\n");
});

const { OKO, OKO_MAKE_SEALED } = process.env;
test("oko seals the model for the phone's key", { skip: !OKO || !OKO_MAKE_SEALED }, async () => {
  const folder = temporaryFolder();
  const file = (name) => join(folder, name);
  const recipient = recipientOf(keyPair().publicKey);
  execFileSync(OKO_MAKE_SEALED, [folder, recipient]);
  for (const name of ["model.key", "signer.key"]) chmodSync(file(name), 0o600);
  writeFileSync(file("root.pem"), apple.rootPem);
  copyFileSync(file("8.oko.sealed"), file("cards.oko.sealed"));
  writeFileSync(file("config.json"), JSON.stringify({
    oko: OKO, model: "cards.oko.sealed", key: "model.key", sign: "signer.key", keys: "phones",
    apple: { root: "root.pem", appIds: [kApp] },
  }));
  const service = configured(file("config.json"));
  writeFileSync(file("answer.oko.sealed"), await service.seal(recipient));
  const run = (...words) => execFileSync(
    OKO, ["seal", ...words], { encoding: "utf8", stdio: "pipe" });
  assert.match(run("recipients", file("answer.oko.sealed"), "--to", recipient), /age1tag1/);
  const shown = run("verify", file("answer.oko.sealed"), "--signer", file("signer.pub"), "--json");
  assert.equal(JSON.parse(shown).manifest.release, 9);
  assert.throws(() => run("verify", file("answer.oko.sealed"), "--signer", file("signer.pub"),
    "--key", file("model.key")), "the server's own key opens it no longer");
});
