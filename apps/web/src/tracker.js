// Ids that stay with objects, and counts. Types and contracts: oko.d.ts.
import { Detector } from "./detector.js";
import { Struct, withStruct } from "./engine.js";
import { eventList, objectList } from "./found.js";
import { readFrame } from "./frame.js";
import { FrameInput, given, ThresholdsInput } from "./input.js";

const kAnyClass = -1;

function optionsOf({ maxObjects, lowScore, lostSeconds, confirm, smoothing }) {
  for (const [name, value] of Object.entries({ maxObjects, confirm })) {
    if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
      throw new TypeError(`${name} must be a whole number above 0`);
    }
  }
  return {
    max_objects: maxObjects ?? 0,
    low_score: given(lowScore),
    lost_seconds: given(lostSeconds),
    confirm: confirm ?? 0,
    smoothing: given(smoothing),
  };
}

function createTracker(engine, given) {
  return withStruct(engine, "oko_tracker_options", (options) => {
    options.setAll(optionsOf(given));
    return engine.make((out) => engine.module._oko_tracker_create(options.address, out));
  });
}

export class Tracker {
  #engine;
  #address;
  #names = new Map();  // class → its name in the detections so far
  #frame;
  #thresholds;
  #objects;
  #events;

  constructor(engine, options) {
    this.#engine = engine;
    this.#address = createTracker(engine, options);
    this.#frame = new FrameInput(engine);
    this.#thresholds = new ThresholdsInput(engine);
    const nameOf = (id) => this.#names.get(id) ?? `class ${id}`;
    this.#objects = objectList(engine, nameOf);
    this.#events = eventList(engine, nameOf);
  }

  async detect(detector, source, seconds, thresholds = {}, view = {}) {
    this.#live();
    const pixels = await readFrame(source, view);
    const tracker = this.#live();
    const { address, info } = Detector.parts(detector);
    info.classes.forEach((name, id) => this.#names.set(id, name));
    const frame = this.#frame.fill(pixels);
    const wanted = this.#thresholds.fill(thresholds);
    return this.#objects.from((...list) => this.#engine.module._oko_tracker_detect_sized(
      tracker, address, frame, wanted, seconds, ...list));
  }

  update(detections, seconds, thresholds = {}) {
    const engine = this.#engine;
    const tracker = this.#live();
    const size = engine.place("oko_detection").where;
    const first = engine.allocate(size * detections.length);
    try {
      detections.forEach(({ classId, className, score, left, top, right, bottom }, i) => {
        if (className !== undefined) this.#names.set(classId, className);
        new Struct(engine, "oko_detection", first + i * size)
          .setAll({ class_id: classId, score, left, top, right, bottom });
      });
      const wanted = this.#thresholds.fill(thresholds);
      return this.#objects.from((...list) => engine.module._oko_tracker_update_sized(
        tracker, first, detections.length, size, wanted, seconds, ...list));
    } finally {
      engine.free(first);
    }
  }

  events() {
    const tracker = this.#live();
    return this.#events.from((...list) =>
      this.#engine.module._oko_tracker_events_sized(tracker, ...list));
  }

  addLine(from, to, classId = kAnyClass) {
    const tracker = this.#live();
    return this.#engine.makeNumber((out) => this.#engine.module._oko_tracker_add_line(
      tracker, from.x, from.y, to.x, to.y, classId, out));
  }

  addZone(corners, classId = kAnyClass) {
    const engine = this.#engine;
    const tracker = this.#live();
    const points = engine.allocate(8 * corners.length);
    try {
      engine.floats(points, 2 * corners.length).set(corners.flatMap(({ x, y }) => [x, y]));
      return engine.makeNumber((out) => engine.module._oko_tracker_add_zone(
        tracker, points, corners.length, classId, out));
    } finally {
      engine.free(points);
    }
  }

  counts(counter) {
    const engine = this.#engine;
    return withStruct(engine, "oko_counts", (counts) => {
      engine.check(engine.module._oko_tracker_counts(this.#live(), counter, counts.address));
      return { in: counts.get("in"), out: counts.get("out"), inside: counts.get("inside") };
    });
  }

  reset() {
    this.#engine.module._oko_tracker_reset(this.#live());
  }

  dispose() {
    if (this.#address === 0) return;
    this.#engine.module._oko_tracker_destroy(this.#address);
    this.#address = 0;
    for (const part of [this.#frame, this.#thresholds, this.#objects, this.#events]) part.free();
  }

  #live() {
    if (this.#address === 0) throw new Error("the tracker has been disposed of");
    return this.#address;
  }
}
