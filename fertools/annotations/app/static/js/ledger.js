// The rating events of one rater in this tab. Each event gets an identifier, goes to the outbox, and can be undone and
// redone without a limit. Tabs of the same rater inform each other.

import { get } from "./api.js";

const RATING_KINDS = new Set(["rate", "emotion", "flag", "take"]);

export class Ledger extends EventTarget {
  #undo = [];
  #redo = [];
  #older = false;
  #clockAhead_ms = 0;
  #last_ms = 0;
  #channel = null;

  constructor(outbox, rater, serverNow_ms) {
    super();
    this.outbox = outbox;
    this.rater = rater;
    this.tab = newId();
    this.#clockAhead_ms = serverNow_ms - Date.now();
    this.#last_ms = outbox.latest_ms(rater);
    if ("BroadcastChannel" in globalThis) this.#channel = new BroadcastChannel(`fertools-rating-${outbox.log}`);
    if (this.#channel) this.#channel.onmessage = ({ data }) => data.rater === this.rater && this.#take(data.event, data.items);
  }

  close() {
    this.#channel?.close();
  }

  async load() {
    const history = await get("/api/history", { rater: this.rater });
    this.#undo = history.undo;
    this.#redo = history.redo;
    this.#older = history.more;
    this.#changed();
  }

  get canUndo() {
    return this.#undo.length > 0 || this.#older;
  }

  get canRedo() {
    return this.#redo.length > 0;
  }

  /** Create an event, apply it, and hand it to the outbox. Returns its identifier. */
  do(kind, body) {
    // Milliseconds on the server's clock, which increase with every event: they order the events of a tab even if a
    // clock is changed.
    this.#last_ms = Math.max(this.#last_ms + 1, Date.now() + Math.round(this.#clockAhead_ms));
    const event = { id: newId(), kind, tab: this.tab, at_ms: this.#last_ms, ...body };
    const items = itemsOf(event);
    this.#take(event, items);
    this.#channel?.postMessage({ rater: this.rater, event, items });
    this.outbox.add(this.rater, event);
    return event.id;
  }

  /** Undo the last active event; resolves with it, or with null. */
  async undo() {
    if (!this.#undo.length && this.#older) await this.#loadOlder();
    const entry = this.#undo.at(-1);
    if (!entry) return null;
    this.do("undo", { target: entry.id });
    return entry;
  }

  redo() {
    const entry = this.#redo.at(-1);
    if (!entry) return null;
    this.do("redo", { target: entry.id });
    return entry;
  }

  async #loadOlder() {
    const history = await get("/api/history", { rater: this.rater, skip: this.#undo.length });
    this.#undo = history.undo;
    this.#older = history.more;
  }

  #take(event, items) {
    if (RATING_KINDS.has(event.kind)) {
      this.#undo.push({ id: event.id, kind: event.kind, items });
      this.#redo = [];
    } else if (event.kind === "undo") {
      move(event.target, this.#undo, this.#redo);
    } else if (event.kind === "redo") {
      move(event.target, this.#redo, this.#undo);
    }
    this.dispatchEvent(new CustomEvent("event", { detail: { event, items } }));
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Return 128 random bits. (crypto.randomUUID exists only on loopback and HTTPS.) */
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function move(id, from, to) {
  const place = from.findIndex((entry) => entry.id === id);
  if (place >= 0) to.push(...from.splice(place, 1));
}

/** Return the names of the items of an event, as the server does. */
export function itemsOf(event) {
  const items = (event.faces ?? []).map((face) => `face:${event.part ?? "main"}:${face}`);
  if (event.source) items.push(`source:${event.source}`);
  return items;
}
