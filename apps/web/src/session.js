// What LiveDetector's worker does with frames: looks at those that its settings allow, and follows
// the objects in them. Internal; live.js is the public API.
import { errorWithCode } from "./engine.js";
import { kHeats } from "./live_camera.js";
import { named } from "./frame.js";

const kSettings = {
  budget: 0, framesPerSecond: 0, tracking: false, lines: [], zones: [], heat: "nominal",
};
const kLowScore = 0.1;  // of trackers, where nothing else is said

// Minimum score of each class, as C compares them.
function scoresOf({ score, classScores }, { classes, thresholds }) {
  const scores = Float32Array.from(classScores ?? (score === undefined
    ? thresholds : classes.map(() => score)));
  if (scores.length !== classes.length) {
    throw new TypeError(`${scores.length} classScores for ${classes.length} classes`);
  }
  if (scores.some(Number.isNaN)) throw new TypeError("a minimum score is not a number");
  return scores;
}

const sameTexts = (a, b) => a.length === b.length && a.every((text, i) => text === b[i]);

export class Session {
  #oko;
  #log;
  #settings = kSettings;
  #models = [];    // the open model at its sizes, the largest first
  #previous = [];  // those before the last swap()
  #camera = null;  // of #models
  #reverts = false;  // it knows #previous
  #tracker = null;
  #counters = null;  // numbers of its lines and zones
  #last = null;    // { width, height, classes } of the last frame that was followed

  // `log(level, text)` is told what is done and why.
  constructor(oko, log) {
    this.#oko = oko;
    this.#log = log;
  }

  get isOpen() {
    return this.#models.length > 0;
  }

