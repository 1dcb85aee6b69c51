// The benchmark's view: what to measure, the results, and a link to share them.
import { measure } from "./bench.js";
import { hasResult, kSteps, linkTo, madeResult, resultIn } from "./bench_link.js";

const kMultiple = 32;  // of input sizes
const kLargestSide = 2048;
const kRuns = [20, 50, 200];

function create(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const digits = (ms) => ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0);
const rateText = (ms) => {
  if (!(ms > 0)) return "–";
  const rate = 1000 / ms;
  return `${rate.toFixed(rate < 10 ? 1 : 0)} fps`;
};
const caseTitle = ({ width, height, threads }) =>
  `${width} × ${height}, ${threads} thread${threads === 1 ? "" : "s"}`;

// Half of the model's own input size, that size, and one and a half of it.
export function sizesFor({ width, height }) {
  const scaled = (factor) => [width, height].map((side) =>
    Math.max(Math.round(side * factor / kMultiple), 1) * kMultiple);
  const others = [scaled(0.5), scaled(1.5)].filter(([w, h]) =>
    Math.max(w, h) <= kLargestSide && (w !== width || h !== height));
  return [...others, [width, height]].sort(([a], [b]) => a - b);
}

// 1, 2, 4 and so on, and the most.
export function threadsFor(most) {
  const counts = [];
  for (let count = 1; count < most; count *= 2) counts.push(count);
  return [...counts, most];
}

// What can be chosen: a button that stays down.
function chip(type, name, value, label, checked) {
  return create("label", { className: "chip" },
    create("input", { type, name, value, checked }), create("span", { textContent: label }));
}

// A case's times as a table, its rate above. p90: nine of ten runs took at most that.
function resultCard(row) {
  const head = create("tr", {}, ...["step", "median", "p90"].map((textContent) =>
    create("th", { textContent, scope: "col" })));
  const rows = kSteps.map((step) => create("tr", { className: step },
    create("th", { textContent: step, scope: "row" }),
    ...row[step].map((ms) => create("td", { textContent: `${digits(ms)} ms` }))));
  const title = create("h3", {}, create("span", { textContent: caseTitle(row) }),
    create("strong", { textContent: rateText(row.total[0]) }));
  return create("article", {}, title,
    create("table", {}, create("thead", {}, head), create("tbody", {}, ...rows)));
}

function problemCard({ message, ...one }) {
  return create("article", {}, create("h3", { textContent: caseTitle(one) }),
    create("p", { className: "problem", textContent: message }));
}

function factList({ oko, model, device, frame, runs }) {
  const facts = [
    ["model", `${model.name} (${model.precision})`],
    ["engine", `oko ${oko}, SIMD: ${device.simd}`],
    ["processor", device.cores === 0 ? "number of cores not known" : `${device.cores} cores`],
    ["browser", device.userAgent],
    ["measured", `${runs} runs of each, of a generated frame of ${frame.join(" × ")}`],
  ];
  return facts.map(([name, value]) => create("div", {},
    create("dt", { textContent: name }), create("dd", { textContent: value })));
}

export class BenchView {
  #root;
  #actions;
  #model = null;
  #stop = null;  // ends the measurement in progress

  // `choose()` asks for a model; `closed()` is called when the view is.
  constructor(root, actions) {
    this.#root = root;
    this.#actions = actions;
    this.#part("close").onclick = () => this.#close();
    this.#part("choose").onclick = () => actions.choose();
    this.#part("again").onclick = () => this.#prepare();
    this.#part("stop").onclick = () => this.#stop?.();
    this.#part("form").onsubmit = (event) => {
      event.preventDefault();
      this.#run();
    };
    globalThis.addEventListener("hashchange", () => this.#showShared());
    globalThis.addEventListener("keydown", ({ key }) => {
      if (key === "Escape" && this.isOpen) this.#close();
    });
    this.#showShared();
  }

  get isOpen() {
    return !this.#root.hidden;
  }

