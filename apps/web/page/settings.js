// What keeps a phone cool, ids, and what the open model says of itself: a part of the page that
// opens and closes. Browsers do not tell how hot a phone is, so the user sets limits.
const kMultiple = 32;  // of input sizes
const kHashDigits = 12;  // enough to tell models apart

// Three quarters and half of an input size, where that is smaller.
export function smallerSizes({ width, height }) {
  const sizes = [0.75, 0.5].map((factor) => {
    const [w, h] = [width, height].map((side) =>
      Math.max(Math.floor(side * factor / kMultiple), 1) * kMultiple);
    return { width: w, height: h };
  });
  const pixels = [{ width, height }, ...sizes].map((size) => size.width * size.height);
  return sizes.filter((_, i) => pixels[i + 1] < pixels[i]);
}

function factsOf({ version, hash, trained, metrics, ownThresholds }) {
  const percent = (value) => `${(100 * value).toFixed(1)} %`;
  const facts = [];
  if (version !== null) facts.push(["Version", version]);
  if (trained !== null) facts.push(["Trained", trained.toLocaleDateString()]);
  if (metrics !== null) {
    const { map50, map, dataset, split, images, itself } = metrics;
    const where = [dataset, split].filter(Boolean).join(", ");
    facts.push(["Measured", `mAP ${percent(map)}, at .50 ${percent(map50)}, on ${images} images ` +
      `of ${where}${itself ? "" : ", before it was changed"}`]);
  }
  if (ownThresholds) facts.push(["Thresholds", "its own for each class"]);
  if (hash !== null) facts.push(["Hash", hash.slice(0, kHashDigits)]);
  return facts;
}

export class Settings {
  #root;

  // `changed` is called after the user has changed a setting.
  constructor(root, button, changed) {
    this.#root = root;
    button.onclick = () => {
      root.hidden = !root.hidden;
      button.setAttribute("aria-expanded", String(!root.hidden));
    };
    for (const control of root.querySelectorAll("select, input")) control.onchange = changed;
  }

  // For LiveDetector.configure().
  get values() {
    return {
      framesPerSecond: Number(this.#part("frame-rate").value),
      budget: Number(this.#part("budget").value),
      tracking: this.#part("tracking").checked,
    };
  }

  // What was done to keep to the limits.
  say(text) {
    this.#part("said").textContent = text;
  }

  setModel(info) {
    this.#part("facts").replaceChildren(...factsOf(info).map(([name, value]) => {
      const row = document.createElement("div");
      row.append(Object.assign(document.createElement("dt"), { textContent: name }),
        Object.assign(document.createElement("dd"), { textContent: value }));
      return row;
    }));
  }

  #part(name) {
    return this.#root.querySelector(`#${name}`);
  }
}
