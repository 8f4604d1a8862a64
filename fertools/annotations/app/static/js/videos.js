// The view for tracing videos: while a video plays, the pointer on the plane is recorded.

import { get } from "./api.js";
import { byTouch, clock, h, tell } from "./dom.js";
import { mergeTake } from "./replay.js";
import { EXPLAIN, Plane, nudged } from "./plane.js";
import { Recorder, Shown } from "./recorder.js";
import { Says } from "./says.js";
import { Timeline } from "./timeline.js";
import { scrollWithin } from "./tray.js";

const COUNTDOWN = 3;
const BACK_S = 5;
const HELD_PER_S = 1.2; // distance that a held arrow key moves the point per second

export class VideosView {
  #videos = [];
  #current = null;
  #info = null;
  #shown = null;
  #recorder = null;
  #counting = null;
  #frozenWarning = null;
  #held = new Set();
  #keyPoint = null;
  #loop = null;
  #last_ms = 0;

  constructor(app) {
    this.app = app;
    this.plane = new Plane();
    this.says = new Says();
    this.timeline = new Timeline();
    this.#build();
    this.timeline.addEventListener("seek", ({ detail }) => this.#seek(detail));
    app.addEventListener("priors", () => this.#drawPriors());
    this.#drawPriors();
    document.addEventListener("visibilitychange", () => document.hidden && this.#stop());
    addEventListener("keyup", (event) => this.#held.delete(event.key));
    addEventListener("pagehide", () => this.#recorder?.flush());
  }

  static keys = [
    ["Space", "Start or stop recording"],
    ["Enter", "Keep a take despite a warning; next open video"],
    ["Backspace", "Back five seconds"],
    ["Arrows", "Move the point while the key is held down"],
    [", .", "Previous or next frame"],
    ["V", "Watch without recording"],
    ["1 2 3", "Speed 0.5, 1, 2"],
    ["X", "Both axes, only valence, or only arousal"],
    ["F", "Flag with a note"],
    ["P", "Show or hide the usual points"],
  ];

  #build() {
    this.video = h("video", { playsinline: true, preload: "auto", "aria-label": "The video to trace" });
    this.over = h("div", { class: "over", hidden: true, role: "status" });
    this.badge = h("div", { class: "recording", hidden: true }, "Recording");
    this.time = h("span", { class: "number small" });
    this.seek = h("input", { class: "seek", type: "range", min: "0", max: "1", step: "0.01", value: "0", "aria-label": "Position in the video", oninput: () => this.#seek(Number(this.seek.value)) });
    this.recordButton = h("button", { type: "button", class: "primary", "aria-keyshortcuts": "Space", onclick: () => this.#toggle() });
    const select = (words, choices, change) =>
      h("label", { class: "check" }, words, h("select", { onchange: ({ target }) => change(target.value) }, ...choices.map(([value, name]) => h("option", { value }, name))));
    this.speed = select("Speed", [["1", "1"], ["0.5", "0.5"], ["2", "2"]], (value) => this.#setSpeed(Number(value)));
    this.axis = select("Axis", [["both", "both"], ["valence", "valence"], ["arousal", "arousal"]], (value) => this.#setAxis(value));
    this.priors = h("input", { type: "checkbox", onchange: () => this.app.togglePriors(this.priors.checked) });
    this.list = h("div", { class: "list", role: "group", "aria-label": "Videos" });
    this.screen = h("div", { class: "screen" }, this.video, this.over, this.badge);
    this.noteButton = h("button", { type: "button", "aria-keyshortcuts": "F", onclick: () => this.#note() }, h("kbd", {}, "F"), "Note");
    this.element = h(
      "div",
      { class: "view videos" },
      h("p", { class: "card narrow", role: "note" }, "Tracing needs a wider screen, because it shows the video and the plane side by side. Open this page on a tablet or a computer. You can rate faces here."),
      h(
        "section",
        { class: "panel question", "aria-label": "Valence and arousal" },
        this.plane.element,
        h("p", { class: "explain small muted" }, EXPLAIN),
        this.says.element,
        h("div", { class: "row apart small" }, h("span", { class: "muted" }, "Only you see your trace."), h("label", { class: "check" }, this.priors, "Usual points ", h("kbd", {}, "P"))),
      ),
      h(
        "section",
        { class: "panel stage", "aria-label": "Video" },
        this.screen,
        h(
          "div",
          { class: "row" },
          this.recordButton,
          h("button", { type: "button", "aria-keyshortcuts": "Backspace", onclick: () => this.#back() }, "Back 5 s"),
          h("button", { type: "button", "aria-keyshortcuts": "V", onclick: () => this.#watch() }, h("kbd", {}, "V"), "Watch"),
          this.noteButton,
        ),
        h("div", { class: "row apart" }, this.speed, this.axis, this.time),
        h("div", {}, this.seek, this.timeline.element, h("div", { class: "legend" }, h("span", {}, "valence"), h("span", { class: "arousal" }, "arousal"))),
      ),
      h("section", { class: "panel tray", "aria-label": "Queue" }, h("h2", {}, "Videos"), this.list, h("button", { type: "button", onclick: () => this.#nextVideo() }, "Next open video")),
    );
    this.video.addEventListener("ended", () => this.#stop());
    this.video.addEventListener("error", () => this.#cannotPlay());
    this.#drawRecord();
  }

  async open([source]) {
    try {
      ({ videos: this.#videos } = await get("/api/videos", { rater: this.app.rater }));
    } catch (error) {
      return this.says.warn(`The videos cannot be listed: ${error.message}`);
    }
    this.#drawList();
    const wanted = source ?? this.#current ?? this.#videos.find((video) => !video.done)?.source ?? this.#videos[0]?.source;
    if (!wanted) return this.says.hint("This workspace has no video with faces.");
    if (wanted !== this.#current) await this.#load(wanted);
    this.#loop ??= requestAnimationFrame((now_ms) => this.#tick(now_ms));
  }

  async #load(source, copy = false) {
    this.#stop();
    this.#current = source;
    this.#info = null;
    this.#frozenWarning = null;
    this.#keyPoint = null;
    this.plane.setPending(null);
    this.plane.setTrail([]);
    this.#drawList();
    this.app.go(`/videos/${source}`, { replace: true });
    this.#say("Loading…");
    for (let wait_ms = 300; this.#current === source; wait_ms = Math.min(2 * wait_ms, 3000)) {
      let info;
      try {
        info = await get("/api/video", { rater: this.app.rater, source, copy: copy ? 1 : 0 });
      } catch (error) {
        return this.#say(`This video cannot be loaded: ${error.message}`);
      }
      if (this.#current !== source) return;
      if (info.state === "failed") return this.#say(info.error);
      if (info.state === "ready") return this.#play(info, copy);
      const share = info.share === null ? "" : ` (${Math.round(100 * info.share)} %)`;
      this.#say(`Browsers cannot play this file. A playable copy is being made${share}…`);
      await new Promise((resolve) => setTimeout(resolve, wait_ms));
    }
  }

  #play(info, copy) {
    if (!copy && !info.url.endsWith("copy=1") && this.video.canPlayType(info.type === "video/mp4" ? 'video/mp4; codecs="avc1.42E01E"' : info.type) === "") {
      return this.#load(info.source, true);
    }
    this.#info = info;
    this.video.src = info.url;
    this.#shown?.stop();
    this.#shown = new Shown(this.video, info.times_s);
    this.video.playbackRate = Number(this.speed.querySelector("select").value);
    this.seek.max = String(info.times_s.at(-1) ?? 1);
    this.timeline.set(info.trace, info.times_s);
    this.#say("");
    this.says.hint(byTouch ? "Tap Record, then keep a finger on the plane. Recording starts after a countdown." : "Press Space, then keep the pointer on the plane. Recording starts after a countdown.");
    this.app.ledger.do("shown", { source: info.source, suggestion: null, hidden: false });
  }

  #cannotPlay() {
    if (!this.#info || !this.video.getAttribute("src")) return;
    if (this.#info.url.endsWith("copy=1")) this.#say("The browser can play neither this video nor its copy.");
    else this.#load(this.#current, true);
  }

  #say(words) {
    this.over.hidden = !words;
    this.over.classList.toggle("words", words.length > 2);
    this.over.textContent = words;
  }

  #toggle() {
    if (this.#recorder || this.#counting) this.#stop();
    else this.#countDown(COUNTDOWN);
  }

  #countDown(left) {
    if (!this.#info) return;
    this.video.pause();
    if (this.video.ended || this.video.currentTime >= (this.#info.times_s.at(-1) ?? 0)) this.video.currentTime = 0;
    if (left === 0) return this.#record();
    this.#say(String(left));
    tell(String(left));
    this.#counting = setTimeout(() => this.#countDown(left - 1), 700);
    this.#drawRecord();
  }

  async #record() {
    this.#counting = null;
    this.#say("");
    this.#recorder = new Recorder(this.app.ledger, this.#current, this.axis.querySelector("select").value, this.video.playbackRate);
    this.#recorder.addEventListener("still", () => {
      this.app.ledger.do("warning", { warning: "still", source: this.#current, media_s: this.#shown.media_s });
      this.says.warn("The pointer has not moved for five seconds. Recording continues.");
    });
    this.badge.hidden = false;
    this.timeline.take = this.#recorder;
    this.says.hint("Follow the expression with the pointer.");
    this.#drawRecord();
    try {
      await this.video.play();
    } catch {
      this.#stop();
    }
  }

  #stop() {
    clearTimeout(this.#counting);
    if (this.#counting) this.#say("");
    this.#counting = null;
    this.video.pause();
    const recorder = this.#recorder;
    this.#recorder = null;
    this.badge.hidden = true;
    this.plane.setDot(null);
    this.timeline.take = null;
    if (recorder?.take) this.#finish(recorder);
    this.#drawRecord();
  }

  #finish(recorder) {
    recorder.flush();
    this.#info.trace = mergeTake(this.#info.trace, recorder);
    this.timeline.set(this.#info.trace, this.#info.times_s);
    const video = this.#videos.find((one) => one.source === this.#current);
    const { frames, valence, arousal } = this.#info.trace;
    const both = frames.filter((frame, i) => valence[i] !== null && arousal[i] !== null);
    const covered = both.length && video?.frames ? (both.at(-1) - both[0] + 1) / video.frames : 0;
    Object.assign(video ?? {}, { covered, done: covered >= this.app.settings.covered });
    this.#drawList();
    if (recorder.frozen) {
      this.#frozenWarning = this.app.ledger.do("warning", { warning: "frozen", source: this.#current, take: recorder.take });
      this.says.warn("The pointer did not move in this take. Do you want to keep it?", () => this.#keepWarned());
    } else {
      this.says.hint("Saved. You can go back and record a part again; the newer recording counts.");
    }
  }

  #keepWarned() {
    if (this.#frozenWarning) this.app.ledger.do("override", { target: this.#frozenWarning });
    this.#frozenWarning = null;
    this.says.hint("Saved.");
  }

  async #watch() {
    if (this.#recorder || this.#counting) this.#stop();
    if (!this.#info) return;
    if (this.video.paused) await this.video.play().catch(() => {});
    else this.video.pause();
  }

  #back() {
    const recording = this.#recorder !== null;
    this.#stop();
    this.#seek(this.video.currentTime - BACK_S);
    if (recording) this.says.hint(`Back five seconds. ${byTouch ? "Tap Record" : "Press Space"} to record this part again.`);
  }

  #seek(time_s) {
    if (!this.#info || this.#recorder) return;
    this.video.currentTime = Math.max(0, Math.min(time_s, this.#info.times_s.at(-1) ?? 0));
  }

  #stepFrame(step) {
    if (!this.#info || this.#recorder) return;
    this.video.pause();
    const frame = Math.max(0, Math.min((this.#shown.frame ?? 0) + step, this.#info.times_s.length - 1));
    // Slightly past its time, because players round down.
    this.#seek(this.#info.times_s[frame] + 0.001);
  }

  #setSpeed(speed) {
    this.#stop();
    this.speed.querySelector("select").value = String(speed);
    this.video.playbackRate = speed;
    tell(`Speed ${speed}`);
  }

  #setAxis(axis) {
    this.#stop();
    this.axis.querySelector("select").value = axis;
    this.plane.axis = axis;
    tell(axis === "both" ? "Both axes" : `Only ${axis}`);
  }

  #tick(now_ms) {
    this.#loop = requestAnimationFrame((next_ms) => this.#tick(next_ms));
    const passed_s = Math.min(0.1, (now_ms - this.#last_ms) / 1000);
    this.#last_ms = now_ms;
    if (this.#held.size) this.#moveByKeys(passed_s);
    if (!this.#info) return;
    this.#shown.read();
    const at_s = this.video.currentTime;
    this.timeline.at_s = at_s;
    if (document.activeElement !== this.seek) this.seek.value = String(at_s);
    this.time.textContent = `${clock(at_s)} / ${clock(this.#info.times_s.at(-1) ?? 0)}`;
    if (!this.#recorder || this.video.paused) return;
    const point = this.plane.pointer ?? this.#keyPoint;
    if (!point && this.says.kind !== "warning") this.says.warn(byTouch ? "Nothing is recorded, because no finger is on the plane." : "Nothing is recorded, because the pointer is not on the plane.");
    if (point && this.says.kind === "warning" && this.#recorder.trail.length === 0) this.says.hint("Follow the expression with the pointer.");
    this.#recorder.sample(this.#shown, point, now_ms);
    this.plane.setDot(point);
    this.plane.setTrail(this.#recorder.trail.map(([v, a, then_ms]) => [v, a, (now_ms - then_ms) / 5000]));
  }

  #moveByKeys(passed_s) {
    const [start, way] = [this.plane.pointer ?? this.#keyPoint ?? [0, 0], HELD_PER_S * passed_s];
    const end = (value) => Math.round(Math.max(-1, Math.min(1, value)) * 1000) / 1000;
    const on = (key) => (this.#held.has(key) ? way : 0);
    this.#keyPoint = [end(start[0] + on("ArrowRight") - on("ArrowLeft")), end(start[1] + on("ArrowUp") - on("ArrowDown"))];
    this.plane.pointer = null;
    this.plane.setPending(this.#keyPoint);
  }

  #drawRecord() {
    const busy = this.#recorder || this.#counting;
    this.recordButton.replaceChildren(busy ? "Stop " : "Record ", h("kbd", {}, "Space"));
    this.recordButton.setAttribute("aria-pressed", String(Boolean(busy)));
    this.seek.disabled = Boolean(this.#recorder);
  }

  #drawList() {
    this.list.replaceChildren(
      ...this.#videos.map((video) =>
        h(
          "button",
          { type: "button", "aria-current": video.source === this.#current ? "true" : null, onclick: () => this.#load(video.source) },
          h("span", { class: "name" }, video.name),
          h("span", { class: "number small muted" }, video.done ? "\u2713 traced" : `${Math.round(100 * video.covered)} %`),
        ),
      ),
    );
    scrollWithin(this.list, this.list.querySelector("[aria-current]"));
  }

  #drawPriors() {
    const shown = this.app.choice("priors", false);
    this.priors.checked = shown;
    this.plane.setPriors(shown ? this.app.settings.points : null);
  }

  async #note() {
    this.#stop();
    const note = await this.app.askNote("");
    if (note) this.app.ledger.do("flag", { source: this.#current, flag: "note", on: true, note });
  }

  #nextVideo() {
    const place = this.#videos.findIndex((video) => video.source === this.#current);
    const order = [...this.#videos.slice(place + 1), ...this.#videos.slice(0, place)];
    const next = order.find((video) => !video.done);
    if (next) this.#load(next.source);
    else this.says.feedback("All videos are traced. Thank you!", () => {});
  }

  /** After undo or redo: reload the trace, which the server computes. */
  async reveal(entry) {
    const source = entry.items[0]?.slice("source:".length);
    await this.app.outbox.drained();
    if (source) await this.#load(source);
  }

  key(event) {
    if (nudged([0, 0], event.key, false)) {
      this.#held.add(event.key);
      return true;
    }
    const axes = ["both", "valence", "arousal"];
    const actions = {
      " ": () => this.#toggle(),
      Enter: () => (this.#frozenWarning ? this.#keepWarned() : this.#nextVideo()),
      Backspace: () => this.#back(),
      ",": () => this.#stepFrame(-1),
      ".": () => this.#stepFrame(1),
      v: () => this.#watch(),
      1: () => this.#setSpeed(0.5),
      2: () => this.#setSpeed(1),
      3: () => this.#setSpeed(2),
      x: () => this.#setAxis(axes[(axes.indexOf(this.axis.querySelector("select").value) + 1) % 3]),
      f: () => this.#note(),
      p: () => this.app.togglePriors(!this.priors.checked),
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (action && !event.repeat) action();
    return Boolean(action);
  }

  close() {
    this.#stop();
    cancelAnimationFrame(this.#loop);
    this.#loop = null;
  }
}
