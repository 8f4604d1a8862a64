// The page: the rater, the open view, the state of saving, and the shared keys.

import { AgreementView } from "./agreement.js";
import { get, post, sendAlways } from "./api.js";
import { byId, h, tell } from "./dom.js";
import { FacesView } from "./faces.js";
import { Items } from "./items.js";
import { Ledger } from "./ledger.js";
import { Outbox } from "./outbox.js";
import { VideosView } from "./videos.js";

const VIEWS = { faces: FacesView, videos: VideosView, agreement: AgreementView };
const NAMES = { faces: "Faces", videos: "Videos", agreement: "Agreement" };
const SHARED_KEYS = [
  ["Z", "Undo"],
  ["Y", "Redo"],
  ["M", "Switch between faces and videos"],
  ["?", "Show these keys"],
];

class App extends EventTarget {
  view = null;
  #views = {};
  #asked_ms = 0;
  #downloaded = false;

  async begin() {
    this.outbox = new Outbox();
    this.outbox.addEventListener("state", () => this.#drawSaved());
    this.outbox.addEventListener("counts", ({ detail }) => detail.rater === this.rater && this.setCounts(detail.counts));
    this.#listen();
    for (let waited_ms = 500; ; waited_ms = Math.min(2 * waited_ms, 8000)) {
      try {
        this.settings = await get("/api/settings");
        this.#asked_ms = performance.now();
        break;
      } catch (error) {
        byId("main").replaceChildren(h("p", { class: "view" }, `The server cannot be reached (${error.message}). Trying again…`));
        await new Promise((resolve) => setTimeout(resolve, waited_ms));
      }
    }
    sendAlways("x-fertools-log", this.settings.log);
    this.outbox.lock(this.settings.codes, null);
    await this.outbox.open(this.settings.log);
    document.querySelector("[data-view=agreement]").hidden = !this.settings.agreement;
    byId("code-field").hidden = !this.settings.codes;
    // A link only fills in the dialog; otherwise it would let one rater rate as another.
    const query = new URLSearchParams(location.search);
    const linked = query.get("rater");
    const { rater, code } = this.#remembered();
    if (rater && (!linked || linked === rater) && (await this.#join(rater, code))) return;
    byId("who-input").value = linked ?? rater ?? "";
    byId("code-input").value = query.get("code") ?? "";
    byId("who-dialog").showModal();
  }

  async #join(name, code) {
    let joined;
    try {
      joined = await post("/api/join", { rater: name, code });
      // Unfinished input still belongs to the previous rater.
      for (const view of Object.values(this.#views)) view.close();
      this.#views = {};
      this.view = null;
      sendAlways("x-fertools-code", joined.code);
      this.ledger?.close();
      this.rater = joined.rater;
      this.code = joined.code;
      this.ledger = new Ledger(this.outbox, this.rater, this.settings.now_ms + performance.now() - this.#asked_ms);
      this.items = new Items(this.rater, this.ledger, this.settings.tasks);
      this.ledger.addEventListener("change", () => this.#drawUndo());
      this.outbox.lock(this.settings.codes, this.rater);
      await this.ledger.load();
    } catch (error) {
      byId("who-fault").textContent = error.message;
      return false;
    }
    this.#remember();
    history.replaceState(null, "", location.pathname);
    byId("who-name").textContent = this.rater;
    byId("who-fault").textContent = "";
    byId("who-dialog").close();
    this.setCounts(joined.counts);
    await this.show();
    if (joined.code && !code) this.#askWho();
    return true;
  }

  // The rater belongs to the tab, because two raters may share a browser, each in their own tab.
  #remembered() {
    try {
      return JSON.parse(sessionStorage.getItem(`fertools-rater-${this.settings.log}`)) ?? {};
    } catch {
      return {};
    }
  }

  #remember() {
    try {
      sessionStorage.setItem(`fertools-rater-${this.settings.log}`, JSON.stringify({ rater: this.rater, code: this.code }));
    } catch {
      // Without storage, the page asks again next time.
    }
  }

  #askWho() {
    byId("who-input").value = this.rater ?? "";
    byId("code-input").value = this.code ?? "";
    byId("code-own").textContent = this.code ? `Your code is ${this.code}. Keep it secret. You need it to continue in another tab or browser.` : "";
    byId("who-dialog").showModal();
  }

  /** Open the view of the current address. */
  async show() {
    const [name = "", ...rest] = location.pathname.split("/").filter(Boolean);
    const chosen = name in VIEWS && (name !== "agreement" || this.settings.agreement) ? name : "faces";
    for (const link of document.querySelectorAll("[data-view]")) {
      if (link.dataset.view === chosen) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.#views[chosen] ??= new VIEWS[chosen](this);
    if (this.view !== this.#views[chosen]) {
      this.view?.close();
      this.view = this.#views[chosen];
      byId("main").replaceChildren(this.view.element);
      this.#drawUndo();
      // From here, the Tab key reaches the plane next.
      byId("main").focus({ preventScroll: true });
    }
    await this.view.open(rest);
  }

  go(path, { replace = false } = {}) {
    if (location.pathname === path) return;
    history[replace ? "replaceState" : "pushState"](null, "", path);
    if (!replace) this.show();
  }

  setCounts(counts) {
    this.counts = counts;
    byId("progress-text").textContent = `${counts.done.toLocaleString("en")} of ${counts.total.toLocaleString("en")} faces rated`;
    byId("progress-bar").max = Math.max(1, counts.total);
    byId("progress-bar").value = counts.done;
    this.#notice(counts);
  }

  /** Announce that the faces of the workspace have changed. The page never reloads by itself. */
  #notice({ catalogue, current }) {
    const words = !current
      ? "The faces of this workspace have changed, but the server still shows the old ones. Whoever runs it should end fertools annotate and start it again."
      : catalogue !== this.settings.catalogue
        ? "The faces of this workspace have changed. Reload this page to see them; your ratings are saved."
        : "";
    const notice = byId("notice");
    if (notice.textContent !== words) notice.textContent = words;
    notice.hidden = !words;
  }

  /** Return a setting of this browser, such as continuing automatically. */
  choice(name, usual) {
    try {
      return JSON.parse(localStorage.getItem(`fertools-${name}`)) ?? usual;
    } catch {
      return usual;
    }
  }

  choose(name, value) {
    try {
      localStorage.setItem(`fertools-${name}`, JSON.stringify(value));
    } catch {
      // Without storage, the setting lasts until the page is closed.
    }
  }

  togglePriors(shown) {
    this.choose("priors", shown);
    this.dispatchEvent(new Event("priors"));
  }

  /** Ask for a note; resolves with its text, with "" to remove it, or with null to change nothing. */
  askNote(text) {
    const dialog = byId("note-dialog");
    byId("note-input").value = text;
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
      const end = (value) => {
        dialog.onclose = null;
        dialog.close();
        resolve(value);
      };
      byId("note-cancel").onclick = () => end(null);
      dialog.onclose = () => resolve(null);
      dialog.querySelector("form").onsubmit = (event) => {
        event.preventDefault();
        end(byId("note-input").value.trim());
      };
    });
  }

  async undo() {
    try {
      const entry = await this.ledger.undo();
      if (entry) await this.#tellAndReveal("Undone", entry);
    } catch (error) {
      tell(error.message);
    }
  }

  async redo() {
    const entry = this.ledger.redo();
    if (entry) await this.#tellAndReveal("Redone", entry);
  }

  async #tellAndReveal(words, entry) {
    tell(`${words}: ${{ rate: "a rating", emotion: "an expression", flag: "a flag", take: "a trace" }[entry.kind] ?? "a change"}`);
    const wanted = entry.items[0]?.startsWith("source:") ? "videos" : "faces";
    if (location.pathname.split("/")[1] !== wanted) {
      history.pushState(null, "", `/${wanted}`);
      await this.show();
    }
    await this.view?.reveal(entry);
  }

