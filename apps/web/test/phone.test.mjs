// `oko phone` with Chromium as a phone whose camera plays the bottle clip: boxes appear, frames come
// back to the computer, and the QR code in the terminal leads to the page.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { connect } from "node:tls";
import { chromium } from "playwright-core";
import { kChromium, kData, kFolder, kPackage, makeClip, noBrowser, noData } from "./support.mjs";

const kOko = process.env.OKO_COMMAND;
const noOko = kOko && existsSync(kOko) ? false : "there is no oko command";
const noZbar = spawnSync("zbarimg", ["--version"]).error ? "zbarimg is not installed" : false;
const kPhone = {
  viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true,
};
const kDarknet = kData && join(kData, "models/darknet");
const kModel = [join(kDarknet ?? "", "yolo-fastest-1.1.cfg"),
  "--weights", join(kDarknet ?? "", "yolo-fastest-1.1.weights"),
  "--names", join(kDarknet ?? "", "coco.names")];
const kKeep = join(kFolder, "wrong");
const kImages = join(kKeep, "images/train"), kLabels = join(kKeep, "labels/train");

function screenshot(name) {
  return join(process.env.OKO_WEB_SCREENSHOTS || kFolder, `${name}.png`);
}

// `oko phone` until `stop()`, which resolves to what it printed after its start.
async function startPhone(...options) {
  const words = ["--json", "phone", ...kModel, "--page", kPackage, "--port", "0",
    "--keep", kKeep, ...options];
  const oko = spawn(kOko, words, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((done) => oko.on("exit", done));
  let text = "";
  for await (const line of createInterface({ input: oko.stdout })) {
    text += line;
    if (line === "}") break;
  }
  const stop = () => {
    oko.kill("SIGINT");
    return ended;
  };
  return { ...JSON.parse(text), stop, ended };
}

// The certificate that the server shows.
function certificateOf({ address, port }) {
  return new Promise((done, failed) => {
    const socket = connect({ host: address, port, rejectUnauthorized: false }, () => {
      const certificate = socket.getPeerX509Certificate();
      socket.end();
      done(certificate);
    });
    socket.on("error", failed);
  });
}

// A phone that trusts this one certificate and no other.
async function launchPhone(certificate, clip) {
  const key = certificate.publicKey.export({ type: "spki", format: "der" });
  const pin = createHash("sha256").update(key).digest("base64");
  return chromium.launch({
    executablePath: kChromium,
    args: ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
      `--use-file-for-fake-video-capture=${clip}`, `--ignore-certificate-errors-spki-list=${pin}`],
  });
}

function yoloBoxes(text, { width, height }) {
  return text.trim().split("\n").filter(Boolean).map((line) => {
    const [id, x, y, w, h] = line.split(" ").map(Number);
    return { id, left: (x - w / 2) * width, top: (y - h / 2) * height,
      right: (x + w / 2) * width, bottom: (y + h / 2) * height };
  });
}

const kEdges = ["left", "top", "right", "bottom"];

