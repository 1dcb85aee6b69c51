// The page: a model, a camera, and the detections.
import { BenchView } from "./bench_view.js";
import { drawBoxes } from "./boxes.js";
import { Camera, cameraProblem } from "./camera.js";
import { bodyOf, download } from "./download.js";
import { askForKeys, identityIn, sealOptions, signerIn, stopAsking } from "./keys.js";
import { LiveDetector } from "./live.js";
import { problemOf, readProblem, shortName } from "./model_file.js";
import { keepModel, keepPage } from "./offline.js";
import { isSealed } from "./sealed.js";
import { Settings, smallerSizes } from "./settings.js";
import { Tally } from "./tally.js";

const element = (id) => document.getElementById(id);
const camera = new Camera(element("video"), cameraIsLost);
const bench = new BenchView(element("bench"), { choose, closed: benchIsClosed });
const settings = new Settings(element("settings"), element("set"), applySettings);
const tally = new Tally(element("tally"));

let engine = null;       // promise of the LiveDetector
let current = null;      // the open model: { name, info, threads, sized, open(engine, options) }
let chosenScore;         // threshold of all classes; until it is chosen each has the model's own
let wanted = [];         // resolvers of nextResult()
const finished = [];     // times of the last results

// ---- Notices ------------------------------------------------------------------------------------

function notice(title, text, action = "Close", act = () => {}) {
  element("notice-title").textContent = title;
  element("notice-text").textContent = text;
  const button = element("notice-button");
  button.textContent = action;
  button.onclick = () => {
    element("notice").hidden = true;
    act();
    arrange();
  };
  element("notice").hidden = false;
  arrange();
}

// Shows what the current state allows.
function arrange() {
  const video = element("video");
  const showing = video.srcObject !== null && video.videoWidth > 0;
  element("picture").hidden = !showing;
  element("picture").style.setProperty("--aspect", video.videoWidth / video.videoHeight || 1);
  element("welcome").hidden =
    current !== null || !element("notice").hidden || !element("sealed").hidden;
  document.body.classList.toggle("asking", !element("sealed").hidden);
  element("bench").classList.toggle("behind",
    !element("notice").hidden || !element("sealed").hidden);
  element("measure").hidden = current === null;
  element("pause").disabled = !showing;
  element("pause").textContent = showing && video.paused ? "Resume" : "Pause";
  video.classList.toggle("mirrored", camera.mirrored);
}

// ---- Model --------------------------------------------------------------------------------------

function loadEngine() {
  engine ??= LiveDetector.start({
    ...settings.values, log: (level, text) => settings.say(text),
  });
  return engine;
}

function choose() {
  element("file").click();
}

// Opens the model in a Blob. Resolves to { info, open }, where `open` does the same in any engine;
// null if the user has no keys. `keys`: of a sealed model the signing key and the secret key, if
// they are known.
async function openBlob(live, blob, name, keys) {
  if (!isSealed(await blob.slice(0, 64).arrayBuffer())) {
    const open = async (other, options) => other.open(await blob.arrayBuffer(), options);
    return { info: await open(live), open };
  }
  const openWith = async (seal) => {
    const open = async (other, options) =>
      other.openSealed(await blob.arrayBuffer(), seal, options);
    return { info: await open(live), open };
  };
  if (keys !== undefined) return openWith(await sealOptions(...keys));
  element("notice").hidden = true;
  element("about").textContent = "";
  return askForKeys(name, live, openWith, arrange);
}

// Says what is open, after something else was said.
function showModel() {
  element("about").textContent = "";
  if (current === null) return;
  const { name, threads, info: { width, height, classes, precision } } = current;
  const count = (n, what) => `${n} ${what}${n === 1 ? "" : what.endsWith("s") ? "es" : "s"}`;
  element("model").hidden = false;
  element("model").textContent = name;
  element("about").textContent = [`${width} × ${height}`, count(classes.length, "class"),
    precision, count(threads, "thread")].join(" · ");
}

// Resolves to whether the model is open.
async function openModel(blob, name, keys) {
  await stopAsking();
  element("about").textContent = `Opening ${shortName(name)}…`;
  try {
    const problem = await problemOf(blob, name);
    if (problem !== null) throw new Error(problem);
    const live = await loadEngine();
    const opened = await openBlob(live, blob, name, keys);
    if (opened === null) {
      showModel();
      return false;
    }
    current = { name: opened.info.name || name, threads: live.threads, ...opened };
    element("notice").hidden = true;
    showModel();
    bench.setModel(current);
    settings.setModel(current.info);
    tally.clear();
    await openSizes(live);
  } catch (error) {
    showModel();
    notice(`${shortName(name)} cannot be used`, readProblem(error), "Choose another", choose);
    return false;
  }
  finished.length = 0;
  if (bench.isOpen) arrange();
  else await startCamera(() => camera.start());
  return true;
}

