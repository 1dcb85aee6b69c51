// What the engine finds: lists of structs in its memory. Internal; oko.js is the public API.
import { Struct } from "./engine.js";

// A list that functions of the engine return, each time in other memory.
export class List {
  #engine;
  #type;
  #read;
  #out;  // the pointer and the count that the engine fills
  #size;

  // `read` makes an object of a Struct.
  constructor(engine, type, read) {
    this.#engine = engine;
    this.#type = type;
    this.#read = read;
    this.#size = engine.place(type).where;
    this.#out = engine.allocate(8);
  }

  // `call(first, count, size)` calls the function with the last parameters that all of them have.
  from(call) {
    const engine = this.#engine;
    engine.check(call(this.#out, this.#out + 4, this.#size));
    const first = engine.view.getUint32(this.#out, true);
    const count = engine.view.getUint32(this.#out + 4, true);
    return Array.from({ length: count },
      (_, i) => this.#read(new Struct(engine, this.#type, first + i * this.#size)));
  }

  free() {
    this.#engine.free(this.#out);
  }
}

const kStates = ["seen", "hidden"];
const kEvents = ["appeared", "lost", "found", "gone", "in", "out"];

const classOf = (struct, nameOf) => {
  const classId = struct.get("class_id");
  return { classId, className: nameOf(classId) };
};

const boxOf = (struct) => ({
  left: struct.get("left"),
  top: struct.get("top"),
  right: struct.get("right"),
  bottom: struct.get("bottom"),
});

// `nameOf(classId)` is the name of a class.
export function detectionList(engine, nameOf) {
  return new List(engine, "oko_detection", (found) => ({
    ...classOf(found, nameOf),
    score: found.get("score"),
    ...boxOf(found),
  }));
}

export function objectList(engine, nameOf) {
  return new List(engine, "oko_object", (object) => ({
    id: object.get("id"),
    ...classOf(object, nameOf),
    state: kStates[object.get("state")],
    score: object.get("score"),
    ...boxOf(object),
    velocityX: object.get("velocity_x"),
    velocityY: object.get("velocity_y"),
    age: object.get("age"),
    hidden: object.get("hidden"),
  }));
}

export function eventList(engine, nameOf) {
  return new List(engine, "oko_event", (event) => ({
    kind: kEvents[event.get("kind")],
    object: event.get("object"),
    ...classOf(event, nameOf),
    counter: event.get("counter"),
  }));
}
