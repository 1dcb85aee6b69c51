// Live cameras in Chromium: ids stay with the objects of the clip, the frame rate is kept to,
// smaller inputs are used, models are swapped; and the page's settings for all that.
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  kModel, nextResult, resultWithBoxes, screenshot, startPages, stopPages, withPage,
} from "./pages.mjs";
import { makeModel, noBrowser, noData } from "./support.mjs";

const kOwn = "own.oko";  // has thresholds and texts of its own

let site;
before(async () => {
  site = await startPages();
  if (site !== undefined) copyFileSync(makeModel("yolo-fastest-1.1-xl", "0.3"), join(site, kOwn));
});
after(stopPages);

const settings = (page) => page.getByRole("button", { name: "Settings" }).click();

function overlap(a, b) {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const area = (box) => (box.right - box.left) * (box.bottom - box.top);
  return width * height / (area(a) + area(b) - width * height);
}

describe("the page's settings", { skip: noBrowser || noData }, () => {
  test("give objects ids that stay, and count them", async () => {
    await withPage({ address: `?model=${kOwn}` }, async (page) => {
      await resultWithBoxes(page);
      await settings(page);
      await page.getByText("Ids and counting").click();
      let last = [];
      let same = 0;
      let other = 0;
      for (let i = 0; i < 25; ++i) {
        const { objects, drawn } = await nextResult(page);
        if (objects === undefined) continue;  // of a frame that was on its way
        assert.deepEqual(drawn.map(({ text }) => text.split(" · ")[0]),
          objects.map(({ id }) => String(id)));
        const seen = objects.filter(({ state }) => state === "seen");
        for (const object of seen) {
          const before = last.find((one) => overlap(one, object) > 0.7);
          if (before === undefined) continue;
          if (before.id === object.id) ++same;
          else ++other;
        }
        last = seen;
      }
      assert.ok(same > 10 && other <= same / 20, `${same} ids stay, ${other} change`);
      assert.match(await page.locator("#tally").textContent(), /^\d+ now · \d+ so far$/);
      await page.screenshot({ path: screenshot("ids") });
      await page.getByText("Ids and counting").click();
      await page.locator("#tally").waitFor({ state: "hidden" });
    });
  });

  test("limit the frame rate and the time for a frame", async () => {
    await withPage({ address: `?model=${kModel}.oko` }, async (page) => {
      await resultWithBoxes(page);
      await settings(page);
      await page.locator("#frame-rate").selectOption("1");
      await nextResult(page);
      const start = Date.now();
      for (let i = 0; i < 2; ++i) await nextResult(page);
      assert.ok(Date.now() - start > 1500);
      await page.locator("#frame-rate").selectOption("0");
      // Less time than any machine needs.
      await page.locator("#budget option").last().evaluate((option) => { option.value = "0.01"; });
      await page.locator("#budget").selectOption("0.01");
      await page.locator("#rate").getByText(/fps · 160 × 160$/).waitFor();
      await page.getByText(/even with the smallest input/).waitFor();
      assert.deepEqual((await nextResult(page)).size, { width: 160, height: 160 });
      await page.locator("#budget").selectOption("0");
      await page.locator("#rate").getByText(/fps$/).waitFor();
    });
  });

  test("say what the model is, on a narrow phone too", async () => {
    for (const colorScheme of ["light", "dark"]) {
      const viewport = { width: 320, height: 640 };
      await withPage({ viewport, colorScheme, address: `?model=${kOwn}` }, async (page) => {
        await resultWithBoxes(page);
        assert.equal(await page.locator("#threshold-value").textContent(), "auto");
        await settings(page);
        const facts = await page.locator("#facts").textContent();
        assert.match(facts, /Version1\.2\.3Trained.*Measured.*25\.0 %.*50\.0 %.* of photos, val/);
        assert.match(facts, /Thresholds.*Hash[0-9a-f]{12}$/);
        await page.screenshot({ path: screenshot(`settings-${colorScheme}`) });
        const [across, button, picture] = await page.evaluate(() => [
          document.documentElement.scrollWidth,
          document.querySelector("#set").getBoundingClientRect().bottom,
          document.querySelector("#picture").getBoundingClientRect().height,
        ]);
        assert.ok(across === 320 && button <= 640 && picture > 100);
      });
    }
  });
});

