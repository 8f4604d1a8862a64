// The view that shows faces one after the other to be rated.

import { get } from "./api.js";
import { Calibration, compare } from "./calibration.js";
import { byTouch, h, signed, tell } from "./dom.js";
import { PAGE } from "./items.js";
import { Pause } from "./pause.js";
import { EXPLAIN, Plane, nudged } from "./plane.js";
import { Says } from "./says.js";
import { Tray } from "./tray.js";

const LEAST_LOOK_MS = 500; // how long a face is shown before its suggestion can be accepted
export const FLAGS = { unsure: ["Unsure", "U"], no_face: ["No face", "N"], bad_crop: ["Bad crop", "B"], note: ["Note", "F"] };

export class FacesView {
  #items = [];
  #start = 0;
  #item = null;
  #run = [];
  #shown = new Set();
  #pending = null;
  #warning = null;
  #pause = new Pause();
  #calibration;
  #seen_ms = null;
  #accepting = null;
  #key = null;

  constructor(app) {
    this.app = app;
    this.plane = new Plane();
    this.says = new Says();
    this.#calibration = new Calibration(app);
    this.#build();
    this.plane.addEventListener("choose", ({ detail }) => this.#rate(detail.point));
    this.plane.addEventListener("fault", ({ detail }) => this.says.warn(detail));
    app.items.addEventListener("change", () => this.#draw());
    app.addEventListener("priors", () => this.#drawPriors());
    this.#drawPriors();
  }

  static keys = [
    ["Arrows", "Move the point on the plane; Shift makes small steps"],
    ["Enter", "Save the point, accept the suggestion, keep a rating despite a warning, or continue"],
    ["Space", "Next open face"],
    ["Backspace", "Previous face"],
    ["1 – 9", "Choose the expression; press again to confirm it"],
    ["0", "Remove the expression"],
    ["U", "Unsure"],
    ["N", "No face"],
    ["B", "Bad crop"],
    ["F", "Flag with a note"],
    ["R", "Apply the rating to all near-identical frames"],
    ["P", "Show or hide the usual points"],
    ["O", "Show the surroundings of the face, or only the face"],
    ["A", "Continue automatically, or not"],
  ];

  async open(path) {
    const [part, face] = path;
    try {
      if (face) {
        const item = await this.app.items.find(face, part);
        await this.#goTo(item);
      } else {
        const item = await this.app.items.next(-1);
        if (item) await this.#goTo(item);
        else {
          await this.#loadPage(0);
          await this.#goTo(this.#items[0]);
          this.says.feedback("All faces are rated. Thank you!", () => {});
        }
      }
    } catch (error) {
      this.says.warn(`This face cannot be shown: ${error.message}`);
    }
  }

  #build() {
    const tasks = this.app.settings.tasks;
    this.tray = new Tray(this.app.items, { go: (item) => this.#goTo(item), turn: (pages) => this.#turn(pages), next: () => this.#next() });
    this.image = h("img", { alt: "The face to rate", draggable: "false", onload: () => (this.#seen_ms = performance.now()), onerror: () => this.#narrow() });
    this.wider = h("button", { type: "button", "aria-pressed": "false", "aria-keyshortcuts": "O", onclick: () => this.#widen() }, "Surroundings ", h("kbd", {}, "O"));
    this.about = h("p", { class: "small muted" });
    this.runButton = h("button", { type: "button", hidden: true, "aria-keyshortcuts": "R", onclick: () => this.#applyRun() });
    this.emotions = new Map(
      this.app.settings.emotions.slice(0, 9).map((emotion, i) => [
        emotion,
        h("button", { type: "button", "aria-pressed": "false", "aria-keyshortcuts": String(i + 1), onclick: () => this.#toggle(emotion) }, h("kbd", {}, String(i + 1)), emotion),
      ]),
    );
    this.flags = new Map(
      Object.entries(FLAGS).map(([flag, [words, key]]) => [
        flag,
        h("button", { type: "button", "aria-pressed": "false", "aria-keyshortcuts": key, onclick: () => this.#flag(flag) }, h("kbd", {}, key), words),
      ]),
    );
    this.byItself = h("input", { type: "checkbox", checked: this.app.choice("advance", true), onchange: () => this.app.choose("advance", this.byItself.checked) });
    this.priors = h("input", { type: "checkbox", checked: this.app.choice("priors", false), onchange: () => this.app.togglePriors(this.priors.checked) });
    const rating = tasks.includes("va");
    const advance = h("label", { class: "check" }, this.byItself, "Continue automatically ", h("kbd", {}, "A"));
    // The plane comes first in the document, so the Tab key reaches it first; the style sheet shows the face first.
    this.element = h(
      "div",
      { class: rating ? "view faces" : "view faces named" },
      rating
        ? h(
            "section",
            { class: "panel question", "aria-label": "Valence and arousal" },
            this.plane.element,
            h("p", { class: "explain small muted" }, EXPLAIN),
            this.says.element,
            h("div", { class: "row apart small" }, advance, h("label", { class: "check" }, this.priors, "Usual points ", h("kbd", {}, "P"))),
          )
        : null,
      h(
        "section",
        { class: "panel subject", "aria-label": "Face" },
        h("div", { class: "row apart" }, this.about, h("div", { class: "row" }, this.wider, this.runButton)),
        h("div", { class: "portrait" }, this.image),
        tasks.includes("emotion") ? h("div", { class: "choices", role: "group", "aria-label": "Expression" }, ...this.emotions.values()) : h("div", { hidden: true }),
        h("div", { class: "choices marks", role: "group", "aria-label": "Flags of this picture" }, ...this.flags.values()),
        rating ? null : h("div", { class: "row apart small" }, this.says.element, advance),
      ),
      this.tray.element,
    );
  }

  async #loadPage(place) {
    const { start, items } = await this.app.items.page(place);
    [this.#start, this.#items] = [start, items];
    this.app.items.prefetch(start + PAGE);
  }

  async #goTo(item) {
    if (item) await this.#pause.move(() => this.#bring(item));
    this.#pause.replay((event) => this.key(event));
  }

  async #bring(item) {
    await this.#keepPending();
    if (item.place !== null && !this.#items.includes(item)) await this.#loadPage(item.place);
    this.#item = item;
    this.#run = [];
    this.#warning = null;
    this.plane.setReference(null);
    this.plane.setPending(null);
    this.plane.reset();
    clearTimeout(this.#accepting);
    this.#seen_ms = null;
    this.wider.setAttribute("aria-pressed", "false");
    this.image.src = `/face/${item.face}`;
    this.image.alt = `Face ${item.place === null ? "" : item.place + 1} to rate`;
    this.app.go(`/faces/${item.part}/${item.face}`, { replace: true });
    this.#guide();
    if (!this.#shown.has(item)) {
      this.#shown.add(item);
      this.app.ledger.do("shown", { faces: [item.face], part: item.part, suggestion: item.suggestion, hidden: item.hidden });
    }
    this.#draw();
    this.#findRun(item);
  }

  #hint() {
    if (this.#item.part === "calibration") return "Calibration: rate this face. Afterwards you see its known rating.";
    if (this.app.settings.tasks.includes("va")) return "Click on the plane where this face belongs.";
    return "Choose the expression of this face.";
  }

  /** Show what to do: accept or ignore a suggestion, or rate. */
  #guide() {
    const suggestion = this.#suggestion();
    if (!suggestion) return this.says.hint(this.#hint());
    const origin = suggestion.origin === this.app.settings.prior ? "the prior for the face's label" : suggestion.origin;
    this.says.suggest(`Suggested by ${origin}. Click elsewhere to rate differently.`, () => this.#accept());
  }

  async #findRun(item) {
    try {
      const { faces } = await get("/api/run", { face: item.face });
      if (this.#item !== item) return;
      this.#run = faces.filter((face) => face !== item.face);
    } catch {
      this.#run = [];
    }
    this.#drawRun();
  }

  #suggestion() {
    const { suggestion, hidden } = this.#item;
    return suggestion && !hidden && this.app.items.answer(this.#item).valence === null ? suggestion : null;
  }

  #draw() {
    if (!this.#item) return;
    const answer = this.app.items.answer(this.#item);
    this.plane.setAnswer(answer.valence === null ? null : [answer.valence, answer.arousal]);
    const suggestion = this.#suggestion();
    this.plane.setSuggestion(suggestion && [suggestion.valence, suggestion.arousal]);
    for (const [emotion, button] of this.emotions) button.setAttribute("aria-pressed", String(answer.emotion === emotion));
    for (const [flag, button] of this.flags) button.setAttribute("aria-pressed", String(answer.flags.has(flag)));
    this.flags.get("note").title = answer.note ?? "";
    const { part, place } = this.#item;
    const counts = this.app.counts;
    const parts = { calibration: `Calibration ${place + 1} of ${counts.calibration}`, main: "", repeat: "" };
    this.about.textContent = place === null ? "Not in your queue" : parts[part] || `Face ${place + 1} of ${counts.total}`;
    this.tray.draw(this.#items, this.#start, this.#item, counts.total);
    this.#drawRun();
  }

  #drawRun() {
    const answered = this.#item && this.app.items.answer(this.#item);
    const ready = answered && (answered.valence !== null || answered.emotion !== null);
    this.runButton.hidden = !this.#run.length;
    this.runButton.disabled = !ready;
    this.runButton.replaceChildren(`Same for ${this.#run.length} near-identical `, h("kbd", {}, "R"));
    this.runButton.title = ready ? "" : "Rate this face first";
  }

  /** Show the surroundings of the face in its picture, or only the face. */
  #widen() {
    if (!this.#item) return;
    const wide = this.wider.getAttribute("aria-pressed") !== "true";
    this.wider.setAttribute("aria-pressed", String(wide));
    this.image.src = `/${wide ? "surroundings" : "face"}/${this.#item.face}`;
    tell(wide ? "The surroundings of the face" : "The face");
  }

  /** Show only the face, because its surroundings cannot be read. */
  #narrow() {
    if (this.wider.getAttribute("aria-pressed") !== "true") return;
    this.#widen();
    this.says.hint("The picture or video of this face cannot be read, so only the face is shown.");
  }

  #drawPriors() {
    const shown = this.app.choice("priors", false);
    this.priors.checked = shown;
    this.plane.setPriors(shown ? this.app.settings.points : null);
  }

  #rate(point, accepted = false) {
    if (!this.#item || !this.app.settings.tasks.includes("va")) return;
    this.#pending = null;
    this.plane.setPending(null);
    this.#warning = null;
    const [valence, arousal] = point;
    const { face, part } = this.#item;
    const id = this.app.ledger.do("rate", { faces: [face], part, valence, arousal, accepted });
    tell(`Valence ${signed(valence)}, arousal ${signed(arousal)}${accepted ? ", as suggested" : ""}`);
    this.#after(id);
  }

  #name(emotion) {
    if (!this.#item || !this.app.settings.tasks.includes("emotion")) return;
    const { face, part } = this.#item;
    if (this.app.items.answer(this.#item).emotion === emotion) return;
    const id = this.app.ledger.do("emotion", { faces: [face], part, emotion });
    tell(emotion ?? "No expression");
    if (emotion) this.#after(id);
    else this.#guide();
  }

  /** A click on the chosen expression removes it, but the second click of a double click does not. */
  #toggle(emotion) {
    const named = this.#item && this.app.items.answer(this.#item).emotion === emotion;
    if (named && this.#pause.on) return;
    this.#name(named ? null : emotion);
  }

  /** A digit chooses the expression, or confirms the chosen one. */
  #nameByKey(emotion) {
    if (!emotion || this.app.items.answer(this.#item).emotion !== emotion) return emotion && this.#name(emotion);
    tell(`${emotion}, as before`);
    if (this.app.items.isDone(this.#item)) this.#advance();
  }

  /** Accept the suggestion, but only after its face was visible for a moment. */
  #accept() {
    clearTimeout(this.#accepting);
    const suggestion = this.#suggestion();
    if (!suggestion || this.#pause.on) return;
    const left_ms = this.#seen_ms === null ? LEAST_LOOK_MS : this.#seen_ms + LEAST_LOOK_MS - performance.now();
    if (left_ms > 0) this.#accepting = setTimeout(() => this.#accept(), left_ms);
    else this.#rate([suggestion.valence, suggestion.arousal], true);
  }

  async #flag(flag) {
    if (!this.#item) return;
    const { face, part } = this.#item;
    const answer = this.app.items.answer(this.#item);
    const on = !answer.flags.has(flag);
    const body = { faces: [face], part, flag, on };
    if (flag === "note") {
      const note = await this.app.askNote(answer.note ?? "");
      if (note === null) return;
      Object.assign(body, { note, on: Boolean(note) });
      if (!note && !answer.flags.has("note")) return;
    }
    const id = this.app.ledger.do("flag", body);
    tell(`${FLAGS[flag][0]}: ${body.on ? "on" : "off"}`);
    if (body.on && flag !== "note") this.#after(id);
  }

  #applyRun() {
    if (!this.#run.length || this.runButton.disabled) return;
    const answer = this.app.items.answer(this.#item);
    const { face, part } = this.#item;
    // The first face is the one that the rater looked at; the log identifies it by its position.
    const faces = [face, ...this.#run];
    if (answer.valence !== null) this.app.ledger.do("rate", { faces, part, valence: answer.valence, arousal: answer.arousal, accepted: answer.accepted });
    if (answer.emotion !== null) this.app.ledger.do("emotion", { faces, part, emotion: answer.emotion });
    this.says.hint(`Applied to ${this.#run.length} near-identical frames. ${byTouch ? "Undo" : "Z"} undoes it.`);
    tell(`Applied to ${this.#run.length} near-identical frames`);
    this.#advance();
  }

  /** After a change: warn, give feedback, or continue. */
  async #after(id) {
    this.#pause.stop();
    clearTimeout(this.#accepting);
    const item = this.#item;
    const answer = this.app.items.answer(item);
    if (this.#isOutside(item, answer)) return;
    if (!this.app.items.isDone(item)) {
      this.says.hint(answer.emotion === null && this.app.settings.tasks.includes("emotion") ? "Now choose the expression." : "Now click on the plane.");
      return;
    }
    if (item.part === "calibration" && (await this.#giveFeedback(item, id))) return;
    this.#advance();
  }

  #isOutside(item, answer) {
    const named = this.app.settings.tasks.includes("emotion");
    const expression = named ? answer.emotion : item.usual;
    const usual = this.app.settings.points[expression];
    if (!usual || this.app.settings.usual_radius === null || answer.valence === null || item.part === "calibration") return false;
    const distance = Math.hypot(answer.valence - usual.valence, answer.arousal - usual.arousal);
    if (distance <= this.app.settings.usual_radius) return false;
    const { face, part } = item;
    this.#warning = this.app.ledger.do("warning", { warning: "outside", faces: [face], part, emotion: expression, distance: Math.round(distance * 1000) / 1000 });
    // The label of the face is not shown, because it would answer the next question.
    const usualPoint = named ? `the usual point of ${expression}` : "the usual point for this face's label";
    this.says.warn(`This is far from ${usualPoint}. It is saved; click again if you meant another point.`, () => this.#keepWarned());
    return true;
  }

  #keepWarned() {
    if (!this.#warning) return;
    this.app.ledger.do("override", { target: this.#warning });
    this.#warning = null;
    if (this.app.items.isDone(this.#item)) this.#advance();
    else this.says.hint("Saved.");
  }

  /** Show the known rating of a calibration face; returns false if there is nothing to show. */
  async #giveFeedback(item, id) {
    const current = () => this.#item === item;
    const goOn = () => this.#next();
    const unreachable = () => current() && this.says.feedback("The known rating cannot be shown, because the server cannot be reached. Your rating is kept. The known rating is shown when the server is back.", goOn);
    const reference = await this.#calibration.reference(item, id, unreachable);
    // If another face is shown by now, there is nothing left to do.
    if (!current()) return true;
    if (reference === null) return false;
    if (reference === undefined) return true;
    if (reference.valence !== null) this.plane.setReference([reference.valence, reference.arousal], "known");
    this.says.feedback(compare(reference, this.app.items.answer(item)), goOn);
    return true;
  }

  #advance() {
    const key = this.#key;
    if (this.byItself.checked) this.#pause.begin(() => this.#next(), key);
    else this.says.hint(byTouch ? "Saved. Tap Next open face to continue." : "Saved. Press Space to continue.");
  }

  async #next() {
    if (this.#pause.moving) return;
    let found = null;
    await this.#pause.move(async () => {
      found = await this.#findNext();
      if (found) await this.#bring(found);
    });
    if (!found) this.#pause.cancel();
    this.#pause.replay((event) => this.key(event));
  }

  async #findNext() {
    await this.#keepPending();
    const after = this.#item?.place ?? -1;
    try {
      const item = await this.app.items.next(after);
      if (!item) this.says.feedback("All faces are rated. Thank you!", () => {});
      return item;
    } catch {
      // Without network, the rest of this page is still available.
      const rest = this.#items.find((item) => item.place > after) ?? null;
      if (!rest) this.says.warn("The next faces cannot be loaded without the server. Your changes are kept in this browser and sent when the server is back.");
      return rest;
    }
  }

  async #previous() {
    this.#pause.cancel();
    const place = this.#item?.place;
    if (place === null || place === undefined || place < 1) return;
    await this.#step(place - 1);
  }

  async #turn(pages) {
    const place = this.#start + pages * PAGE;
    if (place >= 0 && place < this.app.counts.total) await this.#step(place);
  }

  async #step(place) {
    try {
      await this.#loadPage(place);
      await this.#goTo(this.#items.find((item) => item.place === place));
    } catch (error) {
      this.says.warn(`These faces cannot be loaded: ${error.message}`);
    }
  }

  async #keepPending() {
    if (!this.#pending) return;
    const [valence, arousal] = this.#pending;
    this.#pending = null;
    this.plane.setPending(null);
    this.app.ledger.do("rate", { faces: [this.#item.face], part: this.#item.part, valence, arousal, accepted: false });
  }

  #enter() {
    if (this.#pending) this.#rate(this.#pending);
    else if (this.#warning) this.#keepWarned();
    else if (this.says.kind === "feedback") this.#next();
    else if (this.#suggestion()) this.#accept();
    else this.#next();
  }

  /** After undo or redo: show the changed face. */
  async reveal(entry) {
    this.#pause.cancel();
    clearTimeout(this.#accepting);
    const [, part, face] = (entry.items[0] ?? "").split(":");
    if (!face || (this.#item?.face === face && this.#item.part === part)) return this.#guide();
    try {
      await this.#goTo(await this.app.items.find(face, part));
    } catch {
      this.says.warn("The changed face cannot be shown without the server.");
    }
  }

  key(event) {
    const action = this.#actionOf(event);
    if (!action) return false;
    const { during, does } = action;
    if (this.#pause.on && !during) this.#pause.keep(event);
    else {
      this.#key = event.key.toLowerCase();
      does();
      this.#key = null;
    }
    return true;
  }

  /** Return the action of a key, and whether it is allowed in the pause before the next face; null without an action. */
  #actionOf({ key, shiftKey, target }) {
    if (key.startsWith("Arrow") && target?.closest?.(".thumbs")) return { during: true, does: () => this.tray.walk(key) };
    const from = () => this.#pending ?? this.plane.answer;
    if (this.app.settings.tasks.includes("va") && nudged([0, 0], key, shiftKey)) return { does: () => this.#move(nudged(from(), key, shiftKey)) };
    if (/^[1-9]$/.test(key)) return { does: () => this.#nameByKey(this.app.settings.emotions[Number(key) - 1]) };
    const actions = {
      0: { does: () => this.#item && this.app.items.answer(this.#item).emotion && this.#name(null) },
      // In the pause, Enter is the second press of the one that gave the answer.
      Enter: { during: true, does: () => this.#pause.on || this.#enter() },
      " ": { during: true, does: () => this.#next() },
      Backspace: { during: true, does: () => this.#previous() },
      u: { does: () => this.#flag("unsure") },
      n: { does: () => this.#flag("no_face") },
      b: { does: () => this.#flag("bad_crop") },
      f: { does: () => this.#flag("note") },
      r: { does: () => this.#applyRun() },
      o: { does: () => this.#widen() },
      p: { during: true, does: () => this.app.togglePriors(!this.priors.checked) },
      a: { during: true, does: () => this.byItself.click() },
    };
    return actions[key.length === 1 ? key.toLowerCase() : key] ?? null;
  }

  #move(point) {
    clearTimeout(this.#accepting);
    this.#pending = point;
    this.plane.setPending(point);
    tell(`Valence ${signed(point[0])}, arousal ${signed(point[1])}; press Enter to save it`);
  }

  close() {
    this.#pause.cancel();
    clearTimeout(this.#accepting);
    this.#keepPending();
  }
}
