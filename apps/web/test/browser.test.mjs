// The page in Chromium, with the bottle clip as its camera: boxes appear and match the native
// engine's on the same pixels, with and without threads.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  kModel, launch, nextResult, resultWithBoxes, screenshot, startPages, stopPages, withPage,
} from "./pages.mjs";
import { age, noAge, seal, Signer } from "./seal.mjs";
import { assertSameBoxes, makeClip, nativeDetect, noBrowser, noData } from "./support.mjs";

const kWideModel = "yolo-fastest-1.1-xl";

let site;
before(async () => { site = await startPages(); });
after(stopPages);

async function assertShowsNativeBoxes(page, model = kModel) {
  const { detections, pixels, drawn } = await resultWithBoxes(page);
  assertSameBoxes(detections, nativeDetect(join(site, `${model}.oko`), pixels));
  const canvas = await page.locator("#boxes").boundingBox();
  assert.equal(drawn.length, detections.length);
  drawn.forEach(({ text, x, y, width }, i) => {
    const { className, score, left, top, right } = detections[i];
    assert.equal(text, `${className} ${Math.round(score * 100)} %`);
    assert.ok(Math.abs(x - left * canvas.width / pixels.width) < 1);
    assert.ok(Math.abs(y - top * canvas.height / pixels.height) < 1);
    assert.ok(Math.abs(width - (right - left) * canvas.width / pixels.width) < 1);
  });
  return pixels;
}

const texts = (page, ids) => Promise.all(ids.map((id) => page.locator(id).textContent()));

