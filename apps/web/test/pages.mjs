// Shared by the page's tests: Chromium with the bottle clip as its camera, and the page in it.
import assert from "node:assert/strict";
import { copyFileSync, cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { serve } from "../serve.mjs";
import {
  kChromium, kFolder, kPackage, makeClip, makeModel, noBrowser, noData,
} from "./support.mjs";

export const kModel = "yolo-fastest-1.1";
const kWideModel = "yolo-fastest-1.1-xl";
const kPhone = { viewport: { width: 412, height: 839 }, deviceScaleFactor: 2 };

let browser, site;

// Starts Chromium, and makes the folder of a site with the page and models. Resolves to its path;
// undefined where the tests are skipped.
export async function startPages() {
  if (noBrowser || noData) return undefined;
  site = join(kFolder, "site");
  cpSync(kPackage, site, { recursive: true });
  for (const name of [kModel, kWideModel]) copyFileSync(makeModel(name), join(site, `${name}.oko`));
  writeFileSync(join(site, "broken.oko"), "this is not a model");
  browser = await launch(makeClip("clip"));
  return site;
}

export function stopPages() {
  return browser?.close();
}

// Chromium with a clip as its camera.
export function launch(clip) {
  return chromium.launch({
    executablePath: kChromium,
    args: ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
      `--use-file-for-fake-video-capture=${clip}`],
  });
}

// A new profile of the browser, a phone unless `options` says otherwise.
export function newTab({ inside = browser, ...options } = {}) {
  return inside.newContext({ ...kPhone, permissions: ["camera"], ...options });
}

// Calls `body` with a page of the site. Any error on the page fails the test.
export async function withPage(options, body) {
  const { isolated = true, address = "", prepare, inside = browser, ...context } = options;
  const server = await serve(site, { isolated });
  const faults = [];
  const tab = await newTab({ inside, ...context });
  try {
    const page = await tab.newPage();
    page.on("pageerror", (error) => faults.push(error.message));
    await prepare?.(page);
    await page.goto(server.url + address);
    await body(page);
    assert.deepEqual(faults, []);
  } finally {
    await tab.close();
    server.close();
  }
}

// A result shown on the page, with the pixels it was detected in.
export async function nextResult(page) {
  const { pixels, ...result } = await page.evaluate(async () => {
    const late = new Promise((_, failed) => {
      setTimeout(() => failed(new Error("no result in 20 s: " +
        document.querySelector("#notice").textContent.trim())), 20000);
    });
    const { pixels: { planes, ...frame }, ...rest } =
      await Promise.race([okoPage.nextResult(), late]);
    const text = (plane) => {
      let binary = "";
      for (let i = 0; i < plane.length; i += 8192) {
        binary += String.fromCharCode(...plane.subarray(i, i + 8192));
      }
      return btoa(binary);
    };
    return { ...rest, pixels: { ...frame, planes: planes.map(text) } };
  });
  const planes = pixels.planes.map((text) => new Uint8Array(Buffer.from(text, "base64")));
  return { ...result, pixels: { ...pixels, planes } };
}

export async function resultWithBoxes(page) {
  for (let i = 0; i < 40; ++i) {
    const result = await nextResult(page);
    if (result.detections.length > 0) return result;
  }
  assert.fail("no boxes appear");
}

export function screenshot(name) {
  return join(process.env.OKO_WEB_SCREENSHOTS || kFolder, `${name}.png`);
}
