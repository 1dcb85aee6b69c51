// Sealed models in node: opened by the engine in WebAssembly, made by age's own package and node's
// signatures, and the other way round.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { age, encrypted, membersOf, noAge, seal, Signer } from "./seal.mjs";
import {
  kFolder, keyFrom, kWasm, isSealed, loadOko, makeModel, noData, storedReleases,
} from "./support.mjs";

const kCommand = process.env.OKO_COMMAND;
const noCommand = kCommand && existsSync(kCommand) ? false : "OKO_COMMAND is not the oko command";

const oko = await loadOko({ wasm: kWasm });
const p256 = () => crypto.subtle.generateKey(
  { name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);

// The head's values for an input of halves.
async function valuesOf(model) {
  const detector = await model.detector();
  detector.run(new Float32Array(3 * model.info.height * model.info.width).fill(0.5));
  const { values } = detector.headMap(0);
  detector.dispose();
  model.dispose();
  return values;
}

describe("sealed models", { skip: noAge || noData }, () => {
  let plain, expected, identity, recipient, signer;
  before(async () => {
    plain = readFileSync(makeModel("yoloface-50k"));
    expected = await valuesOf(oko.open(plain));
    identity = await age.generateX25519Identity();
    recipient = await age.identityToRecipient(identity);
    signer = new Signer();
  });
  const options = (more = {}) => ({ signer: signer.text, identity, ...more });
  const refused = (file, more, code, message = /./) =>
    assert.rejects(oko.openSealed(file, options(more)), { code, message });

  test("of age-encryption and node's signatures are opened", async () => {
    const file = await seal(plain, signer, [recipient]);
    assert.ok(isSealed(file) && !isSealed(plain));
    const model = await oko.openSealed(file, options({ model: "cards", appVersion: "2.4" }));
    assert.deepEqual(model.info.classes, ["face"]);
    assert.deepEqual(await valuesOf(model), expected);
    const half = await oko.openSealed(file, options(), { precision: "float16" });
    assert.equal(half.info.precision, "float16");
    half.dispose();
  });

  test("of oko seal pack are decrypted by age-encryption, and opened", { skip: noCommand },
    async () => {
      const keys = join(kFolder, "keys"), file = join(kFolder, "cards.oko.sealed");
      const { point, agree } = await keyFrom(await p256());
      const run = (...words) => execFileSync(kCommand, words);
      run("seal", "keygen", keys);
      run("seal", "pack", makeModel("yoloface-50k"), "-o", file, "--id", "cards",
        "--release", "7", "--sign", join(keys, "signing.key"), "--to", join(keys, "model.pub"),
        "--to", oko.recipient(point));
      const sealed = readFileSync(file);
      const secret = readFileSync(join(keys, "model.key"), "utf8").match(/AGE-SECRET-KEY-1\w+/)[0];
      const decrypter = new age.Decrypter();
      decrypter.addIdentity(secret);
      const { "model.age": payload, "manifest.json": manifest } = membersOf(sealed);
      const content = await decrypter.decrypt(payload);
      assert.equal(content.length, JSON.parse(manifest).plain.size);
      assert.deepEqual(await valuesOf(oko.open(content)), expected);

      const trusted = readFileSync(join(keys, "signing.pub"), "utf8");
      for (const given of [{ identity: secret }, { key: { point, agree } }]) {
        const model = await oko.openSealed(sealed, { signer: trusted, ...given });
        assert.deepEqual(await valuesOf(model), expected);
      }
    });

  test("are opened by a key that is not read", async () => {
    const { point, agree } = await keyFrom(await p256());
    assert.equal(point.length, 65);
    let calls = 0;
    const key = { point, agree: (sender) => (++calls, agree(sender)) };
    const file = await seal(plain, signer, [recipient, oko.recipient(point)]);
    const model = await oko.openSealed(file, { signer: signer.text, key });
    assert.deepEqual(await valuesOf(model), expected);
    assert.equal(calls, 1);
    // The identity is tried first: nothing is asked.
    (await oko.openSealed(file, options({ key }))).dispose();
    assert.equal(calls, 1);

    const other = await keyFrom(await p256());
    await refused(file, { identity: undefined, key: other }, "no-key");
    await refused(file, { identity: undefined }, "invalid-argument");
    await refused(file, { identity: undefined, key: { point, agree: other.agree } }, "no-key");
    await assert.rejects(oko.openSealed(file, options({ key: { point: point.slice(1), agree } })),
      /key\.point has 64 bytes, not 65/);
    const broken = { point, agree: async () => { throw new Error("the key is locked"); } };
    await assert.rejects(oko.openSealed(file, { signer: signer.text, key: broken }),
      /the key is locked/);
    await assert.rejects(
      oko.openSealed(file, { signer: signer.text, key: { point, agree: async () => point } }),
      /what key\.agree\(\) returns has 65 bytes, not 32/);
  });

  // Tags are short, so another recipient may have the same.
  test("are opened by a key whose tag other stanzas have too", async () => {
    const { point, agree } = await keyFrom(await p256());
    const own = oko.recipient(point);
    const stranger = async () => {
      const header = Buffer.from(await encrypted(new Uint8Array(1), [own])).toString("latin1");
      const [, tag, sender] = header.match(/^-> p256tag (\S+) (\S+)$/m);
      return { wrapFileKey: () => [new age.Stanza(["p256tag", tag, sender], new Uint8Array(32))] };
    };
    const [one, two] = [await stranger(), await stranger()];
    for (const recipients of [[one, two, own], [own, one, two]]) {
      const file = await seal(plain, signer, recipients);
      const asked = [];
      const key = {
        point,
        agree: (sender) => {
          assert.ok(!asked.includes(`${sender}`), "a question is asked once");
          asked.push(`${sender}`);
          return agree(sender);
        },
      };
      const model = await oko.openSealed(file, { signer: signer.text, key });
      assert.deepEqual(await valuesOf(model), expected);
      assert.ok(asked.length <= 3);
    }
  });

  test("are refused each with its code", async () => {
    const file = await seal(plain, signer, [recipient],
      { minimum_app: "2.4", expires: "2027-01-01T00:00:00Z" });
    const now = new Date("2026-12-31T23:59:59Z");
    (await oko.openSealed(file, options({ now, appVersion: "2.4.0" }))).dispose();
    await refused(file, { now: new Date("2027-01-01T00:00:00Z") }, "expired");
    await refused(file, { now, appVersion: "2.3.9" }, "old-app", /2\.4/);
    await refused(file, { now, model: "coins" }, "other-model", /cards/);
    await refused(file, { now, signer: new Signer().text }, "bad-signature");
    await refused(file, { now, identity: await age.generateX25519Identity() }, "no-key");
    await refused(file, { now, identity: "AGE-SECRET-KEY-1" }, "invalid-argument");
    await refused(file, { now, signer: undefined }, "invalid-argument", /signer/);
    await refused(plain, { now }, "bad-model");
    for (const at of [3, 600, file.length - 5000, file.length - 1]) {
      const changed = Buffer.from(file);
      changed[at] ^= 1;
      await assert.rejects(oko.openSealed(changed, options({ now })),
        ({ code }) => code === "bad-model" || code === "bad-signature");
    }
    await assert.rejects(oko.openSealed("model", options()), TypeError);
    assert.throws(() => oko.open(file), { code: "bad-model" });
  });

  test("are not opened older than before", async () => {
    const stored = new Map();
    const storage = {
      getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value),
    };
    const releases = storedReleases(storage);
    const open = async (release, store = releases) => {
      const file = await seal(plain, signer, [recipient], { release });
      (await oko.openSealed(file, options({ releases: store }))).dispose();
    };
    await open(7);
    assert.deepEqual([...stored], [["oko-release cards", "7"]]);
    const late = (value) => new Promise((done) => setTimeout(() => done(value), 50));
    // Two at a time: whichever is stored last, the higher one stays.
    const slow = { get: (model) => late(releases.get(model)), set: releases.set };
    await Promise.all([open(9, slow), open(8, slow)]);
    assert.deepEqual([...stored], [["oko-release cards", "9"]]);
    await open(9);
    await assert.rejects(open(8), { code: "old-release", message: /9/ });
    await open(9, { get: () => late(9), set: () => assert.fail("it is stored already") });
    await assert.rejects(open(9, { get: () => late(2 ** 53 - 1), set: late }),
      { code: "old-release" });

    const fault = { code: "storage", message: /cards.*full/ };
    const full = () => { throw new Error("full"); };
    await assert.rejects(open(9, { get: full, set: full }), fault);
    await assert.rejects(open(9, { get: () => null, set: full }), fault);
    await assert.rejects(open(9, { get: () => "many", set: full }), { code: "storage" });
  });

  // An engine, and a function that finds bytes in its memory.
  async function watchedEngine() {
    let memory;
    const { Memory } = WebAssembly;
    WebAssembly.Memory = function make(descriptor) {
      return (memory = new Memory(descriptor));
    };
    const engine = await loadOko({ wasm: kWasm });
    WebAssembly.Memory = Memory;
    const has = (bytes) => Buffer.from(memory.buffer).includes(bytes);
    return { engine, has, size: () => memory.buffer.byteLength };
  }

  test("leave nothing in memory", async () => {
    const { point, agree } = await keyFrom(await p256());
    const file = await seal(plain, signer, [recipient, oko.recipient(point)]);
    const weights = plain.subarray(plain.length - 4096, plain.length - 4032);

    const open = await watchedEngine();  // what is searched for is found where it is
    open.engine.open(plain).dispose();
    assert.ok(open.has(weights));

    // free() itself overwrites some bytes at the ends of a block.
    const middle = (bytes) => bytes.slice(16, -8);
    const { engine, has, size } = await watchedEngine();
    const other = await age.generateX25519Identity();
    let secret;
    const key = {
      point,
      agree: async (sender) => {
        assert.ok(has(middle(other)));
        return (secret = await agree(sender));
      },
    };
    const sizes = [];
    for (let i = 0; i < 10; ++i) {
      (await engine.openSealed(file, options())).dispose();
      (await engine.openSealed(file, { signer: signer.text, identity: other, key })).dispose();
      await assert.rejects(engine.openSealed(file, options({ model: "coins" })));
      sizes.push(size());
    }
    assert.equal(sizes.at(-1), sizes[2]);
    for (const bytes of [identity, other, secret]) assert.ok(!has(middle(bytes)));
    assert.ok(!has(weights));
  });
});
