// How fast web engines run a detector's network in one headless Chromium: oko's and others', each
// in a page of its own, taking turns. bench/README.md says what is measured.
//
//   node bench/web/bench.mjs MODEL… [options]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { serve } from "../../apps/web/serve.mjs";
import { makeSite, prepareModel } from "./prepare.mjs";
import { table } from "./table.mjs";

const kEngines = ["oko", "onnxruntime", "litert", "tensorflow"];
const kPauseMilliseconds = 20;  // threads of an engine may spin for a while after its last run

// Allowed difference from the reference heads, as in bench/engine.
const kLargestDifference = 1e-2, kLargestInt8Error = .25;

const kUsage = `usage: node bench/web/bench.mjs MODEL… [options]
  MODEL               A built-in network, .oko, or .cfg with .weights beside it
  --input FILE        Image, or planar floats (.f32); default: noise
  --precision LIST    fp32,int8 [default: both]
  --threads LIST      Numbers of threads, one table each [default: 1,2]
  --rounds N          Turns per engine [default: 5]
  --runs N            Timed runs per turn, after one warm-up run [default: 5]
  --only LIST         Engines: ${kEngines.join(",")} [default: all]
  --package FOLDER    oko's web package [default: build/web/package]
  --oko FILE          oko command [default: build/release/oko/cli/oko]
  --engine FILE       Benchmark of other engines, which writes models and reference results
                      [default: build/bench/bench/engine/oko_bench_engine]
  --work FOLDER       Folder for the site with all files, kept [default: temporary]
  --chromium FILE     Chromium or Chrome [default: /usr/bin/chromium]
  --json              Print all times as JSON`;

class UsageError extends Error {}

function parsed(args) {
  const text = (value) => ({ type: "string", default: value });
  const { values, positionals: models } = parseArgs({
    args, allowPositionals: true,
    options: {
      input: { type: "string" }, work: { type: "string" }, json: { type: "boolean" },
      precision: text("fp32,int8"), threads: text("1,2"), rounds: text("5"), runs: text("5"),
      only: text(kEngines.join(",")), package: text("build/web/package"),
      oko: text("build/release/oko/cli/oko"),
      engine: text("build/bench/bench/engine/oko_bench_engine"),
      chromium: text("/usr/bin/chromium"),
    },
  });
  if (models.length === 0) throw new UsageError("no MODEL");
  const number = (name, value, most) => {
    if (!/^\d+$/.test(value) || value < 1 || value > most) {
      throw new UsageError(`--${name} ${value}: not a number from 1 to ${most}`);
    }
    return Number(value);
  };
  const list = (name, known) => {
    const chosen = values[name].split(",");
    const unknown = chosen.find((one) => !known.includes(one));
    if (unknown !== undefined) {
      throw new UsageError(`--${name} ${unknown}: not one of ${known.join(", ")}`);
    }
    return chosen;
  };
  return {
    ...values, models,
    precision: list("precision", ["fp32", "int8"]),
    only: list("only", kEngines),
    threads: values.threads.split(",").map((count) => number("threads", count, 4)),
    rounds: number("rounds", values.rounds, 1000),
    runs: number("runs", values.runs, 1000),
  };
}

// Opens the network in a page of its own; checks the heads.
async function start(context, url, engine, job) {
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(url);
  await page.waitForFunction(() => document.title === "ready").catch((error) => {
    throw new Error(faults.join("; ") || error.message);
  });
  const { difference, error } =
    await page.evaluate((given) => globalThis.bench.open(given), { engine, ...job });
  const right =
    job.precision === "fp32" ? difference <= kLargestDifference : error <= kLargestInt8Error;
  if (!right) {
    throw new Error(`wrong results: heads differ by up to ${difference}, ${100 * error} %`);
  }
  return { engine, page, milliseconds: [], processorMilliseconds: [], difference, error };
}

// Engines that cannot run the network are skipped, and it is said why.
async function startAll(context, url, job, { only }) {
  const started = [];
  for (const engine of only) {
    try {
      started.push(await start(context, url, engine, job));
    } catch (error) {
      console.error(`${engine} skipped: ${error.message.split("\n")[0]}`);
    }
  }
  return started;
}

// Milliseconds of processor time that the browser's pages have used, on all threads.
async function processorTime(session) {
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const pages = processInfo.filter(({ type }) => type === "renderer");
  return 1000 * pages.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}

// The processor counts in steps of 10 ms or so: that of a turn is shared among its runs.
async function takeTurn(session, { page, milliseconds, processorMilliseconds }, runs) {
  await pause(kPauseMilliseconds);
  const before = await processorTime(session);
  milliseconds.push(...await page.evaluate((count) => globalThis.bench.turn(count), runs));
  processorMilliseconds.push((await processorTime(session) - before) / (runs + 1));
}

async function measure(browser, url, job, options) {
  // The policy of oko's own server has no workers made of text, which TensorFlow.js starts.
  const context = await browser.newContext({ bypassCSP: true });
  try {
    const contenders = await startAll(context, url, job, options);
    const session = await browser.newBrowserCDPSession();
    for (let round = 0; round < options.rounds; ++round) {
      for (let k = 0; k < contenders.length; ++k) {
        await takeTurn(session, contenders[(round + k) % contenders.length], options.runs);
      }
    }
    await session.detach();
    return contenders.map(({ page, ...result }) => result);
  } finally {
    await context.close();
  }
}

async function run(options) {
  const work = options.work ?? mkdtempSync(join(tmpdir(), "oko-bench-web-"));
  const closers = [() => { if (options.work === undefined) rmSync(work, { recursive: true }); }];
  const all = [];
  try {
    makeSite(work, resolve(options.package));
    const server = await serve(work);
    closers.unshift(() => server.close());
    const browser = await chromium.launch({
      executablePath: options.chromium, args: ["--no-sandbox"],
    });
    closers.unshift(() => browser.close());
    console.error(`Chromium ${browser.version()}`);
    for (const model of options.models) {
      const folder = prepareModel(work, model, options);
      for (const precision of options.precision) {
        for (const threads of options.threads) {
          const results =
            await measure(browser, server.url, { folder, precision, threads }, options);
          all.push(...results.map((result) => ({ model, precision, threads, ...result })));
          if (options.json || results.length === 0) continue;
          const count = threads === 1 ? "1 thread" : `${threads} threads`;
          console.log(`\n${model}, ${precision}, ${count}, ` +
            `${options.rounds} rounds of ${options.runs}\n\n${table(results)}`);
        }
      }
    }
  } finally {
    for (const close of closers) await close();
  }
  if (options.json) console.log(JSON.stringify(all, null, 2));
}

try {
  await run(parsed(process.argv.slice(2)));
} catch (error) {
  const usage = error instanceof UsageError || error.code?.startsWith("ERR_PARSE_ARGS");
  console.error(`bench: ${error.message}${usage ? `\n${kUsage}` : ""}`);
  process.exitCode = usage ? 2 : 1;
}
