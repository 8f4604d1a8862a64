// The faces that this tab has loaded, with the rater's events on each, synchronised with the ledger.

import { get } from "./api.js";
import { replay, isDone } from "./replay.js";

export const PAGE = 24;

export class Items extends EventTarget {
  #byKey = new Map();
  #pages = new Map();
  #states = new Map();

  constructor(rater, ledger, tasks) {
    super();
    this.rater = rater;
    this.tasks = tasks;
    ledger.addEventListener("event", ({ detail }) => this.#apply(detail.event, detail.items));
  }

  /** Return the page of the queue with a position, from the server or from memory. */
  async page(place) {
    const start = Math.floor(place / PAGE) * PAGE;
    if (!this.#pages.has(start)) {
      const answer = await get("/api/queue", { rater: this.rater, start, count: PAGE });
      this.#pages.set(start, answer.items.map((item) => this.#keep(item)));
      // Old pages are dropped, so that a day of work does not fill the memory.
      if (this.#pages.size > 40) this.#pages.delete(this.#pages.keys().next().value);
    }
    return { start, items: this.#pages.get(start) };
  }

  /** Load a page with its pictures in advance, so that the rater never waits. */
  prefetch(place) {
    this.page(place)
      .then(({ items }) => items.forEach((item) => (new Image().src = `/face/${item.face}`)))
      .catch(() => {});
  }

  /** Return the first open item after a position, or null. */
  async next(after) {
    const start = Math.floor(Math.max(after, 0) / PAGE) * PAGE;
    const known = this.#pages.get(start)?.find((item) => item.place > after && !this.isDone(item));
    if (known) return known;
    const { item } = await get("/api/next", { rater: this.rater, after });
    if (!item) return null;
    // The server may not know the latest events yet, so an item that it returns may be done.
    const kept = this.#keep(item);
    if (!this.isDone(kept)) return kept;
    const { items } = await this.page(item.place);
    return items.find((one) => one.place > item.place && !this.isDone(one)) ?? null;
  }

  async find(face, part) {
    return this.#byKey.get(keyOf({ face, part })) ?? this.#keep(await get("/api/item", { rater: this.rater, face, part }));
  }

  answer(item) {
    return replay(item.events);
  }

  isDone(item) {
    return isDone(this.answer(item), this.tasks);
  }

  #keep(item) {
    const key = keyOf(item);
    // Undone events stay undone, even if the server did not know it when it responded.
    for (const event of item.events) event.active = this.#states.get(event.id) ?? event.active;
    const known = this.#byKey.get(key);
    if (!known) {
      this.#byKey.set(key, item);
      return item;
    }
    // The server may not have the latest events yet; keep them.
    const ids = new Set(item.events.map((event) => event.id));
    item.events.push(...known.events.filter((event) => !ids.has(event.id)));
    return Object.assign(known, item);
  }

  #apply(event, names) {
    if (event.kind === "undo" || event.kind === "redo") {
      this.#states.set(event.target, event.kind === "redo");
      for (const item of this.#byKey.values()) {
        const target = item.events.find((one) => one.id === event.target);
        if (target) target.active = event.kind === "redo";
      }
    } else if (["rate", "emotion", "flag"].includes(event.kind)) {
      for (const name of names) this.#byKey.get(name)?.events.push({ active: true, ...event });
    }
    this.dispatchEvent(new Event("change"));
  }
}

function keyOf(item) {
  return `face:${item.part}:${item.face}`;
}
