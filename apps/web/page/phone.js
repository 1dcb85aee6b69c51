// What the page gets when `oko phone` serves it: that model, and frames that are kept on the
// computer. No other server loads this.
import "./page.js";
import { toUpright } from "./oko.js";

const kQuality = .95;
const kStateSeconds = 10;
const kGone = "The computer does not answer: oko phone has ended there, or the network is another.";

const page = globalThis.okoPage;
const video = document.getElementById("video");

// ---- The part of the page -----------------------------------------------------------------------

const kMarkup = `
  <button id="keep" disabled>Keep frame</button>
  <p id="phone-state" class="small" role="status"></p>
  <div id="ask" role="dialog" aria-labelledby="ask-title" hidden>
    <h2 id="ask-title">What is in this frame?</h2>
    <button id="background"><strong>Nothing to find</strong>
      <span>keep it as a background</span></button>
    <button id="label"><strong>Wrong or missing boxes</strong>
      <span>keep it to be labelled</span></button>
    <button id="discard" class="plain">Discard</button>
  </div>`;

const part = document.createElement("section");
part.id = "phone";
part.innerHTML = kMarkup;
document.getElementById("actions").after(part);
const style = document.createElement("link");
style.rel = "stylesheet";
style.href = "phone.css";
document.head.append(style);

const element = (id) => document.getElementById(id);

function say(text) {
  element("phone-state").textContent = text;
}

// ---- State --------------------------------------------------------------------------------------

function duration(seconds) {
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

async function showState() {
  try {
    const response = await fetch("state.json");
    if (!response.ok) throw new Error(kGone);
    const { kept, most, seconds_left: left } = await response.json();
    element("keep").disabled = kept >= most;
    say(`${kept === 0 ? "No frame" : kept === 1 ? "1 frame" : `${kept} frames`} kept · ` +
      `ends in ${duration(left)}`);
  } catch {
    say(kGone);
  }
}

// ---- Keeping a frame ----------------------------------------------------------------------------

let still = null;  // { jpeg, boxes, resume } while the user is asked

// The shown frame as a JPEG file, and what the model sees in that file.
async function takeStill() {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  const jpeg = await new Promise((done) => canvas.toBlob(done, "image/jpeg", kQuality));
  if (jpeg === null) throw new Error("The browser cannot make a JPEG image of this frame.");
  const result = await page.look(await createImageBitmap(jpeg));
  const boxes = (result?.detections ?? []).map((found) => {
    const { left, top, right, bottom } = toUpright(found, result.frame);
    return [found.classId, left, top, right, bottom];
  });
  return { jpeg, boxes };
}

async function ask() {
  if (still !== null || video.videoWidth === 0) return;
  const resume = !video.paused;
  still = { resume };
  element("keep").disabled = true;
  if (resume) element("pause").click();
  try {
    Object.assign(still, await takeStill());
    element("ask").hidden = false;
    element("background").focus({ preventScroll: true });
  } catch (error) {
    say(error.message);
    finish();
  }
}

function finish() {
  element("ask").hidden = true;
  element("keep").disabled = false;
  if (still?.resume && video.paused) element("pause").click();
  still = null;
}

async function send(kind) {
  const { jpeg, boxes } = still;
  const header = JSON.stringify({ kind, boxes: kind === "label" ? boxes : [] });
  element("ask").hidden = true;
  say("Sending…");
  let problem = null;
  try {
    const response = await fetch("frames", { method: "POST", body: new Blob([header, "\n", jpeg]) });
    if (!response.ok) {
      const text = await response.text();
      problem = text === "" ? kGone : JSON.parse(text).error;
    }
  } catch {
    problem = kGone;
  }
  finish();
  if (problem === null) await showState();
  else say(`Not kept: ${problem}`);
}

element("keep").onclick = ask;
element("background").onclick = () => send("background");
element("label").onclick = () => send("label");
element("discard").onclick = finish;
element("ask").onkeydown = ({ key }) => {
  if (key === "Escape") finish();
};

// ---- Model --------------------------------------------------------------------------------------

async function open() {
  say("Downloading the model…");
  try {
    const response = await fetch("model.oko");
    if (!response.ok) throw new Error(kGone);
    await page.openModel(await response.blob(), "model.oko");
  } catch (error) {
    page.notice("The model cannot be downloaded", error.message, "Reload", () => location.reload());
  }
  await showState();
}

await open();
setInterval(() => {
  if (!document.hidden && still === null) showState();
}, 1000 * kStateSeconds);
