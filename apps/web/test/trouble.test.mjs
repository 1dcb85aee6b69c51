// What users run into, each answered on the page in words that say what to do: cameras that go
// away, files that are no models, and screens from 320 pixels on.
import assert from "node:assert/strict";
import { closeSync, mkdirSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync }
  from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { kModel, nextResult, resultWithBoxes, screenshot, startPages, stopPages, withPage }
  from "./pages.mjs";
import { noBrowser, noData } from "./support.mjs";

const kSkip = noBrowser || noData;
const kOpen = { address: `?model=${kModel}.oko` };

let site;
before(async () => { site = await startPages(); });
after(stopPages);

const says = (page, title) => page.getByRole("heading", { name: title }).waitFor();
const advice = (page) => page.locator("#notice-text").textContent();

describe("a camera that goes away", { skip: kSkip }, () => {
  // As browsers do when it is unplugged: the track ends by itself.
  const unplug = (page) => page.evaluate(() => {
    const [track] = document.querySelector("video").srcObject.getVideoTracks();
    track.stop();
    track.dispatchEvent(new Event("ended"));
  });

  test("is said to be gone, and is started again", async () => {
    await withPage(kOpen, async (page) => {
      await resultWithBoxes(page);
      await unplug(page);
      await says(page, "The camera is gone");
      assert.match(await advice(page), /unplugged.*Connect it again, then try again/);
      assert.equal(await page.locator("#picture").isVisible(), false);
      await page.screenshot({ path: screenshot("camera-gone") });
      await page.getByRole("button", { name: "Try again" }).click();
      await resultWithBoxes(page);
      await unplug(page);
      await says(page, "The camera is gone");
    });
  });

  test("is not allowed any more while it runs", async () => {
    await withPage(kOpen, async (page) => {
      await resultWithBoxes(page);
      const browser = await page.context().newCDPSession(page);
      const { targetInfo } = await browser.send("Target.getTargetInfo");
      await browser.send("Browser.setPermission", {
        permission: { name: "camera" }, setting: "denied", origin: new URL(page.url()).origin,
        browserContextId: targetInfo.browserContextId,
      });
      await says(page, "The camera is not allowed");
      assert.match(await advice(page), /Allow this page to use the camera/);
    });
  });

  test("is not the one that was chosen before", async () => {
    const prepare = (page) => page.addInitScript(() => {
      const ask = MediaDevices.prototype.getUserMedia;
      globalThis.wishes = [];
      MediaDevices.prototype.getUserMedia = function getUserMedia(wish) {
        globalThis.wishes.push(wish.video);
        return ask.call(this, wish);
      };
      const list = MediaDevices.prototype.enumerateDevices;
      MediaDevices.prototype.enumerateDevices = async function enumerateDevices() {
        const devices = await list.call(this);
        return [...devices, ...devices];
      };
    });
    await withPage({ prepare, ...kOpen }, async (page) => {
      await resultWithBoxes(page);
      await page.getByRole("button", { name: "Switch" }).click();
      await page.waitForFunction(() => globalThis.wishes.length === 2);
      await resultWithBoxes(page);
      await unplug(page);
      await page.getByRole("button", { name: "Try again" }).click();
      await resultWithBoxes(page);
      const wishes = await page.evaluate(() => globalThis.wishes);
      assert.ok(wishes[1].deviceId !== undefined);
      assert.equal(wishes[2].deviceId, undefined);
    });
  });

  for (const [name, title] of [["NotFoundError", "No camera found"],
    ["OverconstrainedError", "No camera found"], ["NotReadableError", "The camera is busy"],
    ["AbortError", "The camera is busy"], ["SecurityError", "The camera is not allowed"]]) {
    test(`or never comes: ${name}`, async () => {
      const prepare = (page) => page.addInitScript((error) => {
        MediaDevices.prototype.getUserMedia = async () => { throw new DOMException("", error); };
      }, name);
      await withPage({ prepare, ...kOpen }, async (page) => {
        await says(page, title);
        assert.match(await advice(page), /try again\.$/);
      });
    });
  }

  test("switched twice at once leaves no second one running", async () => {
    const prepare = (page) => page.addInitScript(() => {
      const ask = MediaDevices.prototype.getUserMedia;
      globalThis.streams = [];
      MediaDevices.prototype.getUserMedia = async function getUserMedia(wish) {
        const stream = await ask.call(this, wish);
        globalThis.streams.push(stream);
        return stream;
      };
    });
    await withPage({ prepare, ...kOpen }, async (page) => {
      await resultWithBoxes(page);
      await page.evaluate(() => {
        const button = document.querySelector("#switch");
        button.disabled = false;
        button.click();
        button.click();
      });
      await page.waitForFunction(() => globalThis.streams.length === 3);
      await resultWithBoxes(page);
      const live = await page.evaluate(() => globalThis.streams.flatMap((one) => one.getTracks())
        .filter(({ readyState }) => readyState === "live").length);
      assert.equal(live, 1);
    });
  });
});

