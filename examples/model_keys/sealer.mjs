// Seals the model for a phone, by the command oko.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Refused } from "./refused.mjs";

const run = promisify(execFile);

// Of a P-256 key: no option of a command looks like this. oko checks that it is a key.
export const isRecipient = (text) =>
  typeof text === "string" && /^age1tag1[02-9ac-hj-np-z]{59}$/.test(text);

// `model`: the sealed model that `key` opens, signed by `signer` or by `sign` itself; `sign`: signs
// what is sent. Returns (recipient) => Buffer of the model sealed for it alone, as the next
// release.
export function sealer({ oko = "oko", model, key, sign, signer, most = 4 }) {
  let running = 0;
  return async (recipient) => {
    if (running >= most) throw new Refused(503, "busy", `${most} models are being sealed`);
    ++running;
    const folder = await mkdtemp(join(tmpdir(), "model_keys_"));
    try {
      const out = join(folder, "model.oko.sealed");
      const signed = signer ? ["--signer", signer] : [];
      await run(oko, ["seal", "rotate", model, "--key", key, "--sign", sign, ...signed, "--to",
        recipient, "-o", out], { timeout: 60_000 });
      return await readFile(out);
    } finally {
      --running;
      await rm(folder, { recursive: true });
    }
  };
}