// The page's parameters: `model`; of a sealed one also `signer`, the file of its signing key, and
// `key`, that of the secret key, else the browser's own is used.
async function openAddresses(parameters) {
  const address = parameters.get("model");
  if (address === null) return;
  const name = new URL(address, location.href).pathname.split("/").pop();
  const keyIn = async (which, read) => {
    if (!parameters.has(which)) return undefined;
    try {
      return read(await (await download(parameters.get(which))).text());
    } catch (error) {
      throw new Error(`The file of "${which}": ${error.message}`);
    }
  };
  try {
    const say = (more) => {
      element("about").textContent = `Downloading ${shortName(name)}…${more}`;
    };
    say("");
    const blob = await bodyOf(await download(address),
      (share) => say(` ${Math.floor(100 * share)} %`));
    const signer = await keyIn("signer", signerIn);
    const identity = await keyIn("key", identityIn);
    const keys = signer === undefined ? undefined : [signer, identity];
    if (!await openModel(blob, name, keys)) return;
    // Never the secret key.
    const kept = signer === undefined ? [] : [[parameters.get("signer"), new Blob([signer])]];
    await keepModel([[address, blob], ...kept]);
  } catch (error) {
    showModel();
    notice(`${shortName(name)} cannot be downloaded`, error.message, "Choose a model", choose);
  }
}

// Opens the model at smaller sizes too, once there is a budget.
async function openSizes(live) {
  const opening = current;
  if (opening === null || opening.sized || settings.values.budget === 0) return;
  opening.sized = true;
  try {
    await opening.open(live, { sizes: smallerSizes(opening.info) });
    settings.say("");
  } catch {
    settings.say("This model has one input size only.");
  }
}

async function applySettings() {
  try {
    const live = await loadEngine();
    await live.configure(settings.values);
    tally.clear();
    await openSizes(live);
  } catch (error) {
    settings.say(error.message);
  }
}

// ---- Camera and frames --------------------------------------------------------------------------

async function startCamera(start) {
  try {
    await start();
    element("switch").disabled = (await camera.count()) < 2;
  } catch (error) {
    cameraIsLost(error);
  }
  arrange();
}

function cameraIsLost(error) {
  element("rate").hidden = true;
  notice(...cameraProblem(error), "Try again", () => startCamera(() => camera.start()));
}

// `still`: an ImageBitmap to look at instead of the camera's frame. Resolves to the result; null if
// there is none.
async function lookAtFrame(still) {
  if (current === null || bench.isOpen) return null;
  try {
    const live = await engine;
    const picture = still ?? await camera.picture();
    if (picture === null) return null;
    const keepPixels = wanted.length > 0;
    const thresholds = { score: chosenScore };
    const isStill = still !== undefined || element("video").paused;
    const result = await live.detect(picture, { thresholds, keepPixels, still: isStill });
    if (result !== null) show(result);
    return result;
  } catch (error) {
    camera.stop();
    notice("Detection stopped", error.message, "Reload", () => location.reload());
    return null;
  }
}

function show(result) {
  const drawn = drawBoxes(element("boxes"), result, camera.mirrored);
  tally.show(result);
  for (const step of ["prepare", "network", "decode"]) {
    const digits = result.timing[step] < 10 ? 1 : 0;
    const unit = document.createElement("small");
    unit.textContent = "ms";
    element(step).replaceChildren(`${result.timing[step].toFixed(digits)} `, unit);
  }
  const now = performance.now();
  finished.push(now);
  while (finished[0] < now - 2000) finished.shift();
  if (finished.length > 1) {
    const rate = (1000 * (finished.length - 1)) / (now - finished[0]);
    const { width, height } = result.size;
    const smaller = width < current.info.width ? ` · ${width} × ${height}` : "";
    element("rate").textContent = `${rate.toFixed(rate < 10 ? 1 : 0)} fps${smaller}`;
    element("rate").hidden = false;
  }
  if (result.pixels) {
    for (const resolve of wanted) resolve({ ...result, drawn });
    wanted = [];
  }
}

// For phone.js, tests and debugging.
globalThis.okoPage = {
  // The next frame's pixels, detections and drawing.
  nextResult: () => new Promise((resolve) => wanted.push(resolve)),
  look: lookAtFrame,
  openModel,
  notice,
};

// ---- Benchmark -------------------------------------------------------------------------------

function benchIsClosed() {
  if (current !== null) startCamera(() => camera.start());
}

// ---- Controls -----------------------------------------------------------------------------------

for (const button of document.querySelectorAll("[data-choose]")) button.onclick = choose;
element("file").onchange = async ({ target }) => {
  const file = target.files[0];
  target.value = "";  // so that the same file can be chosen again
  if (file) await openModel(file, file.name);
};
element("pause").onclick = async () => {
  const video = element("video");
  if (video.paused) await video.play();
  else video.pause();
  arrange();
};
element("measure").onclick = () => {
  camera.stop();
  bench.show();
  arrange();
};
element("switch").onclick = () => startCamera(async () => {
  await camera.next();
  tally.clear();
  await (await engine)?.reset();
});
element("threshold").oninput = ({ target }) => {
  chosenScore = target.valueAsNumber;
  element("threshold-value").value = chosenScore.toFixed(2);
  if (element("video").paused) lookAtFrame();
};
element("video").onresize = arrange;

document.ondragover = (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
};
document.ondragleave = (event) => {
  if (event.relatedTarget === null) document.body.classList.remove("dropping");
};
document.ondrop = async (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const file = event.dataTransfer.files[0];
  if (file) await openModel(file, file.name);
};

// `oko phone` adds its script to the document, and serves it for a while only.
if (document.querySelector("script[src='phone.js']") === null) {
  keepPage((change) => {
    element("update").hidden = false;
    element("update").onclick = change;
  });
}
camera.eachFrame(() => lookAtFrame());
try {
  await loadEngine();
  element("about").textContent = "";
  const parameters = new URLSearchParams(location.search);
  if (parameters.has("bench")) bench.show();
  await openAddresses(parameters);
} catch (error) {
  element("about").textContent = "";
  notice("oko cannot run here", error.message, "Reload", () => location.reload());
}