describe("the page", { skip: noBrowser || noData }, () => {
  for (const isolated of [true, false]) {
    test(`shows the native engine's boxes, ${isolated ? "" : "not "}isolated`, async () => {
      await withPage({ isolated, address: `?model=${kModel}.oko` }, async (page) => {
        for (let i = 0; i < 4; ++i) await assertShowsNativeBoxes(page);
        const [about, network, rate] = await texts(page, ["#about", "#network", "#rate"]);
        assert.match(about, isolated
          ? /^320 × 320 · 80 classes · float32 · [234] threads$/ : /float32 · 1 thread$/);
        assert.match(network, /^\d+(\.\d)? ms$/);
        assert.match(rate, /^\d+(\.\d)? fps$/);
        await page.screenshot({ path: screenshot(isolated ? "isolated" : "not-isolated") });
      });
    });
  }

  test("fills a phone in portrait, in landscape, and a desktop", async () => {
    const upright = await launch(makeClip("upright", "crop=330:360:36:0,scale=660:720"));
    try {
      await withPage({ inside: upright, address: `?model=${kWideModel}.oko` }, async (page) => {
        assert.equal((await assertShowsNativeBoxes(page, kWideModel)).height, 720);
        await page.screenshot({ path: screenshot("upright") });
        const stage = await page.locator("#stage").boundingBox();
        const picture = await page.locator("#picture").boundingBox();
        assert.ok(Math.abs(picture.height - stage.height) < 1 ||
          Math.abs(picture.width - stage.width) < 1);
        assert.ok(Math.abs(picture.height / picture.width - 720 / 660) < .01);
      });
    } finally {
      await upright.close();
    }
    for (const [name, width, height] of [["lying", 839, 412], ["desk", 1280, 800]]) {
      await withPage({ viewport: { width, height }, address: `?model=${kModel}.oko` },
        async (page) => {
          await assertShowsNativeBoxes(page);
          await page.screenshot({ path: screenshot(name) });
          const all = await page.evaluate(() =>
            [document.documentElement.scrollWidth, document.documentElement.scrollHeight]);
          assert.deepEqual(all, [width, height]);  // nothing to scroll
        });
    }
  });

  test("shows boxes where the browser only draws frames", async () => {
    const prepare = (page) => page.addInitScript(() => delete globalThis.VideoFrame);
    await withPage({ prepare, address: `?model=${kModel}.oko` }, async (page) => {
      assert.equal((await assertShowsNativeBoxes(page)).format, "RGBA");
    });
  });

  test("opens a chosen model, pauses, and follows the threshold", async () => {
    await withPage({ colorScheme: "dark" }, async (page) => {
      await page.getByRole("button", { name: "Choose a model" }).waitFor();
      await page.screenshot({ path: screenshot("welcome-dark") });
      await page.locator("#file").setInputFiles(join(site, `${kModel}.oko`));
      await resultWithBoxes(page);
      await page.getByRole("button", { name: "Pause" }).click();
      await page.getByRole("button", { name: "Resume" }).waitFor();
      const found = [];
      for (const threshold of ["0.95", "0.05"]) {
        const result = nextResult(page);
        await page.locator("#threshold").fill(threshold);
        found.push((await result).detections.length);
      }
      assert.equal(found[0], 0);
      assert.ok(found[1] > 3);
      assert.equal(await page.locator("#threshold-value").textContent(), "0.05");
      await page.screenshot({ path: screenshot("paused-dark") });
    });
  });

  test("switches cameras and mirrors the front one", async () => {
    // There is one fake camera, which does not report which way it faces.
    const prepare = (page) => page.addInitScript(() => {
      const list = MediaDevices.prototype.enumerateDevices;
      MediaDevices.prototype.enumerateDevices = async function enumerateDevices() {
        const devices = await list.call(this);
        return [...devices, ...devices];
      };
      const settings = MediaStreamTrack.prototype.getSettings;
      MediaStreamTrack.prototype.getSettings = function getSettings() {
        return { ...settings.call(this), facingMode: globalThis.facing ?? "environment" };
      };
      const ask = MediaDevices.prototype.getUserMedia;
      MediaDevices.prototype.getUserMedia = function getUserMedia(wish) {
        globalThis.facing = wish.video.facingMode.ideal;
        return ask.call(this, wish);
      };
    });
    await withPage({ prepare, address: `?model=${kModel}.oko` }, async (page) => {
      await assertShowsNativeBoxes(page);
      await page.getByRole("button", { name: "Switch" }).click();
      await page.locator("#video.mirrored").waitFor();
      const { detections, drawn, frame } = await resultWithBoxes(page);
      const canvas = await page.locator("#boxes").boundingBox();
      const x = canvas.width * (1 - detections[0].right / frame.width);
      assert.ok(Math.abs(drawn[0].x - x) < 1);
      await page.screenshot({ path: screenshot("mirrored") });
    });
  });

  test("says what is wrong with a model", async () => {
    await withPage({ address: "?model=broken.oko" }, async (page) => {
      await page.getByText("broken.oko cannot be used").waitFor();
      assert.match(await page.locator("#notice-text").textContent(),
        /^This is not a model of oko\. Choose a model: /);
      await page.screenshot({ path: screenshot("bad-model") });
    });
    await withPage({ address: "?model=https://example.com/m.oko" }, async (page) => {
      await page.getByText("from this page's own server").waitFor();
    });
    await withPage({ address: "?model=none.oko" }, async (page) => {
      await page.getByText("The server says: 404").waitFor();
    });
  });

  test("says that the camera is not allowed, and tries again", async () => {
    const prepare = (page) => page.addInitScript(() => {
      const ask = MediaDevices.prototype.getUserMedia;
      let times = 0;
      MediaDevices.prototype.getUserMedia = function getUserMedia(wish) {
        if (times++ === 0) throw new DOMException("Permission denied", "NotAllowedError");
        return ask.call(this, wish);
      };
    });
    await withPage({ prepare, address: `?model=${kModel}.oko` }, async (page) => {
      await page.getByText("The camera is not allowed").waitFor();
      await page.screenshot({ path: screenshot("no-camera") });
      await page.getByRole("button", { name: "Try again" }).click();
      await resultWithBoxes(page);
    });
  });

  test("says that the browser is too old", async () => {
    // The worker takes the probe's answer from the browser, so the worker's file is changed.
    const prepare = (page) => page.route("**/worker.js", async (route) => {
      const answer = await route.fetch();
      const body = `WebAssembly.validate = () => false;\n${await answer.text()}`;
      await route.fulfill({ response: answer, body });
    });
    await withPage({ prepare }, async (page) => {
      await page.getByText("oko cannot run here").waitFor();
      assert.match(await page.locator("#notice-text").textContent(), /no WebAssembly SIMD/);
    });
  });
});

