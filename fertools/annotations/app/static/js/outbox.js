// Events that are not on the server's disk yet. They are kept in the browser's store and sent in order until the server
// acknowledges them. The store outlives the tab, the browser and the network. The server counts a repeated event once.
//
// A browser has one store per address, whichever workspace is served there. Therefore each event carries the identity of
// its log and is sent to no other. It stays in the store until that log has it, or until the rater removes it. Refused
// events stay, too.

import { Refused, Unreachable, post } from "./api.js";
import { Store } from "./store.js";

const TOGETHER = 200;
const LONGEST_WAIT_MS = 10_000;
const BAD = [400, 413]; // an event of the batch is invalid; sending it again does not help
const TROUBLES = {
  401: "this browser does not have the token; open the address with the token again",
  403: "the rater's code is missing or wrong",
  409: "another workspace is served here now",
};

export class Outbox extends EventTarget {
  #store = new Store();
  #waiting = [];
  #kept = [];
  #isLocked = () => false;
  #sending = false;
  #timer = null;
  #delay_ms = 500;
  #most = TOGETHER;
  #trouble = null;
  #order = 0;
  #watchers = new Map();
  #channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("fertools-outbox") : null;

  /** Open the store and load the events that a former tab left there for this log. */
  async open(log) {
    this.log = log;
    // Tabs share the store and inform each other about removed events.
    const gone = new Set();
    if (this.#channel) this.#channel.onmessage = ({ data }) => (data.forEach((id) => gone.add(id)), this.#forget(new Set(data), true));
    const entries = (await this.#store.open()).filter(({ id }) => !gone.has(id));
    this.#waiting = [...entries.filter((entry) => entry.log === log), ...this.#waiting];
    this.#kept = entries.filter((entry) => entry.log !== log);
    addEventListener("online", () => this.kick());
    addEventListener("pagehide", () => this.#sendLast());
    this.#report();
    this.kick();
  }

  /** If raters have codes, send only events of `rater`, because this tab does not know the codes of others. */
  lock(codes, rater) {
    this.#isLocked = (entry) => codes && entry.rater !== rater;
    this.#report();
    this.kick();
  }

  /** Keep an event until the server has it; resolves once the browser's store has it. */
  add(rater, event) {
    // The order is kept across reloads, and even if the clock is set back.
    this.#order = Math.max(this.#order + 1, Date.now() * 1000);
    const entry = { id: event.id, order: this.#order, log: this.log, rater, event };
    this.#waiting.push(entry);
    const stored = this.#store.change((store) => store.put(entry));
    this.#report();
    this.kick();
    return stored;
  }

  /** Resolve with true once the server has the event, or with false if it was refused. */
  saved(id) {
    if (this.#kept.some((entry) => entry.id === id)) return Promise.resolve(false);
    if (!this.#waiting.some((entry) => entry.id === id)) return Promise.resolve(true);
    return new Promise((resolve) => this.#watchers.set(id, [...(this.#watchers.get(id) ?? []), resolve]));
  }

  /** Resolve as `saved` does, but with null as soon as the server cannot be reached. */
  tried(id) {
    return new Promise((resolve) => {
      this.saved(id).then(resolve);
      this.addEventListener("stuck", () => resolve(null), { once: true });
    });
  }

  /** Resolve once no event is waiting. */
  async drained() {
    const open = () => this.#sendable();
    while (open().length) await this.saved(open().at(-1).id);
  }

  /** Return the latest time of a rater's waiting events, or 0. */
  latest_ms(rater) {
    return this.#waiting.reduce((latest, entry) => (entry.rater === rater ? Math.max(latest, entry.event.at_ms) : latest), 0);
  }

  /** The unsent events and the reason; `name` is saved, saving, waiting (sent again) or kept (not sent again). */
  get state() {
    const refused = this.#kept.filter((entry) => entry.why);
    const locked = this.#waiting.filter(this.#isLocked);
    const kept = {
      refused: refused.length,
      why: refused.at(-1)?.why,
      elsewhere: this.#kept.length - refused.length,
      others: [...new Set(locked.map((entry) => entry.rater))],
      locked: locked.length,
    };
    const count = this.#waiting.length - locked.length;
    const name = count ? (this.#trouble ? "waiting" : "saving") : this.#kept.length || locked.length ? "kept" : "saved";
    return { name, count, trouble: this.#trouble, stored: this.#store.works, kept };
  }

  /** Return all unsent events as a file. */
  toFile() {
    const entries = [...this.#kept, ...this.#waiting].map(({ log, rater, why, event }) => ({ log: log ?? null, rater, why, event }));
    return new File([JSON.stringify({ unsent: entries }, null, 1)], "fertools-unsent.json", { type: "application/json" });
  }

  /** Remove all refused events at the rater's request. */
  removeRefused() {
    const refused = this.#kept.filter((entry) => entry.why).map(({ id }) => id);
    this.#store.change((store) => refused.forEach((id) => store.delete(id)));
    this.#forget(new Set(refused), false);
    this.#channel?.postMessage(refused);
  }

  kick() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#sending && this.#sendable().length) this.#send();
  }

  #sendable() {
    return this.#waiting.filter((entry) => !this.#isLocked(entry));
  }

  async #send() {
    this.#sending = true;
    const entries = this.#sendable();
    const rater = entries[0].rater;
    const end = entries.findIndex((entry) => entry.rater !== rater);
    const group = entries.slice(0, Math.min(end < 0 ? this.#most : end, this.#most));
    try {
      const answer = await post("/api/events", { rater, events: group.map((entry) => entry.event) });
      this.#settle(group, new Set(answer.saved), answer.refused);
      this.#trouble = null;
      this.#delay_ms = 500;
      this.#most = TOGETHER;
      this.dispatchEvent(new CustomEvent("counts", { detail: { rater, counts: answer.counts } }));
    } catch (error) {
      if (!(error instanceof Unreachable || error instanceof Refused)) throw error;
      this.#fail(error, group);
    } finally {
      this.#sending = false;
    }
    this.#report();
    if (!this.#timer) this.kick();
  }

  // A batch that is refused as a whole is halved until the invalid event is found, so that it does not block others.
  #fail(error, group) {
    if (BAD.includes(error.status) && group.length === 1) return this.#settle(group, new Set(), { [group[0].id]: error.message });
    if (BAD.includes(error.status)) return (this.#most = Math.ceil(group.length / 2));
    this.#trouble = error instanceof Unreachable ? "no connection" : (TROUBLES[error.status] ?? error.message);
    this.#timer = setTimeout(() => this.kick(), this.#delay_ms);
    this.#delay_ms = Math.min(2 * this.#delay_ms, LONGEST_WAIT_MS);
    this.dispatchEvent(new Event("stuck"));
  }

  #settle(group, saved, refused) {
    const done = group.filter(({ id }) => saved.has(id));
    const bad = group.filter(({ id }) => !saved.has(id) && id in refused).map((entry) => ({ ...entry, why: refused[entry.id] }));
    this.#store.change((store) => {
      done.forEach(({ id }) => store.delete(id));
      bad.forEach((entry) => store.put(entry));
    });
    const ids = done.map(({ id }) => id);
    this.#channel?.postMessage(ids);
    this.#forget(new Set(bad.map(({ id }) => id)), false);
    this.#forget(new Set(ids), true);
    this.#kept.push(...bad);
  }

  /** Remove some entries; `saved` tells whether the server has them. */
  #forget(ids, saved) {
    this.#waiting = this.#waiting.filter((entry) => !ids.has(entry.id));
    this.#kept = this.#kept.filter((entry) => !ids.has(entry.id));
    for (const id of ids) {
      this.#watchers.get(id)?.forEach((resolve) => resolve(saved));
      this.#watchers.delete(id);
    }
    this.#report();
  }

  // A closing tab can still send a few events; the store has them in any case.
  #sendLast() {
    const entries = this.#sendable();
    const group = entries.filter((entry) => entry.rater === entries[0].rater).slice(0, 20);
    if (!group.length) return;
    post("/api/events", { rater: group[0].rater, events: group.map((entry) => entry.event) }, { keepalive: true }).catch(
      () => {},
    );
  }

  #report() {
    this.dispatchEvent(new Event("state"));
  }
}