  // `model`: { name, info, threads, open(engine, options) }; `threads` is the most that there are.
  setModel(model) {
    const { threads } = model;
    this.#model = model;
    this.#part("sizes").replaceChildren(...sizesFor(model.info).map(([width, height]) =>
      chip("checkbox", "size", `${width}x${height}`, `${width} × ${height}`,
        width === model.info.width && height === model.info.height)));
    this.#part("threads").replaceChildren(...threadsFor(threads).map((count) =>
      chip("checkbox", "threads", count, count, count === 1 || count === threads)));
    this.#part("runs").replaceChildren(...kRuns.map((count, i) =>
      chip("radio", "runs", count, count, i === 1)));
    if (this.isOpen) this.#prepare();
  }

  show() {
    if (!hasResult(location.hash)) this.#prepare();
    this.#open();
  }

  #part(name) {
    return this.#root.querySelector(`[data-part="${name}"]`);
  }

  // Shows these parts and hides all others.
  #arrange(...names) {
    for (const part of this.#root.querySelectorAll("[data-part]")) {
      if (part.matches("section, form, .state")) part.hidden = !names.includes(part.dataset.part);
    }
    this.#root.scrollTop = 0;
  }

  #open() {
    this.#root.hidden = false;
    document.body.classList.add("measuring");
  }

  #close() {
    this.#stop?.();
    this.#root.hidden = true;
    document.body.classList.remove("measuring");
    if (hasResult(location.hash)) {
      history.replaceState(null, "", location.pathname + location.search);
    }
    this.#actions.closed();
  }

  #prepare() {
    this.#stop?.();
    if (hasResult(location.hash)) {
      history.replaceState(null, "", location.pathname + location.search);
    }
    if (this.#model === null) {
      this.#arrange("none");
      return;
    }
    this.#part("name").textContent = this.#model.name;
    this.#say("");
    this.#arrange("form");
  }

  #say(problem) {
    this.#part("problem").textContent = problem;
    this.#part("problem").hidden = problem === "";
  }

  #chosen() {
    const given = new FormData(this.#part("form"));
    const sizes = given.getAll("size").map((size) => size.split("x").map(Number));
    const threads = given.getAll("threads").map(Number);
    const cases = sizes.flatMap(([width, height]) =>
      threads.map((count) => ({ width, height, threads: count })));
    return { cases, runs: Number(given.get("runs")) };
  }

  async #run() {
    const { cases, runs } = this.#chosen();
    if (cases.length === 0) {
      this.#say("Choose at least one input size and one number of threads.");
      return;
    }
    let stopped = false;
    const stop = () => { stopped = true; };
    this.#stop = stop;
    const model = this.#model;
    const cards = this.#part("cards");
    cards.replaceChildren();
    this.#part("share").replaceChildren();
    this.#part("facts").replaceChildren();
    this.#part("progress").value = 0;
    this.#part("again").textContent = "Measure again";
    this.#arrange("running", "results");
    const result = await measure(model, cases, runs, {
      stopped: () => stopped,
      progress: (share) => { if (!stopped) this.#part("progress").value = share; },
      shown: ({ row, problem }) => {
        if (!stopped) cards.append(row ? resultCard(row) : problemCard(problem));
      },
    });
    if (this.#stop !== stop) return;  // another measurement has begun
    this.#stop = null;
    if (stopped || result === null) {
      if (stopped && this.isOpen && !hasResult(location.hash)) this.#prepare();
      else if (!stopped) this.#arrange("results", "again");
      return;
    }
    const made = madeResult({
      ...result, model: { name: model.name, precision: model.info.precision },
    });
    this.#part("facts").replaceChildren(...factList(made));
    this.#part("share").replaceChildren(...this.#shareParts(linkTo(location.href, made)));
    this.#arrange("results", "share", "again");
  }

  #shareParts(link) {
    const field = create("input", { type: "text", readOnly: true, value: link });
    field.ariaLabel = "Link to this result";
    field.onfocus = () => field.select();
    const button = create("button", { type: "button", className: "main" });
    const canShare = typeof navigator.share === "function";
    button.textContent = canShare ? "Share" : "Copy link";
    button.onclick = async () => {
      try {
        if (canShare) await navigator.share({ title: "oko benchmark", url: link });
        else await navigator.clipboard.writeText(link);
        if (!canShare) button.textContent = "Copied";
      } catch {
        field.focus();  // to be copied by hand
      }
    };
    const note = create("p", { className: "small", textContent: "The link holds what is shown " +
      "here and nothing else. It is sent to nobody until you share it: browsers do not send " +
      "the part after # to servers." });
    return [create("div", { className: "link" }, field, button), note];
  }

  #showShared() {
    if (!hasResult(location.hash)) return;
    this.#stop?.();
    const result = resultIn(location.hash);
    this.#part("cards").replaceChildren(...(result?.rows ?? []).map(resultCard));
    this.#part("facts").replaceChildren(...(result === null ? [] : factList(result)));
    this.#part("origin").textContent = result === null
      ? "This link is damaged or was not made by this page. Ask for it again."
      : "From a link: measured on another device, or made up. Nothing here was checked.";
    this.#part("again").textContent = "Measure on this device";
    this.#arrange("shared", "again", ...(result === null ? [] : ["results"]));
    this.#open();
  }
}