describe("sealed models on the page", { skip: noBrowser || noData || noAge }, () => {
  const kSealed = "cards.oko.sealed";
  const signer = noAge ? null : new Signer();
  let plain, identity;

  before(async () => {
    plain = readFileSync(join(site, `${kModel}.oko`));
    identity = await age.generateX25519Identity();
    await write(kSealed, [await age.identityToRecipient(identity)]);
    writeFileSync(join(site, "signing.pub"),
      `untrusted comment: minisign public key\n${signer.text}\n`);
    writeFileSync(join(site, "model.key"), `# created: today\n${identity}\n`);
  });

  async function write(name, recipients, changes) {
    writeFileSync(join(site, name), await seal(plain, signer, recipients, changes));
  }
  const pick = (page, name = kSealed) => page.locator("#file").setInputFiles(join(site, name));
  const open = (page) => page.getByRole("button", { name: "Open" }).click();

  for (const colorScheme of ["light", "dark"]) {
    test(`ask for their keys on a narrow phone, ${colorScheme}`, async () => {
      const viewport = { width: 320, height: 640 };
      await withPage({ viewport, colorScheme }, async (page) => {
        await page.getByRole("button", { name: "Choose a model" }).waitFor();
        await pick(page);
        await page.getByText("This model is sealed").waitFor();
        await page.getByText(/^age1tag1/).waitFor();
        assert.equal(await page.locator("#welcome").isVisible(), false);
        await page.screenshot({ path: screenshot(`sealed-${colorScheme}`) });
        const overflow = await page.evaluate(() => {
          const { scrollWidth, clientWidth, scrollHeight, clientHeight } =
            document.querySelector("#sealed");
          return [document.documentElement.scrollWidth - innerWidth, scrollWidth - clientWidth,
            scrollHeight - clientHeight];
        });
        assert.deepEqual(overflow, [0, 0, 0]);  // nothing sticks out, nothing to scroll

        await page.locator("#signer").fill("RW");
        await open(page);
        await page.getByText("The signing key is a line").waitFor();
        await page.locator("#signer").fill(readFileSync(join(site, "signing.pub"), "utf8"));
        await page.locator("#identity").fill(await age.generateX25519Identity());
        await open(page);
        await page.getByText("none of the given keys opens it").waitFor();
        await page.screenshot({ path: screenshot(`sealed-problem-${colorScheme}`) });
        await page.locator("#identity").fill(readFileSync(join(site, "model.key"), "utf8"));
        await open(page);
        await assertShowsNativeBoxes(page);
        await page.screenshot({ path: screenshot(`sealed-open-${colorScheme}`) });
        const actions = await page.locator("#actions").boundingBox();
        assert.ok(actions.x === 16 && actions.width === 320 - 32);
        assert.equal(await page.locator("#sealed").isVisible(), false);
        assert.equal(await page.locator("#identity").inputValue(), "");
      });
    });
  }

  test("can be given up", async () => {
    await withPage({}, async (page) => {
      await page.getByRole("button", { name: "Choose a model" }).waitFor();
      await pick(page);
      await page.getByText(/^age1tag1/).waitFor();
      await page.getByRole("button", { name: "Cancel" }).click();
      await page.getByText("What does your detector see?").waitFor();
      // Another file gives up too.
      await pick(page);
      await page.getByText("This model is sealed").waitFor();
      await page.locator("#file").setInputFiles(join(site, `${kModel}.oko`));
      await assertShowsNativeBoxes(page);
    });
  });

  test("open by keys of the page's server, but no older release", async () => {
    const keys = "&signer=signing.pub&key=model.key";
    const recipients = [await age.identityToRecipient(identity)];
    await write("newer.oko.sealed", recipients, { release: 8 });
    await withPage({ address: `?model=newer.oko.sealed${keys}` }, async (page) => {
      await assertShowsNativeBoxes(page);
      const older = new URL(page.url());
      older.searchParams.set("model", kSealed);
      await page.goto(older.href);
      await page.getByText("cards.oko.sealed cannot be used").waitFor();
      assert.match(await page.locator("#notice-text").textContent(), /release 8 was opened before/);
      older.searchParams.set("key", "none.key");
      await page.goto(older.href);
      await page.getByText('The file of "key": The server says: 404').waitFor();
    });
  });

  test("open by the browser's own key, which stays", async () => {
    await withPage({}, async (page) => {
      await page.getByRole("button", { name: "Choose a model" }).waitFor();
      const recipientShown = async () => {
        await pick(page);
        return page.getByText(/^age1tag1/).textContent();
      };
      const recipient = await recipientShown();
      await write("own.oko.sealed", [recipient]);
      await page.reload();
      await page.getByRole("button", { name: "Choose a model" }).waitFor();
      assert.equal(await recipientShown(), recipient);
      await pick(page, "own.oko.sealed");
      await page.getByText("own.oko.sealed", { exact: true }).waitFor();
      await page.locator("#signer").fill(signer.text);
      await open(page);
      await assertShowsNativeBoxes(page);
    });
  });

  test("open in a LiveDetector, which says why not", async () => {
    await withPage({}, async (page) => {
      const seen = await page.evaluate(async ([name, given, right]) => {
        const { LiveDetector } = await import("./live.js");
        const { browserKey } = await import("./oko.js");
        const live = await LiveDetector.start({ threads: 1 });
        const bytes = await (await fetch(name)).arrayBuffer();
        const stored = [];
        const releases = {
          get: async (model) => stored.at(-1)?.[1],
          set: async (model, release) => { stored.push([model, release]); },
        };
        const open = async (more) => {
          try {
            const info = await live.openSealed(bytes.slice(0), { signer: given, ...more });
            return info.classes.length;
          } catch (error) {
            return error.code ?? error.message;
          }
        };
        const broken = { get() { throw new Error("broken"); }, set() {} };
        const identity = right;
        const codes = [await open({ key: await browserKey() }), await open({ identity, releases }),
          await open({ identity, releases: broken }), await open({ identity, model: "coins" })];
        const result = await live.detect(new ImageData(16, 16));
        live.close();
        return { codes, stored, width: result.frame.width };
      }, [kSealed, signer.text, identity]);
      assert.deepEqual(seen, {
        codes: ["no-key", 80, "storage", "other-model"], stored: [["cards", 7]], width: 16,
      });
    });
  });
});