describe("a file that is no model", { skip: kSkip }, () => {
  const kBytes = {
    "photo.png": ["\x89PNG\r\n\x1a\n",
      /^This is a PNG image\. Choose a model: a file that ends in \.oko/],
    "photo.oko": ["\xff\xd8\xff\xe0", /^This is a JPEG image\. /],
    "clip.mp4": ["\0\0\0\x20ftypisom", /^This is a video or a HEIC image\. /],
    "best.onnx": ["\x08\x09\x12\x07pytorch",
      /^This is an ONNX model\. .*oko import best\.onnx -o model\.oko/],
    "best v2;rm.onnx": ["\x08\x09", /oko import FILE -o/],
    "best.pt": ["PK\x03\x04", /^This is a PyTorch file\. Export it to ONNX/],
    "best.tflite": ["\x1c\0\0\0TFL3",
      /^This is a TensorFlow Lite model\. .*oko import best\.tflite/],
    "yolo.weights": ["\0\0\0\0\x02\0\0\0", /^This is weights of Darknet\. .*their \.cfg/],
    "yolo.cfg": ["[net]\nbatch=1", /^This is a Darknet network\. /],
    "model.zip": ["PK\x03\x04", /^This is a zip archive\. Unpack it first/],
    "model.key": ["AGE-SECRET-KEY-1QQQ", /^This is a secret key\. Choose the model that it opens/],
    "page.oko": ["<!DOCTYPE html><title>404</title>",
      /^This is a web page\. .*no model at that address/],
    "empty.oko": ["", /^The file is empty\. Copy or download it again/],
    "text.oko": ["just a few words, not a model", /^This is not a model of oko\. Choose a model/],
  };

  test("is named, with what to do", async () => {
    await withPage({}, async (page) => {
      await page.getByRole("button", { name: "Choose a model" }).waitFor();
      for (const [name, [text, expected]] of Object.entries(kBytes)) {
        await page.locator("#file").setInputFiles(
          { name, mimeType: "application/octet-stream", buffer: Buffer.from(text, "latin1") });
        await says(page, `${name} cannot be used`);
        assert.match(await advice(page), expected, name);
      }
      await page.screenshot({ path: screenshot("wrong-file") });
    });
  });

  test("leaves the model that is open", async () => {
    await withPage(kOpen, async (page) => {
      await resultWithBoxes(page);
      const about = await page.locator("#about").textContent();
      await page.locator("#file").setInputFiles(
        { name: "a.png", mimeType: "", buffer: Buffer.from("\x89PNG", "latin1") });
      await says(page, "a.png cannot be used");
      assert.equal(await page.locator("#about").textContent(), about);
      assert.match(about, /^320 × 320 · 80 classes/);
      await resultWithBoxes(page);
    });
  });

  test("may be cut off, wherever", async () => {
    const whole = readFileSync(join(site, `${kModel}.oko`));
    await withPage({}, async (page) => {
      await page.getByRole("button", { name: "Choose a model" }).waitFor();
      for (const length of [1000, 5000, whole.length - 1]) {
        await page.locator("#file").setInputFiles({
          name: `cut-${length}.oko`, mimeType: "", buffer: whole.subarray(0, length),
        });
        await says(page, `cut-${length}.oko cannot be used`);
        assert.match(await advice(page),
          /^The file is cut off: only .* are there\. Copy or download it again\.$/);
      }
      const lengths = `only ${whole.length - 1} of ${whole.length} bytes are there`;
      assert.match(await advice(page), new RegExp(lengths));
    });
  });

  const kTooLarge = /^The file has 3\.0 GB; a browser can hold models up to 500 MB\. Choose a/;

  // Sparse: the disk holds none of it.
  function makeLarge(name, start) {
    const path = join(site, name);
    const file = openSync(path, "w");
    writeSync(file, start);
    closeSync(file);
    truncateSync(path, 3e9);
    return path;
  }
  // Notes how much the page reads of files.
  const countReads = (page) => page.addInitScript(() => {
    globalThis.most = 0;
    for (const name of ["arrayBuffer", "text", "stream", "bytes"]) {
      const read = Blob.prototype[name];
      if (read === undefined) continue;
      Blob.prototype[name] = function counted() {
        globalThis.most = Math.max(globalThis.most, this.size);
        return read.call(this);
      };
    }
  });

  test("may have 3 GB, and is not read", async () => {
    const header = Buffer.alloc(72, " ");
    header.writeBigUInt64LE(64n);
    header.write('{"w":{"dtype":"U8","shape":[9],"data_offsets":[0,2999999928]}}', 8);
    const files = [[makeLarge("large.bin", "x"), /^This is not a model of oko/],
      [makeLarge("large.mp4", "\0\0\0\x20ftypisom"), /^This is a video/],
      [makeLarge("large.oko", header), kTooLarge]];
    await withPage({ prepare: countReads }, async (page) => {
      await page.getByRole("button", { name: "Choose a model" }).waitFor();
      for (const [path, expected] of files) {
        await page.locator("#file").setInputFiles(path);
        await says(page, `${path.split("/").pop()} cannot be used`);
        assert.match(await advice(page), expected, path);
      }
      assert.ok(await page.evaluate(() => globalThis.most) <= 1024);
      await page.screenshot({ path: screenshot("large-file") });
    });
  });

  test("is not downloaded if it has 3 GB, told or not", async () => {
    makeLarge("large.oko", "x");
    await withPage({ address: "?model=large.oko" }, async (page) => {
      await says(page, "large.oko cannot be downloaded");
      assert.match(await advice(page), kTooLarge);
    });
    // A server that does not tell, and never ends.
    const prepare = (page) => page.addInitScript(() => {
      const ask = globalThis.fetch;
      globalThis.sent = 0;
      globalThis.fetch = async (url) => (String(url).endsWith("endless.oko")
        ? new Response(new ReadableStream({
          pull(controller) {
            globalThis.sent += 1 << 24;
            controller.enqueue(new Uint8Array(1 << 24));
          },
        })) : ask(url));
    });
    await withPage({ prepare, address: "?model=endless.oko" }, async (page) => {
      await says(page, "endless.oko cannot be downloaded");
      assert.match(await advice(page), /^The file has 503 MB; /);
      assert.ok(await page.evaluate(() => globalThis.sent) < 600e6);
    });
  });

  test("may be a folder", async () => {
    mkdirSync(join(site, "folder"), { recursive: true });
    writeFileSync(join(site, "gone.oko"), "{}");
    await withPage({}, async (page) => {
      await page.getByRole("button", { name: "Choose a model" }).waitFor();
      // As a dropped folder, or a file that was moved since, behaves.
      await page.evaluate(() => {
        const file = new File(["x"], "folder");
        file.slice = () => ({
          arrayBuffer: async () => { throw new DOMException("", "NotReadableError"); },
        });
        const event = new Event("drop", { cancelable: true });
        event.dataTransfer = { files: [file] };
        document.dispatchEvent(event);
      });
      await says(page, "folder cannot be used");
      assert.match(await advice(page), /moved or changed, is a folder/);
    });
  });

  test("may be on a server that does not answer", async () => {
    const server = createServer((request, response) => response.destroy());
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    server.close();
    await withPage({}, async (page) => {
      await page.getByRole("button", { name: "Choose a model" }).waitFor();
      await page.route("**/m.oko", (route) => route.abort());
      await page.goto(`${page.url()}?model=m.oko`);
      await says(page, "m.oko cannot be downloaded");
      assert.match(await advice(page), /The server does not answer.*Connect to the network/);
    });
  });
});