function filesIn(folder) {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

describe("oko phone", { skip: noBrowser || noData || noOko }, () => {
  let server, browser, page;
  const faults = [];

  before(async () => {
    server = await startPhone("--for", "10m");
    const certificate = await certificateOf(server);
    assert.equal(certificate.fingerprint256, server.fingerprint);
    browser = await launchPhone(certificate, makeClip("phone"));
    const context = await browser.newContext({ ...kPhone, permissions: ["camera"] });
    page = await context.newPage();
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(message.text());
    });
    await page.goto(server.link);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  async function boxesAppear() {
    for (let i = 0; i < 60; ++i) {
      const found = await page.evaluate(async () => (await okoPage.nextResult()).detections);
      if (found.length > 0) return found;
    }
    assert.fail("no boxes appear");
  }

  test("shows the model's boxes, with threads", async () => {
    const found = await boxesAppear();
    assert.ok(found.every(({ score, className }) => score >= .25 && className !== ""));
    assert.match(await page.locator("#about").textContent(), /80 classes · float32 · [234] threads/);
    assert.match(await page.locator("#rate").textContent(), /fps$/);
    assert.equal(await page.evaluate(() => crossOriginIsolated), true);
    await page.getByText(/^No frame kept · ends in \d+ min$/).waitFor();
    await page.screenshot({ path: screenshot("phone") });
    const sizes = await page.evaluate(() =>
      [document.documentElement.scrollWidth, document.documentElement.scrollHeight]);
    assert.deepEqual(sizes, [390, 844]);  // nothing to scroll
    assert.deepEqual(faults, []);
  });

  test("keeps a frame to label, with the boxes that were seen in it", async () => {
    await page.locator("#threshold").fill("0.1");
    await boxesAppear();
    await page.getByRole("button", { name: "Keep frame" }).tap();
    await page.getByText("What is in this frame?").waitFor();
    await page.screenshot({ path: screenshot("phone-ask") });
    // What the shown frame is, to compare with the file.
    const shown = await page.evaluate(() => {
      const video = document.getElementById("video");
      const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
      const context = canvas.getContext("2d");
      context.drawImage(video, 0, 0);
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      return { width: canvas.width, height: canvas.height, pixels: Array.from(data) };
    });
    await page.getByRole("button", { name: "Wrong or missing boxes" }).tap();
    await page.getByText(/^1 frame kept/).waitFor();

    const images = filesIn(kImages);
    assert.equal(images.length, 1);
    assert.match(images[0], /^to-label-\d{8}-\d{6}-0001\.jpg$/);
    const image = join(kImages, images[0]);
    const raw = execFileSync("ffmpeg", ["-v", "error", "-i", image, "-f", "rawvideo",
      "-pix_fmt", "rgba", "-"], { maxBuffer: 1 << 28 });
    assert.equal(raw.length, shown.width * shown.height * 4);
    let difference = 0;
    for (let i = 0; i < raw.length; ++i) difference += Math.abs(raw[i] - shown.pixels[i]);
    assert.ok(difference / raw.length < 3, `${difference / raw.length} per value`);

    const label = join(kLabels, images[0].replace(".jpg", ".txt"));
    const boxes = yoloBoxes(readFileSync(label, "utf8"), shown);
    const { results: [{ detections }] } = JSON.parse(execFileSync(kOko,
      ["--json", "detect", ...kModel, image, "--threshold", "0.1"],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
    assert.ok(boxes.length > 0);
    for (const box of boxes) {
      const same = ({ box: sides, class_id: id }) => id === box.id &&
        kEdges.every((edge, i) => Math.abs(box[edge] - sides[i]) < 2);
      assert.ok(detections.some(same), JSON.stringify([box, detections]));
    }
  });

  test("keeps a frame as a background", async () => {
    await page.getByRole("button", { name: "Keep frame" }).tap();
    await page.getByRole("button", { name: "Nothing to find" }).tap();
    await page.getByText(/^2 frames kept/).waitFor();
    const images = filesIn(kImages);
    assert.equal(images.length, 2);
    assert.match(images[0], /^background-\d{8}-\d{6}-0002\.jpg$/);
    assert.equal(readFileSync(join(kLabels, images[0].replace(".jpg", ".txt")), "utf8"), "");
  });

  test("keeps nothing of a frame that is discarded, and goes on", async () => {
    await page.getByRole("button", { name: "Keep frame" }).tap();
    await page.getByRole("button", { name: "Discard" }).tap();
    await page.locator("#ask").waitFor({ state: "hidden" });
    await boxesAppear();
    assert.equal(filesIn(kImages).length, 2);
    assert.equal(filesIn(kLabels).length, 2);
  });

  test("writes a dataset that oko reads", () => {
    const { status, stdout } = spawnSync(kOko, ["--json", "data", "check", kKeep],
      { encoding: "utf8" });
    assert.equal(status, 0, stdout);
    const { format, pictures, classes } = JSON.parse(stdout);
    assert.deepEqual([format, pictures, classes.length], ["yolo", 2, 80]);
  });

  test("looks at fewer frames when asked to", async () => {
    await page.getByRole("button", { name: "Settings" }).click();
    await page.locator("#frame-rate").selectOption("1");
    await page.evaluate(() => okoPage.nextResult());
    const start = Date.now();
    for (let i = 0; i < 3; ++i) await page.evaluate(() => okoPage.nextResult());
    assert.ok(Date.now() - start > 2700);
    await page.locator("#frame-rate").selectOption("0");
    await page.getByRole("button", { name: "Settings" }).click();
  });

  test("is not kept by the browser", async () => {
    const kept = await page.evaluate(async () => {
      const worker = await navigator.serviceWorker.register("worker.js").then(
        () => "registered", () => "refused");
      return [worker, (await caches.keys()).length];
    });
    assert.deepEqual(kept, ["refused", 0]);
    faults.length = 0;  // the refusal
  });

  test("fits narrow and lying phones", async () => {
    for (const [name, width, height] of [["narrow", 320, 568], ["lying", 844, 390]]) {
      await page.setViewportSize({ width, height });
      await boxesAppear();
      await page.screenshot({ path: screenshot(`phone-${name}`) });
      const [across, bottom] = await page.evaluate(() => [document.documentElement.scrollWidth,
        document.getElementById("phone-state").getBoundingClientRect().bottom]);
      assert.equal(across, width);
      assert.ok(bottom < height, `${bottom} of ${height}`);
    }
    await page.setViewportSize(kPhone.viewport);
  });

  // What people do: no flag of Chromium's, but the page that warns.
  test("works past the browser's warning", async () => {
    const other = await chromium.launch({ executablePath: kChromium,
      args: ["--no-sandbox", "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream"] });
    try {
      const tab = await (await other.newContext(kPhone)).newPage();
      await assert.rejects(tab.goto(server.link), /ERR_CERT_AUTHORITY_INVALID/);
      await tab.waitForFunction(() => document.title === "Privacy error");
      await tab.keyboard.type("thisisunsafe");  // Chromium's own way for those who mean it
      await tab.locator("#rate").waitFor();
      assert.match(await tab.locator("#about").textContent(), /[234] threads/);
    } finally {
      await other.close();
    }
  });

  test("says on the page that it has ended", async () => {
    assert.deepEqual(faults, []);
    assert.equal(await server.stop(), 0);
    await page.getByRole("button", { name: "Keep frame" }).tap();
    await page.getByRole("button", { name: "Nothing to find" }).tap();
    await page.getByText("The computer does not answer").waitFor();
    await boxesAppear();  // the engine is in the browser
    await page.screenshot({ path: screenshot("phone-ended") });
  });
});

describe("its QR code", { skip: noBrowser || noData || noOko || noZbar }, () => {
  let browser;
  before(async () => {
    browser = await chromium.launch({ executablePath: kChromium, args: ["--no-sandbox"] });
  });
  after(() => browser?.close());

  // What a terminal of so many columns shows of `oko phone`.
  function terminal(columns) {
    const words = [kOko, "phone", ...kModel, "--page", kPackage, "--port", "0", "--keep", kKeep,
      "--for", "1s"];
    const command = `stty cols ${columns}; ` + words.map((word) => `'${word}'`).join(" ");
    return execFileSync("script", ["-qec", command, "/dev/null"],
      { encoding: "utf8", env: { ...process.env, TERM: "xterm-256color" },
        stdio: ["ignore", "pipe", "ignore"] });
  }

  // The same in an HTML page: the two colours that it sets, on the terminal's own.
  async function render(text, path, colours, columns) {
    const escaped = text.replaceAll("\r", "").replaceAll("&", "&amp;").replaceAll("<", "&lt;")
      .replaceAll("\x1b[38;5;16;48;5;231m", `<span style="color:#000;background:#fff">`)
      .replaceAll("\x1b[0m", "</span>");
    assert.ok(!escaped.includes("\x1b"));
    const page = await browser.newPage({ viewport: { width: 9 * columns + 60, height: 900 } });
    await page.setContent(`<body style="margin:20px;${colours}"><pre style="width:${columns}ch;
      white-space:pre-wrap;overflow-wrap:anywhere;font:15px/17px 'DejaVu Sans Mono',monospace">${
      escaped}</pre></body>`);
    await page.screenshot({ path });
    await page.close();
  }

  for (const [name, columns, colours] of [
    ["dark", 80, "background:#101418;color:#ddd"], ["light", 80, "background:#fdf6e3;color:#333"],
    ["narrow", 34, "background:#000;color:#eee"]]) {
    test(`leads to the page, in a ${name} terminal`, async () => {
      const text = terminal(columns);
      const link = /https:\/\/\S+/.exec(text)[0];
      const path = screenshot(`terminal-${name}`);
      await render(text, path, colours, columns);
      const read = execFileSync("zbarimg", ["-q", "--raw", path],
        { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
      assert.equal(read.trim(), link);
    });
  }

  test("is left out where it does not fit, and where there is no terminal", () => {
    const narrow = terminal(30);
    assert.ok(!narrow.includes("█") && /https:\/\//.test(narrow));
    assert.match(narrow, /too narrow/);
    const piped = execFileSync(kOko, ["phone", ...kModel, "--page", kPackage, "--port", "0",
      "--keep", kKeep, "--for", "1s"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    assert.ok(!piped.includes("\x1b") && !piped.includes("█") && /^https:\/\//m.test(piped));
  });
});
