// The benchmark's view, and the links that it makes: what comes from a link is checked like any
// input from outside.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { kModel, nextResult, resultWithBoxes, screenshot, startPages, stopPages, withPage }
  from "./pages.mjs";
import { kPackage, noBrowser, noData } from "./support.mjs";

const { linkTo, madeResult, resultIn } = await import(join(kPackage, "bench_link.js"));
const { medianAndP90 } = await import(join(kPackage, "bench.js"));

const kRow = {
  width: 320, height: 320, threads: 4,
  prepare: [1.25, 2], network: [10, 12.5], decode: [0.1, 0.2], total: [11.35, 14.7],
};
const kGiven = {
  oko: "0.1.0", model: { name: "katze 猫", precision: "int8" },
  device: { cores: 8, simd: "wasm", userAgent: "Mozilla/5.0 (Phone)" },
  frame: [1280, 720], runs: 50, rows: [kRow, { ...kRow, threads: 1 }],
};
const kPage = "https://example.org/oko/?model=secret.oko&token=1#old";
const coded = (value) => `#bench=${Buffer.from(
  typeof value === "string" ? value : JSON.stringify(value)).toString("base64url")}`;

test("medians and p90 are those of the sorted times", () => {
  assert.deepEqual(medianAndP90([5]), [5, 5]);
  assert.deepEqual(medianAndP90([4, 1, 3, 2]), [2.5, 4]);
  assert.deepEqual(medianAndP90([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]), [5.5, 9]);
  assert.deepEqual(medianAndP90(Array.from({ length: 101 }, (_, i) => 100 - i)), [50, 90]);
});