describe("screens", { skip: kSkip }, () => {
  // Nothing that can be seen sticks out, and nothing moves sideways.
  const overflow = (page) => page.evaluate(() => {
    const out = [...document.querySelectorAll("body *")].filter((element) => {
      const { left, right, width, height } = element.getBoundingClientRect();
      return width > 0 && height > 0 && element.checkVisibility() &&
        (left < -.5 || right > innerWidth + .5);
    }).map((element) => element.outerHTML.slice(0, 80));
    const scrolls = [...document.querySelectorAll("html, body, #bench, .card")]
      .filter((element) => element.scrollWidth > element.clientWidth)
      .map((element) => element.id || element.tagName);
    return [...out, ...scrolls];
  });
  const kLongName = `${"a-very-long-name-without-any-place-to-break-".repeat(4)}.oko`;

  for (const width of [320, 360, 390, 768]) {
    test(`of ${width} pixels show everything`, async () => {
      const viewport = { width, height: width === 768 ? 1024 : 640 };
      for (const colorScheme of ["light", "dark"]) {
        await withPage({ viewport, colorScheme }, async (page) => {
          await page.getByRole("button", { name: "Choose a model" }).waitFor();
          assert.deepEqual(await overflow(page), [], "welcome");
          await page.locator("#file").setInputFiles(
            { name: kLongName, mimeType: "", buffer: Buffer.from("x") });
          await says(page, "a-very-long-name-without…o-break-.oko cannot be used");
          assert.deepEqual(await overflow(page), [], "notice");
          await page.screenshot({ path: screenshot(`notice-${width}-${colorScheme}`) });
          await page.locator("#file").setInputFiles(join(site, `${kModel}.oko`));
          await resultWithBoxes(page);
          assert.deepEqual(await overflow(page), [], "camera");
          await page.screenshot({ path: screenshot(`camera-${width}-${colorScheme}`) });
          await page.getByRole("button", { name: "Benchmark" }).click();
          assert.deepEqual(await overflow(page), [], "benchmark");
          const stream = await page.evaluate(() => document.querySelector("video").srcObject);
          assert.equal(stream, null);
          await page.getByRole("button", { name: "Close" }).click();
          await nextResult(page);
        });
      }
    });
  }
});