  #drawUndo() {
    byId("undo").disabled = !this.view || !this.ledger.canUndo;
    byId("redo").disabled = !this.view || !this.ledger.canRedo;
  }

  #drawSaved() {
    const { name, count, trouble, stored, kept } = this.outbox.state;
    const mark = byId("saved");
    mark.dataset.state = name;
    const unsent = kept.refused + kept.elsewhere + kept.locked;
    mark.querySelector(".words").textContent = { saved: "All saved", saving: `Saving ${count}`, waiting: `${count} not saved yet${trouble === "no connection" ? `: ${trouble}` : ""}`, kept: `${unsent} kept here` }[name];
    const sentences = [];
    if (name === "waiting") sentences.push(`${changes(count)} not saved yet: ${trouble}. ${stored ? "They are kept in this browser and sent as soon as possible." : "Keep this tab open until they are sent."}`);
    if (trouble && trouble.startsWith("another workspace")) sentences.push("Reload this page to rate it.");
    if (kept.refused) sentences.push(`${changes(kept.refused)} refused: ${kept.why}. They are kept in this browser.`);
    if (kept.elsewhere) sentences.push(`${changes(kept.elsewhere)} for another workspace ${kept.elsewhere === 1 ? "is" : "are"} kept in this browser, and sent when that workspace is served at this address again.`);
    if (kept.locked) sentences.push(`${changes(kept.locked)} of ${kept.others.join(", ")} ${kept.locked === 1 ? "is" : "are"} kept in this browser, and sent when that rater returns.`);
    byId("unsent").hidden = !sentences.length;
    if (byId("unsent-words").textContent !== sentences.join(" ")) byId("unsent-words").textContent = sentences.join(" ");
    byId("unsent-remove").hidden = !kept.refused || !this.#downloaded;
  }

  #download() {
    const address = URL.createObjectURL(this.outbox.toFile());
    h("a", { href: address, download: "fertools-unsent.json" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    this.#downloaded = true;
    this.#drawSaved();
  }

  #drawHelp() {
    const rows = (keys) => keys.flatMap(([key, does]) => [h("kbd", {}, key), h("span", {}, does)]);
    const name = NAMES[Object.keys(VIEWS).find((one) => this.view instanceof VIEWS[one])];
    byId("help-keys").replaceChildren(h("h3", {}, name), ...rows(this.view.constructor.keys), h("h3", {}, "Everywhere"), ...rows(SHARED_KEYS));
    byId("help-dialog").showModal();
  }

  #listen() {
    byId("unsent-download").onclick = () => this.#download();
    byId("unsent-remove").onclick = () => this.outbox.removeRefused();
    byId("undo").onclick = () => this.undo();
    byId("redo").onclick = () => this.redo();
    byId("who").onclick = () => this.#askWho();
    byId("help").onclick = () => this.#drawHelp();
    byId("help-close").onclick = () => byId("help-dialog").close();
    byId("who-dialog").addEventListener("cancel", (event) => this.rater || event.preventDefault());
    byId("who-dialog").querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      this.#join(byId("who-input").value.trim(), byId("code-input").value.trim());
    };
    for (const link of document.querySelectorAll("[data-view]")) {
      link.onclick = (event) => {
        event.preventDefault();
        this.go(`/${link.dataset.view}`);
      };
    }
    addEventListener("popstate", () => this.show());
    addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    if (!this.view || document.querySelector("dialog[open]") || event.altKey) return;
    const typing = event.target.closest("input:not([type=checkbox], [type=range]), textarea, select");
    const command = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    if (typing && !(command && "zy".includes(letter))) return;
    // A held key counts once, except for moving a point; otherwise holding Enter would rate a hundred faces.
    if (event.repeat && !event.key.startsWith("Arrow")) return event.preventDefault();
    // A focused button or link handles Space and Enter itself.
    if ([" ", "Enter"].includes(event.key) && event.target.closest("button, a, input[type=checkbox]")) return;
    let taken = true;
    if (letter === "y" || (letter === "z" && event.shiftKey)) this.redo();
    else if (letter === "z") this.undo();
    else if (command) taken = false;
    else if (event.key === "?") this.#drawHelp();
    else if (letter === "m") this.go(this.view instanceof FacesView ? "/videos" : "/faces");
    else taken = this.view.key(event);
    if (taken) event.preventDefault();
  }
}

function changes(count) {
  return `${count} ${count === 1 ? "change" : "changes"}`;
}

new App().begin();