// Runs `body` in the page with an open LiveDetector and what it has logged.
function withLive(page, settings, options, body) {
  const given = [`${kModel}.oko`, settings, options].map((value) => JSON.stringify(value));
  return page.evaluate(`(async (model, settings, options) => {
    const { LiveDetector } = await import("./live.js");
    const said = [];
    const log = (level, text) => said.push(level + ": " + text);
    const live = await LiveDetector.start({ ...settings, log });
    const bytes = async (name) => (await fetch(name)).arrayBuffer();
    await live.open(await bytes(model), options);
    const frame = () => new ImageData(320, 240);
    try {
      return await (${body})({ live, said, bytes, frame });
    } finally {
      live.close();
    }
  })(${given})`);
}

describe("LiveDetector", { skip: noBrowser || noData }, () => {
  for (const isolated of [true, false]) {
    test(`uses smaller inputs, ${isolated ? "" : "not "}isolated`, async () => {
      await withPage({ isolated }, async (page) => {
        const sizes = [224, 96].map((side) => ({ width: side, height: side }));
        const seen = await withLive(page, { budget: 0.001 }, { sizes },
          async ({ live, said, frame }) => {
            const widths = [];
            for (let i = 0; i < 10; ++i) widths.push((await live.detect(frame())).size.width);
            const status = await live.status();
            await live.configure({ budget: 60000 });
            const again = (await live.detect(frame())).size.width;
            return { widths, said, status, again };
          });
        assert.deepEqual(seen.widths, [320, 320, 320, 224, 224, 224, 96, 96, 96, 96]);
        assert.match(seen.said[0], /^info: .*a smaller input is used$/);
        assert.match(seen.said[2], /^warning: .*even with the smallest input/);
        assert.deepEqual(seen.status.size, sizes[1]);
        assert.equal(seen.again, 320);
      });
    });
  }

  test("keeps to the frame rate and to the heat", async () => {
    await withPage({}, async (page) => {
      const seen = await withLive(page, { framesPerSecond: 10 }, {},
        async ({ live, said, frame }) => {
          const looks = async (from, count) => {
            let looked = 0;
            for (let i = 0; i < count; ++i) {
              looked += (await live.detect(frame(), { seconds: from + i / 30 })) !== null;
            }
            return looked;
          };
          const looked = await looks(0, 30);
          const { skippedRate } = await live.status();
          const still = (await live.detect(frame(), { seconds: 1, still: true })).size.width;
          await live.setHeat("critical");
          return [looked, skippedRate, still, await looks(2, 10), said];
        });
      assert.deepEqual(seen.slice(0, 3), [10, 20, 320]);
      assert.ok(seen[3] <= 1);
      assert.match(seen[4][0], /the phone is too hot/);
    });
  });

  test("swaps models and goes back", async () => {
    await withPage({}, async (page) => {
      const seen = await withLive(page, { tracking: true }, {}, async ({ live, bytes, frame }) => {
        const failed = (error) => error.message;
        const none = await live.revert().catch(failed);
        const bad = await live.swap(new ArrayBuffer(99)).catch(failed);
        const swapped = await live.swap(await bytes("own.oko"),
          { sizes: [{ width: 224, height: 224 }] });
        const { objects } = await live.detect(frame());
        const back = await live.revert();
        await live.detect(frame());
        return [none, bad, swapped.name, Array.isArray(objects), back.name];
      });
      assert.match(seen[0], /no model to go back to/);
      assert.match(seen[1], /^model/);
      assert.deepEqual(seen.slice(2), ["yolo-fastest-1.1-xl", true, kModel]);
    });
  });
});