describe("a link", () => {
  test("holds the result and nothing of the page's own address", () => {
    const made = madeResult(kGiven);
    const link = linkTo(kPage, made);
    assert.match(link, /^https:\/\/example\.org\/oko\/#bench=[\w-]+$/);
    assert.deepEqual(resultIn(new URL(link).hash), made);
    assert.deepEqual(made, { v: 1, ...kGiven });
    const plain = Buffer.from(link.split("=")[1], "base64url").toString();
    assert.doesNotMatch(plain, /secret|token/);
  });

  test("has texts that are cut and hide nothing", () => {
    const made = madeResult({
      ...kGiven,
      model: { name: `\u202Eevil\0\u200B${"x".repeat(200)}😀`, precision: "float32" },
      device: { ...kGiven.device, userAgent: "😀".repeat(400) },
    });
    assert.equal(made.model.name.length, 80);
    assert.match(made.model.name, /^ evil {2}x+$/);
    assert.ok(made.device.userAgent.length <= 300);
    assert.deepEqual(resultIn(new URL(linkTo(kPage, made)).hash), made);
  });

  test("of other content is not accepted", () => {
    const good = madeResult(kGiven);
    const with_ = (change) => {
      const copy = structuredClone(good);
      change(copy);
      return copy;
    };
    assert.notEqual(resultIn(coded(good)), null);
    const bad = [
      null, 1, "x", [], {}, [good], '{"v":1', "\xff\xfe",
      with_((r) => { r.v = 2; }),
      with_((r) => { r.more = 1; }),
      with_((r) => { delete r.oko; }),
      with_((r) => { r.oko = 1; }),
      with_((r) => { r.oko = "x".repeat(21); }),
      with_((r) => { r.model.name = "x".repeat(81); }),
      with_((r) => { r.model.name = "a\nb"; }),
      with_((r) => { r.model.name = "a\u202Eb"; }),
      with_((r) => { r.model.precision = "int4"; }),
      with_((r) => { r.device.cores = -1; }),
      with_((r) => { r.device.cores = "8"; }),
      with_((r) => { r.device.serial = "1"; }),
      with_((r) => { r.frame = [1280]; }),
      with_((r) => { r.runs = 0; }),
      with_((r) => { r.runs = 1.5; }),
      with_((r) => { r.rows = []; }),
      with_((r) => { r.rows = Array(33).fill(kRow); }),
      with_((r) => { r.rows = { length: 1, 0: kRow }; }),
      with_((r) => { r.rows[0].width = 9000; }),
      with_((r) => { r.rows[0].threads = 65; }),
      with_((r) => { r.rows[0].total = [1]; }),
      with_((r) => { r.rows[0].total = [1, null]; }),
      with_((r) => { r.rows[0].total = [-1, 2]; }),
      with_((r) => { r.rows[0].total = ["1", 2]; }),
      with_((r) => { r.rows[0].total = [1, 2, 3]; }),
      with_((r) => { r.rows[0].extra = 1; }),
      JSON.stringify(good).replace('"v":1', '"v":1,"__proto__":{"x":1}'),
      JSON.stringify(good).replace("11.35", "1e999"),
    ];
    for (const value of bad) {
      assert.equal(resultIn(coded(value)), null, JSON.stringify(value));
    }
    for (const hash of ["", "#", "#bench", "#bench=", "#other=abc", "#bench=%7B%7D", "#bench=a b",
      "#bench=<script>", `${coded(good)}=`, `${coded(good)}!`, `#bench=${"A".repeat(9000)}`]) {
      assert.equal(resultIn(hash), null, hash);
    }
    assert.throws(() => linkTo(kPage, with_((r) => { r.rows = []; })), /cannot be shared/);
  });
});

describe("the benchmark", { skip: noBrowser || noData }, () => {
  let site;
  before(async () => { site = await startPages(); });
  after(stopPages);

  const part = (page, name) => page.locator(`[data-part="${name}"]`);
  const link = (page) => page.getByLabel("Link to this result");
  const overflow = (page) => page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.querySelector("#bench");
    return scrollWidth - clientWidth;
  });
  const measure = async (page) => {
    await page.getByRole("radio", { name: "20", exact: true }).check();
    await page.getByRole("button", { name: "Measure", exact: true }).click();
  };

  for (const [width, height, colorScheme] of
    [[320, 640, "dark"], [390, 844, "light"], [768, 1024, "dark"]]) {
    test(`measures and shares, ${width} pixels wide, ${colorScheme}`, async () => {
      const permissions = ["camera", "clipboard-read", "clipboard-write"];
      const options = { viewport: { width, height }, colorScheme, permissions };
      await withPage({ ...options, address: `?model=${kModel}.oko` }, async (page) => {
        await resultWithBoxes(page);
        await page.getByRole("button", { name: "Benchmark" }).click();
        await page.screenshot({ path: screenshot(`bench-form-${width}`) });
        await page.getByRole("checkbox", { name: "160 × 160" }).check();
        await measure(page);
        await link(page).waitFor();
        await page.screenshot({ path: screenshot(`bench-result-${width}`) });
        assert.equal(await overflow(page), 0);
        const titles = await page.locator("#bench h3 span").allTextContents();
        assert.equal(titles[0], "160 × 160, 1 thread");
        assert.ok(titles.includes("320 × 320, 1 thread"));
        const address = await link(page).inputValue();
        const { origin, pathname, search, hash } = new URL(address);
        assert.deepEqual([origin + pathname, search], [new URL(page.url()).origin + "/", ""]);
        const result = resultIn(hash);
        assert.equal(result.model.name, kModel);
        assert.equal(result.runs, 20);
        for (const row of result.rows) {
          const [median, p90] = row.total;
          assert.ok(median > 0 && p90 >= median && row.network[0] > 0);
          // Both of the same runs: the total is no less than the network's share of it.
          assert.ok(median >= row.network[0]);
        }
        const large = result.rows.find((row) => row.width === 320 && row.threads === 1);
        const small = result.rows.find((row) => row.width === 160 && row.threads === 1);
        assert.ok(large.network[0] > small.network[0]);  // four times the work
        const shown = await page.locator("#bench article").first().locator("strong").textContent();
        assert.match(shown, /^\d+(\.\d)? fps$/);
        await page.getByRole("button", { name: "Copy link" }).click();
        await page.getByRole("button", { name: "Copied" }).waitFor();
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), address);

        // The same in another visit, and then this device's own.
        const other = await page.context().newPage();
        const asked = [];
        other.on("request", (request) => asked.push(request.url()));
        await other.goto(address);
        await other.getByText("measured on another device, or made up").waitFor();
        assert.deepEqual(await other.locator("#bench h3 span").allTextContents(), titles);
        await other.screenshot({ path: screenshot(`bench-shared-${width}`) });
        assert.equal(await overflow(other), 0);
        assert.ok(asked.every((url) => !url.includes(hash.slice(7, 40))));
        await other.getByRole("button", { name: "Measure on this device" }).click();
        await other.getByText("Choose one; it stays here.").waitFor();
        assert.equal(new URL(other.url()).hash, "");
        await other.locator("#file").setInputFiles(join(site, `${kModel}.oko`));
        await measure(other);
        await link(other).waitFor();
        await other.close();

        await page.getByRole("button", { name: "Close" }).click();
        await nextResult(page);  // the camera goes on
      });
    });
  }

  test("is stopped, and started again", async () => {
    await withPage({ address: `?bench&model=${kModel}.oko` }, async (page) => {
      await page.getByRole("radio", { name: "200" }).check();
      await page.getByRole("button", { name: "Measure", exact: true }).click();
      await page.getByRole("button", { name: "Stop" }).click();
      await page.getByRole("button", { name: "Measure", exact: true }).waitFor();
      await measure(page);
      await link(page).waitFor();
      assert.equal(resultIn(new URL(await link(page).inputValue()).hash).runs, 20);
      // It was opened without the camera.
      assert.equal(await page.evaluate(() => document.querySelector("video").srcObject), null);
    });
  });

  test("wants something to measure", async () => {
    await withPage({ address: `?bench&model=${kModel}.oko` }, async (page) => {
      await page.getByRole("checkbox", { name: "320 × 320" }).uncheck();
      await page.getByRole("button", { name: "Measure", exact: true }).click();
      await page.getByText("Choose at least one input size").waitFor();
    });
  });

  test("shows links that are damaged or hostile as such", async () => {
    const hostile = madeResult({
      ...kGiven, model: { name: "<img src=x onerror=alert(1)>", precision: "int8" },
    });
    await withPage({ address: coded(hostile) }, async (page) => {
      await page.getByText("<img src=x onerror=alert(1)>").waitFor();  // as text
      assert.equal(await page.locator("#bench img").count(), 0);
      // Another link in the same page.
      await page.evaluate((hash) => { location.hash = hash; }, "#bench=damaged");
      await page.getByText("This link is damaged").waitFor();
      assert.equal(await page.locator("#bench article").count(), 0);
      await page.getByRole("button", { name: "Close" }).click();
      await page.getByRole("button", { name: "Choose a model" }).waitFor();
    });
  });

  test("says what is wrong with a model, in front of everything", async () => {
    await withPage({ address: "?bench" }, async (page) => {
      await part(page, "choose").waitFor();
      await page.locator("#file").setInputFiles(
        { name: "a.png", mimeType: "", buffer: Buffer.from("\x89PNG", "latin1") });
      await page.getByText("This is a PNG image").waitFor();
      assert.equal(await page.locator("#bench").isVisible(), false);
      await page.locator("#file").setInputFiles(join(site, `${kModel}.oko`));
      await page.getByRole("button", { name: "Measure", exact: true }).waitFor();
    });
  });

  test("is in every file of the package that it needs", () => {
    const worker = readFileSync(join(kPackage, "sw.js"), "utf8");
    for (const name of ["bench.js", "bench.css", "bench_link.js", "bench_view.js"]) {
      assert.ok(worker.includes(`"${name}"`), name);
    }
  });
});
