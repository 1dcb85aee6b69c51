// The page: a model, a camera, and the detections.
import { drawBoxes } from "./boxes.js";
import { Camera, cameraProblem } from "./camera.js";
import { LiveDetector } from "./live.js";
import { isSealed } from "./oko.js";
import { askForKeys, identityIn, sealOptions, signerIn, stopAsking } from "./keys.js";

const element = (id) => document.getElementById(id);
const camera = new Camera(element("video"));

let engine = null;       // promise of the LiveDetector
let modelIsOpen = false;
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
    modelIsOpen || !element("notice").hidden || !element("sealed").hidden;
  document.body.classList.toggle("asking", !element("sealed").hidden);
  element("pause").disabled = !showing;
  element("pause").textContent = showing && video.paused ? "Resume" : "Pause";
  video.classList.toggle("mirrored", camera.mirrored);
}

// ---- Model --------------------------------------------------------------------------------------

function loadEngine() {
  engine ??= LiveDetector.start();
  return engine;
}

function choose() {
  element("file").click();
}

// What is in a sealed model's file; null if the user has no keys for it.
async function openSealed(live, bytes, name, keys) {
  if (keys !== undefined) return live.openSealed(bytes, await sealOptions(...keys));
  const open = (options) => live.openSealed(bytes.slice(0), options);
  element("notice").hidden = true;
  element("about").textContent = "";
  return askForKeys(name, live, open, arrange);
}

// `keys`: of a sealed model the signing key and the secret key, if they are known.
async function openModel(bytes, name, keys) {
  await stopAsking();
  element("about").textContent = `Opening ${name}…`;
  try {
    const live = await loadEngine();
    const info = isSealed(bytes)
      ? await openSealed(live, bytes, name, keys) : await live.open(bytes);
    if (info === null) {
      element("about").textContent = "";
      return;
    }
    modelIsOpen = true;
    element("notice").hidden = true;
    element("model").hidden = false;
    element("model").textContent = info.name || name;
    const count = (n, what) => `${n} ${what}${n === 1 ? "" : what.endsWith("s") ? "es" : "s"}`;
    element("about").textContent = [`${info.width} × ${info.height}`,
      count(info.classes.length, "class"), info.precision, count(live.threads, "thread")].join(" · ");
  } catch (error) {
    element("about").textContent = "";
    notice(`${name} cannot be used`, error.message, "Choose another", choose);
    return;
  }
  finished.length = 0;
  await startCamera(() => camera.start());
}

async function download(address) {
  const url = new URL(address, location.href);
  if (url.origin !== location.origin) {
    throw new Error("Models and keys can only be loaded from this page's own server.");
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The server says: ${response.status} ${response.statusText}`);
  return response;
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
    const bytes = await (await download(address)).arrayBuffer();
    const signer = await keyIn("signer", signerIn);
    const identity = await keyIn("key", identityIn);
    await openModel(bytes, name, signer === undefined ? undefined : [signer, identity]);
  } catch (error) {
    notice(`${name} cannot be downloaded`, error.message, "Choose a model", choose);
  }
}

// ---- Camera and frames --------------------------------------------------------------------------

async function startCamera(start) {
  try {
    await start();
    element("switch").disabled = (await camera.count()) < 2;
  } catch (error) {
    notice(...cameraProblem(error), "Try again", () => startCamera(() => camera.start()));
  }
  arrange();
}

async function lookAtFrame() {
  if (!modelIsOpen) return;
  try {
    const live = await engine;
    const picture = await camera.picture();
    if (picture === null) return;
    const keepPixels = wanted.length > 0;
    const thresholds = { score: element("threshold").valueAsNumber };
    const result = await live.detect(picture, { thresholds, keepPixels });
    if (result !== null) show(result);
  } catch (error) {
    camera.stop();
    notice("Detection stopped", error.message, "Reload", () => location.reload());
  }
}

function show(result) {
  const drawn = drawBoxes(element("boxes"), result, camera.mirrored);
  for (const step of ["prepare", "network", "decode"]) {
    const digits = result.timing[step] < 10 ? 1 : 0;
    element(step).innerHTML = `${result.timing[step].toFixed(digits)} <small>ms</small>`;
  }
  const now = performance.now();
  finished.push(now);
  while (finished[0] < now - 2000) finished.shift();
  if (finished.length > 1) {
    const rate = (1000 * (finished.length - 1)) / (now - finished[0]);
    element("rate").textContent = `${rate.toFixed(rate < 10 ? 1 : 0)} fps`;
    element("rate").hidden = false;
  }
  if (result.pixels) {
    for (const resolve of wanted) resolve({ ...result, drawn });
    wanted = [];
  }
}

// For tests and debugging: the next frame's pixels, detections and drawing.
globalThis.okoPage = {
  nextResult: () => new Promise((resolve) => wanted.push(resolve)),
};

// ---- Controls -----------------------------------------------------------------------------------

for (const button of document.querySelectorAll("[data-choose]")) button.onclick = choose;
element("file").onchange = async ({ target }) => {
  const file = target.files[0];
  target.value = "";  // so that the same file can be chosen again
  if (file) await openModel(await file.arrayBuffer(), file.name);
};
element("pause").onclick = async () => {
  const video = element("video");
  if (video.paused) await video.play();
  else video.pause();
  arrange();
};
element("switch").onclick = () => startCamera(() => camera.next());
element("threshold").oninput = ({ target }) => {
  element("threshold-value").value = target.valueAsNumber.toFixed(2);
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
  if (file) await openModel(await file.arrayBuffer(), file.name);
};

camera.eachFrame(lookAtFrame);
try {
  await loadEngine();
  element("about").textContent = "";
  await openAddresses(new URLSearchParams(location.search));
} catch (error) {
  element("about").textContent = "";
  notice("oko cannot run here", error.message, "Reload", () => location.reload());
}