describe("LiveDetector", { skip: noBrowser || noData }, () => {
  test("has one frame in flight and processes the newest next", async () => {
    await withPage({}, async (page) => {
      const seen = await page.evaluate(async (name) => {
        const { LiveDetector } = await import("./live.js");
        const live = await LiveDetector.start({ threads: 1 });
        await live.open(await (await fetch(name)).arrayBuffer());
        const results = await Promise.all([1, 2, 3, 4, 5].map((side) =>
          live.detect(new ImageData(16 * side, 16))));
        live.close();
        const end = await live.detect(new ImageData(16, 16)).catch((error) => error.message);
        return [...results.map((result) => result?.frame.width ?? null), end];
      }, `${kModel}.oko`);
      assert.deepEqual(seen, [16, null, null, null, 80, "the detector is closed"]);
    });
  });

  test("keeps its model if another is invalid", async () => {
    await withPage({}, async (page) => {
      const seen = await page.evaluate(async (name) => {
        const { LiveDetector } = await import("./live.js");
        const live = await LiveDetector.start();
        const early = await live.detect(new ImageData(16, 16)).catch((error) => error.message);
        const bytes = await (await fetch(name)).arrayBuffer();
        await live.open(bytes.slice());
        const bad = await live.open(new ArrayBuffer(9)).catch((error) => error.message);
        const result = await live.detect(new ImageData(16, 16));
        await live.open(bytes);  // the previous one's threads are released
        const again = await live.detect(new ImageData(32, 16));
        live.close();
        return [early, bad, result.frame.width, again.frame.width];
      }, `${kModel}.oko`);
      assert.equal(seen[0], "no model is open");
      assert.match(seen[1], /^model/);
      assert.deepEqual(seen.slice(2), [16, 32]);
    });
  });
});

describe("pictures", { skip: noBrowser || noData }, () => {
  // Every kind of image in a browser, created from one drawing, gives the right planes.
  test("are read as they are", async () => {
    await withPage({}, async (page) => {
      const seen = await page.evaluate(async () => {
        const { readFrame } = await import("./oko.js");
        const canvas = new OffscreenCanvas(8, 4);
        const context = canvas.getContext("2d");
        context.fillStyle = "rgb(200 100 50)";
        context.fillRect(0, 0, 8, 4);
        const first = ({ planes, ...frame }) =>
          ({ ...frame, pixel: planes.map((plane) => [...plane.subarray(0, 4)]) });
        const raw = (format, size) => new VideoFrame(new Uint8Array(size).fill(7), {
          format, codedWidth: 8, codedHeight: 4, timestamp: 0,
          colorSpace: { matrix: "bt709", fullRange: true, primaries: "bt709", transfer: "bt709" },
        });
        const sources = [context.getImageData(0, 0, 8, 4), await createImageBitmap(canvas), canvas,
          new VideoFrame(canvas, { timestamp: 0 }), raw("NV12", 48), raw("I420", 48),
          raw("I422", 64)];
        return Promise.all(sources.map(async (source) => first(await readFrame(source))));
      });
      for (const { format, pixel } of seen.slice(0, 4)) {
        const expected = format === "BGRA" ? [50, 100, 200, 255] : [200, 100, 50, 255];
        assert.deepEqual(pixel, [expected]);
      }
      assert.deepEqual(seen.slice(4, 6).map((f) => [f.format, f.matrix, f.range, f.pixel.length]),
        [["NV12", "bt709", "full", 2], ["I420", "bt709", "full", 3]]);
      assert.equal(seen[6].format, "RGBA");
    });
  });
});
