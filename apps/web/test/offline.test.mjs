// The page without a network, after the first visit; and that it is always of one version.
import assert from "node:assert/strict";
import { appendFileSync, copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { serve } from "../serve.mjs";
import { stamp } from "../stamp.mjs";
import { kModel, newTab, resultWithBoxes, startPages, stopPages } from "./pages.mjs";
import { age, noAge, seal, Signer } from "./seal.mjs";
import { kFolder, noBrowser, noData } from "./support.mjs";

const kSkip = noBrowser || noData;

let site;
before(async () => { site = await startPages(); });
after(stopPages);

// Calls `body` with a tab and a site of its own, { folder, up(options), down() }, at one address.
let sites = 0;
async function withSite(body) {
  const folder = join(kFolder, `offline-${++sites}`);
  cpSync(site, folder, { recursive: true });
  let server = await serve(folder);
  const port = Number(new URL(server.url).port);
  const own = {
    folder,
    url: server.url,
    down() {
      server?.close();
      server = null;
    },
    async up(options = {}) {
      own.down();
      server = await serve(folder, { port, ...options });
    },
  };
  const tab = await newTab();
  try {
    await body(await tab.newPage(), own, tab);
  } finally {
    await tab.close();
    own.down();
  }
}

// Until the page is kept.
const kept = (page) => page.evaluate(async () => { await navigator.serviceWorker.ready; });
const isIsolated = (page) => page.evaluate(() => globalThis.crossOriginIsolated);
// The style and the script are both of this version.
async function isVersion(page, version) {
  await page.waitForFunction(() => globalThis.version !== undefined);
  const seen = await page.evaluate(() => [globalThis.version,
    getComputedStyle(document.documentElement).getPropertyValue("--version")]);
  assert.deepEqual(seen, [version, version]);
}
const modelKept = (page, name) => page.waitForFunction(
  async (path) => (await caches.match(new URL(path, location.href))) !== undefined, name);

// Changes the page's files to another version: its style and its script say which.
function publish(folder, version, { stamped = true } = {}) {
  appendFileSync(join(folder, "page.css"), `\n:root { --version: ${version}; }\n`);
  appendFileSync(join(folder, "page.js"), `\nglobalThis.version = "${version}";\n`);
  if (stamped) stamp(folder);
}

describe("without a network", { skip: kSkip }, () => {
  for (const isolated of [true, false]) {
    test(`the page and the last model work, ${isolated ? "" : "not "}isolated`, async () => {
      await withSite(async (page, own) => {
        await own.up({ isolated });
        await page.goto(`${own.url}?model=${kModel}.oko`);
        await resultWithBoxes(page);
        await kept(page);
        await modelKept(page, `${kModel}.oko`);
        own.down();
        await page.reload();
        await resultWithBoxes(page);
        assert.equal(await isIsolated(page), isolated);
        const about = await page.locator("#about").textContent();
        assert.match(about, isolated ? /[234] threads$/ : /1 thread$/);
        // The page by itself, too; and what was never opened is said not to be there.
        await page.goto(own.url);
        await page.getByRole("button", { name: "Choose a model" }).waitFor();
        await page.goto(`${own.url}?model=other.oko`);
        await page.getByText("other.oko cannot be downloaded").waitFor();
        assert.match(await page.locator("#notice-text").textContent(),
          /does not answer, and this file is not kept/);
      });
    });
  }

  test("only the last model is kept, and the newest of it is used when there is one", async () => {
    await withSite(async (page, own) => {
      copyFileSync(join(own.folder, `${kModel}.oko`), join(own.folder, "b.oko"));
      for (const name of [`${kModel}.oko`, "b.oko"]) {
        await page.goto(`${own.url}?model=${name}`);
        await resultWithBoxes(page);
        await modelKept(page, name);
      }
      await kept(page);
      assert.equal(await page.evaluate(async (name) => {
        const found = await caches.match(new URL(name, location.href));
        return found === undefined;
      }, `${kModel}.oko`), true);
      // Changed on the server: what is kept is not used while the server answers.
      writeFileSync(join(own.folder, "b.oko"), "not a model any more");
      await page.reload();
      await page.getByText("b.oko cannot be used").waitFor();
      own.down();
      await page.reload();
      await resultWithBoxes(page);
    });
  });

  test("a sealed model and its signing key are kept, but no secret key",
    { skip: noAge }, async () => {
      await withSite(async (page, own) => {
        const signer = new Signer();
        const identity = await age.generateX25519Identity();
        const recipient = await age.identityToRecipient(identity);
        const plain = readFileSync(join(own.folder, `${kModel}.oko`));
        writeFileSync(join(own.folder, "c.oko.sealed"), await seal(plain, signer, [recipient]));
        writeFileSync(join(own.folder, "signing.pub"), `${signer.text}\n`);
        writeFileSync(join(own.folder, "model.key"), `${identity}\n`);
        await page.goto(`${own.url}?model=c.oko.sealed&signer=signing.pub&key=model.key`);
        await resultWithBoxes(page);
        await modelKept(page, "signing.pub");
        const all = await page.evaluate(async () => {
          const texts = [];
          for (const name of await caches.keys()) {
            const cache = await caches.open(name);
            for (const request of await cache.keys()) {
              texts.push(request.url, await (await cache.match(request)).text());
            }
          }
          return texts.join("\n");
        });
        assert.ok(all.includes("c.oko.sealed") && all.includes(signer.text));
        assert.ok(!all.includes(identity) && !all.includes("/model.key"));
      });
    });
});

describe("a new version of the page", { skip: kSkip }, () => {
  async function visited(page, own) {
    publish(own.folder, "one");
    await page.goto(own.url);
    await kept(page);
    await page.reload();
    await isVersion(page, "one");
  }
  const update = (page) => page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    await registration.update().catch(() => {});
    const coming = registration.installing;
    if (coming === null) return;
    await new Promise((done) => {
      coming.onstatechange = () => {
        if (["installed", "redundant"].includes(coming.state)) done();
      };
    });
  });

  test("waits until it is wanted, and then all of it is new", async () => {
    await withSite(async (page, own) => {
      await visited(page, own);
      publish(own.folder, "two");
      await update(page);
      await page.reload();  // one page of the old version is open all the time
      await isVersion(page, "one");
      const offer = page.getByRole("button", { name: "A newer version" });
      await offer.waitFor();
      await Promise.all([page.waitForEvent("load"), offer.click()]);
          await isVersion(page, "two");
      const names = await page.evaluate(() => caches.keys());
      assert.equal(names.filter((name) => name.startsWith("oko-page ")).length, 1);
    });
  });

  test("is not taken while it is half on the server", async () => {
    await withSite(async (page, own) => {
      await visited(page, own);
      publish(own.folder, "two");
      const engine = join(own.folder, "oko-simd.wasm");
      const bytes = readFileSync(engine);
      writeFileSync(engine, bytes.subarray(0, 1000));  // still being copied
      await update(page);
      await page.reload();
      await isVersion(page, "one");
      assert.equal(await page.locator("#update").isVisible(), false);
      writeFileSync(engine, bytes);
      await update(page);
      await page.getByRole("button", { name: "A newer version" }).waitFor();
    });
  });

  test("does not mix with what is kept when files change without a new worker", async () => {
    await withSite(async (page, own) => {
      await visited(page, own);
      publish(own.folder, "two", { stamped: false });
      await page.reload();
      await isVersion(page, "one");
    });
  });

  test("is not needed when only the server's isolation changes", async () => {
    await withSite(async (page, own) => {
      await own.up({ isolated: false });
      await visited(page, own);
      assert.equal(await isIsolated(page), false);
      await own.up({ isolated: true });
      for (let i = 0; i < 20 && !await isIsolated(page); ++i) {
        await page.waitForTimeout(100);
        await page.reload();
      }
      assert.equal(await isIsolated(page), true);
      await page.locator("#file").setInputFiles(join(own.folder, `${kModel}.oko`));
      await resultWithBoxes(page);
      assert.match(await page.locator("#about").textContent(), /[234] threads$/);
    });
  });

  test("and a server without a worker is well, too", async () => {
    await withSite(async (page, own) => {
      rmSync(join(own.folder, "sw.js"));
      const faults = [];
      page.on("pageerror", (error) => faults.push(error.message));
      await page.goto(`${own.url}?model=${kModel}.oko`);
      await resultWithBoxes(page);
      assert.deepEqual(faults, []);
    });
  });
});