  // Takes the models; those before are disposed of. If that fails, those before stay, and the new
  // ones are disposed of.
  async open(models) {
    const before = this.#models;
    this.#dropCamera();  // two have too few threads; the next frame makes it again
    this.#models = models;
    try {
      await this.#ready();
    } catch (error) {
      this.#dropCamera();
      this.#models = before;
      for (const model of models) model.dispose();
      throw error;
    }
    for (const model of [...before, ...this.#previous]) model.dispose();
    this.#previous = [];
    this.#forget();
    return this.#info;
  }

  // Changes the settings that are given.
  configure(changes) {
    const settings = { ...this.#settings };
    for (const name of Object.keys(changes)) {
      named(kSettings, name, "setting");
      if (changes[name] !== undefined) settings[name] = changes[name];
    }
    named(kHeats, settings.heat, "heat");
    for (const name of ["budget", "framesPerSecond"]) {
      if (!(settings[name] >= 0 && settings[name] < Infinity)) {
        throw new TypeError(`${name} is negative or not a number`);
      }
    }
    const changed = (...names) => names.some((name) =>
      JSON.stringify(settings[name]) !== JSON.stringify(this.#settings[name]));
    const newTracker = changed("tracking", "lines", "zones");
    const tracker = newTracker ? this.#trackerFor(settings) : null;
    if (changed("budget", "framesPerSecond")) this.#dropCamera();  // the next frame makes it
    else if (changed("heat")) this.#camera?.setHeat(settings.heat);
    if (newTracker) {
      this.#tracker?.dispose();
      [this.#tracker, this.#counters] = tracker;
      this.#last = null;
    }
    this.#settings = settings;
  }

  // Looks at a PixelFrame; null if it is skipped.
  async detect(pixels, seconds, thresholds = {}) {
    if (!this.isOpen) throw new Error("no model is open");
    const scores = scoresOf(thresholds, this.#info);
    await this.#ready();
    // The tracker needs low scores too.
    this.#camera.setThresholds({
      ...thresholds, classScores: scores.map((least) => Math.min(least, this.#lowScore)),
    });
    if (this.#camera.submit(pixels, seconds).startsWith("skipped")) return null;
    const { detections, model, ...result } = this.#camera.next();
    const { width, height } = this.#models[model].info;
    return {
      detections: detections.filter(({ classId, score }) => score > scores[classId]),
      ...this.#follow(detections, result.frame, seconds, scores),
      timing: result.timing,
      size: { width, height },
      seconds,
    };
  }

  // The same of a picture of its own: it is neither skipped nor followed.
  async look(pixels, thresholds = {}) {
    if (!this.isOpen) throw new Error("no model is open");
    // The threads of the pool are the camera's.
    const detector = await this.#models[0].detector({ threads: 1 });
    try {
      const detections = await detector.detect(pixels, thresholds);
      const { width, height } = this.#info;
      return { detections, timing: detector.timing, size: { width, height } };
    } finally {
      detector.dispose();
    }
  }

  // Takes other models, if they work.
  async swap(models) {
    if (!this.isOpen) throw new Error("no model is open");
    await this.#swapTo(models);
    for (const model of this.#previous) model.dispose();
    this.#use(models, this.#models, true);
    return this.#info;
  }

  // Back to the models before the last swap().
  async revert() {
    if (this.#previous.length === 0) {
      throw errorWithCode("there is no model to go back to (it is kept from swap() to the next " +
        "one, or to open())", "failed");
    }
    if (this.#reverts) {
      this.#camera.setThresholds({});
      this.#camera.revert(this.#previous);
    } else {
      await this.#swapTo(this.#previous);
    }
    for (const model of this.#models) model.dispose();
    this.#use(this.#previous, [], false);
    return this.#info;
  }

  async status() {
    if (!this.isOpen) throw new Error("no model is open");
    await this.#ready();
    const { model, ...status } = this.#camera.status;
    const { width, height } = this.#models[model].info;
    return { ...status, size: { width, height } };
  }

  reset() {
    this.#forget();
  }

  get #info() {
    return this.#models[0].info;
  }

  get #lowScore() {
    const { tracking } = this.#settings;
    return tracking ? tracking.lowScore ?? kLowScore : Infinity;
  }

  #use(models, previous, reverts) {
    this.#models = models;
    this.#previous = previous;
    this.#reverts = reverts;
  }

  async #swapTo(models) {
    await this.#ready();
    this.#camera.setThresholds({});  // scores of each class fit no other number of them
    this.#camera.swap(models);
  }

  #forget() {
    this.#tracker?.reset();
    this.#last = null;
  }

  #dropCamera() {
    this.#camera?.dispose();
    this.#camera = null;
    this.#reverts = false;
  }

  // Makes the camera, the first time and after settings have changed.
  async #ready() {
    if (this.#camera !== null) return;
    const { budget, framesPerSecond, heat } = this.#settings;
    this.#camera = await this.#oko.liveCamera(this.#models, {
      threads: this.#oko.threads, budget, framesPerSecond, log: this.#log,
    });
    if (heat !== "nominal") this.#camera.setHeat(heat);
  }

  // A tracker and the numbers of its lines and zones; nulls without tracking.
  #trackerFor({ tracking, lines, zones }) {
    if (!tracking) return [null, null];
    const tracker = this.#oko.tracker(tracking === true ? {} : tracking);
    try {
      return [tracker, {
        lines: lines.map(({ from, to, classId }) => tracker.addLine(from, to, classId)),
        zones: zones.map(({ corners, classId }) => tracker.addZone(corners, classId)),
      }];
    } catch (error) {
      tracker.dispose();
      throw error;
    }
  }

  #follow(detections, { width, height }, seconds, scores) {
    if (this.#tracker === null) return {};
    const { classes } = this.#info;
    const last = this.#last;
    // After another camera's first frame nothing is where it was.
    if (last !== null && (last.width !== width || last.height !== height ||
      !sameTexts(last.classes, classes))) {
      this.#tracker.reset();
    }
    this.#last = { width, height, classes };
    const objects = this.#tracker.update(detections, seconds, { classScores: scores });
    const countsOf = (numbers) => numbers.map((number) => this.#tracker.counts(number));
    return {
      objects,
      events: this.#tracker.events(),
      lines: countsOf(this.#counters.lines),
      zones: countsOf(this.#counters.zones),
    };
  }
}
