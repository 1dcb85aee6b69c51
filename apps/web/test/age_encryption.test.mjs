// oko seal against age's package for JavaScript, both ways. Usage, by CTest:
//   age_encryption.test.mjs OKO MODEL
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { age, membersOf, noAge, seal, Signer } from "./seal.mjs";

const [command, model] = process.argv.slice(2);
const missing = noAge || (existsSync(model) ? false : `there is no ${model}`);
if (missing) {
  console.log(`skipped: ${missing}`);
  process.exit(77);
}
const folder = mkdtempSync(join(tmpdir(), "oko-age-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const path = (name) => join(folder, name);
const oko = (...words) => execFileSync(command, words, { stdio: ["ignore", "pipe", "inherit"] });
const plain = readFileSync(model);

const identity = await age.generateX25519Identity();
oko("seal", "keygen", path("keys"), "--only", "signing");
oko("seal", "pack", model, "-o", path("ours.sealed"), "--id", "cards",
  "--release", "7", "--sign", path("keys/signing.key"),
  "--to", await age.identityToRecipient(identity));
const decrypter = new age.Decrypter();
decrypter.addIdentity(identity);
const members = membersOf(readFileSync(path("ours.sealed")));
const content = await decrypter.decrypt(members["model.age"]);
writeFileSync(path("identity"), `${identity}\n`, { mode: 0o600 });
oko("seal", "open", path("ours.sealed"), "--signer", path("keys/signing.pub"),
  "--key", path("identity"), "-o", path("ours.oko"));
assert.deepEqual(Buffer.from(content), readFileSync(path("ours.oko")));

const signer = new Signer();
const recipients = [await age.identityToRecipient(await age.generateX25519Identity()),
  await age.identityToRecipient(identity)];
writeFileSync(path("theirs.sealed"), await seal(plain, signer, recipients));
oko("seal", "open", path("theirs.sealed"), "--signer", signer.text, "--key", path("identity"),
  "-o", path("theirs.oko"));
assert.deepEqual(readFileSync(path("theirs.oko")), plain);
console.log("oko and age-encryption opened each other's models");
