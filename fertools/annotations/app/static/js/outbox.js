// What is not yet on the server's disk: kept in the browser's own store, sent in order, and sent again until it is
// acknowledged. The store outlives the tab, the browser and the network; the server counts a repeated event once.

import { Refused, Unreachable, post } from "./api.js";

const STORE = "events";
const TOGETHER = 200;
const LONGEST_WAIT_MS = 10_000;

function promised(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function openStore() {
  const request = indexedDB.open("fertools-ratings", 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(STORE, { keyPath: "id" }).createIndex("order", "order");
  };
  return promised(request);
}

export class Outbox extends EventTarget {
  #database = null;
  #waiting = [];
  #refused = [];
  #sending = false;
  #timer = null;
  #delay_ms = 500;
  #trouble = null;
  #order = 0;
  #watchers = new Map();

  /** Open the store and take up what a former tab left there. */
  async open() {
    try {
      this.#database = await openStore();
      const all = this.#database.transaction(STORE).objectStore(STORE).index("order").getAll();
      this.#waiting = [...(await promised(all)), ...this.#waiting];
    } catch {
      // A private window may have no store. Events then live in this tab alone, and the mark says so.
      this.#database = null;
    }
    addEventListener("online", () => this.kick());
    addEventListener("pagehide", () => this.#sendLast());
    this.#report();
    this.kick();
  }

  /** Keep an event until the server has it; resolves when the browser's store has it. */
  add(rater, event) {
    // In order across reloads; a clock that is set back does not reorder what one tab does.
    this.#order = Math.max(this.#order + 1, Date.now() * 1000);
    const entry = { id: event.id, order: this.#order, rater, event };
    this.#waiting.push(entry);
    const stored = this.#store((store) => store.put(entry));
    this.#report();
    this.kick();
    return stored;
  }

  /** Resolve with true once the server has the event, with false if it was refused. */
  saved(id) {
    if (!this.#waiting.some((entry) => entry.id === id)) return Promise.resolve(true);
    return new Promise((resolve) => this.#watchers.set(id, [...(this.#watchers.get(id) ?? []), resolve]));
  }

  /** Resolve once nothing waits any more. */
  async drained() {
    while (this.#waiting.length) await this.saved(this.#waiting.at(-1).id);
  }

  get state() {
    const count = this.#waiting.length;
    if (this.#refused.length) return { name: "refused", count: this.#refused.length, why: this.#refused.at(-1).why };
    if (!count) return { name: "saved", count };
    return { name: this.#trouble ? "waiting" : "saving", count, why: this.#trouble, stored: this.#database !== null };
  }

  kick() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#sending && this.#waiting.length) this.#send();
  }

  async #send() {
    this.#sending = true;
    const rater = this.#waiting[0].rater;
    const end = this.#waiting.findIndex((entry) => entry.rater !== rater);
    const group = this.#waiting.slice(0, Math.min(end < 0 ? TOGETHER : end, TOGETHER));
    try {
      const answer = await post("/api/events", { rater, events: group.map((entry) => entry.event) });
      this.#settle(group, new Set(answer.saved), answer.refused);
      this.#trouble = null;
      this.#delay_ms = 500;
      this.dispatchEvent(new CustomEvent("counts", { detail: { rater, counts: answer.counts } }));
    } catch (error) {
      if (!(error instanceof Unreachable || error instanceof Refused)) throw error;
      this.#trouble = error instanceof Unreachable ? "no connection" : error.message;
      this.#timer = setTimeout(() => this.kick(), this.#delay_ms);
      this.#delay_ms = Math.min(2 * this.#delay_ms, LONGEST_WAIT_MS);
    } finally {
      this.#sending = false;
    }
    this.#report();
    if (!this.#trouble) this.kick();
  }

  #settle(group, saved, refused) {
    const settled = new Set();
    for (const { id } of group) {
      if (!saved.has(id) && !(id in refused)) continue;
      settled.add(id);
      if (id in refused) this.#refused.push({ id, why: refused[id] });
      this.#watchers.get(id)?.forEach((resolve) => resolve(!(id in refused)));
      this.#watchers.delete(id);
    }
    this.#waiting = this.#waiting.filter((entry) => !settled.has(entry.id));
    this.#store((store) => settled.forEach((id) => store.delete(id)));
  }

  // The transaction begins at once and is committed at once, so that even a tab whose process dies right after an act
  // has handed it over. The browser runs transactions in the order in which they began: no event is deleted before it is
  // there.
  #store(change) {
    if (!this.#database) return Promise.resolve();
    return new Promise((resolve) => {
      let transaction;
      try {
        transaction = this.#database.transaction(STORE, "readwrite", { durability: "strict" });
        change(transaction.objectStore(STORE));
        transaction.commit();
      } catch {
        // The browser has closed the store, as when its data are cleared.
        this.#database = null;
        return resolve();
      }
      transaction.oncomplete = () => resolve();
      transaction.onerror = transaction.onabort = () => {
        this.#database = null;
        resolve();
      };
    });
  }

  // A closing tab may still send a little; whether it arrives or not, the store has it.
  #sendLast() {
    const group = this.#waiting.filter((entry) => entry.rater === this.#waiting[0].rater).slice(0, 20);
    if (!group.length) return;
    post("/api/events", { rater: group[0].rater, events: group.map((entry) => entry.event) }, { keepalive: true }).catch(
      () => {},
    );
  }

  #report() {
    this.dispatchEvent(new Event("state"));
  }
}
