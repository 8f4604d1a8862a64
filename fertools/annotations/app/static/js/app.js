// The page: who rates, which view is open, what is saved, and the keys that all views share.

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
  ["Z", "Undo, without end"],
  ["Y", "Redo"],
  ["M", "Faces or videos"],
  ["?", "These keys"],
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
    // A link fills in the dialog and no more, or it would let one rater rate as another.
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
      // What is begun is still the former rater's.
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

  // Who rates is a matter of the tab: two raters may share a browser, each in a tab of their own.
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
      // A browser that keeps nothing asks again next time.
    }
  }

  #askWho() {
    byId("who-input").value = this.rater ?? "";
    byId("code-input").value = this.code ?? "";
    byId("code-own").textContent = this.code ? `Your code is ${this.code}. Keep it: it lets you go on in another tab or browser, and nobody else.` : "";
    byId("who-dialog").showModal();
  }

  /** Open the view that the address names. */
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
      // From here the plane is the next stop of the Tab key.
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
    byId("progress-text").textContent = `${counts.done.toLocaleString("en")} of ${counts.total.toLocaleString("en")} faces answered`;
    byId("progress-bar").max = Math.max(1, counts.total);
    byId("progress-bar").value = counts.done;
    this.#notice(counts);
  }

  /** Say that the faces shown here are no longer those of the workspace. Nothing is reloaded under a rater's hands. */
  #notice({ catalogue, current }) {
    const words = !current
      ? "The faces of this workspace have changed, and this page still serves those from before: whoever runs it should end fertools annotate and start it again."
      : catalogue !== this.settings.catalogue
        ? "The faces of this workspace have changed: reload this page to see them. Nothing that you did is lost."
        : "";
    const notice = byId("notice");
    if (notice.textContent !== words) notice.textContent = words;
    notice.hidden = !words;
  }

  /** What this browser was told to do, such as going on by itself. */
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
      // Then it holds until the page is closed.
    }
  }

  togglePriors(shown) {
    this.choose("priors", shown);
    this.dispatchEvent(new Event("priors"));
  }

  /** Ask for a note; resolves with its text, "" to take it off, or null if nothing is to change. */
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
      const act = await this.ledger.undo();
      if (act) await this.#tellAndReveal("Undone", act);
    } catch (error) {
      tell(error.message);
    }
  }

  async redo() {
    const act = this.ledger.redo();
    if (act) await this.#tellAndReveal("Done again", act);
  }

  async #tellAndReveal(words, act) {
    tell(`${words}: ${{ rate: "a rating", emotion: "an expression", flag: "a flag", take: "a trace" }[act.kind] ?? "an act"}`);
    const wanted = act.items[0]?.startsWith("source:") ? "videos" : "faces";
    if (location.pathname.split("/")[1] !== wanted) {
      history.pushState(null, "", `/${wanted}`);
      await this.show();
    }
    await this.view?.reveal(act);
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
    if (name === "waiting") sentences.push(`${changes(count)} not saved yet: ${trouble}. ${stored ? "They are kept in this browser and sent when that is over." : "Keep this tab open until they are sent."}`);
    if (trouble && trouble.startsWith("another workspace")) sentences.push("Reload this page to rate that one.");
    if (kept.refused) sentences.push(`${changes(kept.refused)} refused: ${kept.why}. They are kept in this browser.`);
    if (kept.elsewhere) sentences.push(`${changes(kept.elsewhere)} for another workspace ${kept.elsewhere === 1 ? "is" : "are"} kept in this browser, and sent when it is served at this address again.`);
    if (kept.locked) sentences.push(`${changes(kept.locked)} of ${kept.others.join(", ")} ${kept.locked === 1 ? "is" : "are"} kept in this browser, and sent when that rater is back.`);
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
    // A key that is held down acts once, except to move a point: a minute of Enter would rate a hundred faces.
    if (event.repeat && !event.key.startsWith("Arrow")) return event.preventDefault();
    // A focused button or link answers to space and enter itself.
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
