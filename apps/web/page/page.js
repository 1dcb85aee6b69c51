// The page: a model, a camera, and the detections.
import { drawBoxes } from "./boxes.js";
import { Camera, cameraProblem } from "./camera.js";
import { LiveDetector } from "./live.js";

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
  element("welcome").hidden = modelIsOpen || !element("notice").hidden;
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

async function openModel(bytes, name) {
  element("about").textContent = `Opening ${name}…`;
  try {
    const live = await loadEngine();
    const info = await live.open(bytes);
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

async function openAddress(address) {
  const url = new URL(address, location.href);
  const name = url.pathname.split("/").pop();
  try {
    if (url.origin !== location.origin) {
      throw new Error("Models can only be loaded from this page's own server.");
    }
    const response = await fetch(url);
    if (!response.ok) throw new Error(`The server says: ${response.status} ${response.statusText}`);
    await openModel(await response.arrayBuffer(), name);
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
  const address = new URLSearchParams(location.search).get("model");
  if (address !== null) await openAddress(address);
} catch (error) {
  element("about").textContent = "";
  notice("oko cannot run here", error.message, "Reload", () => location.reload());
}
