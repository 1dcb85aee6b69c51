// How many objects there are and were, over the image.
export class Tally {
  #element;
  #total = 0;

  constructor(element) {
    this.#element = element;
  }

  // Of a LiveResult; without tracking there is nothing to count.
  show({ objects, events }) {
    this.#element.hidden = objects === undefined;
    if (objects === undefined) return;
    const now = objects.filter(({ state }) => state === "seen").length;
    this.#total += events.filter(({ kind }) => kind === "appeared").length;
    this.#element.textContent = `${now} now · ${this.#total} so far`;
  }

  clear() {
    this.#total = 0;
    this.#element.hidden = true;
  }
}
