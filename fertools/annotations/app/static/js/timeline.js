// The trace so far, as two lines over the duration of the video; a click seeks.

import { h } from "./dom.js";

export class Timeline extends EventTarget {
  #trace = { frames: [], valence: [], arousal: [] };
  #times_s = [];
  #at_s = 0;
  #take = null;

  constructor() {
    super();
    this.element = h("canvas", { class: "timeline", role: "img", "aria-label": "Trace so far" });
    this.element.addEventListener("pointerdown", (event) => {
      const box = this.element.getBoundingClientRect();
      this.dispatchEvent(new CustomEvent("seek", { detail: ((event.clientX - box.left) / box.width) * this.#length }));
    });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  get #length() {
    return Math.max(this.#times_s.at(-1) ?? 0, 1e-3);
  }

  set(trace, times_s) {
    [this.#trace, this.#times_s, this.#take] = [trace, times_s, null];
    const share = times_s.length ? Math.round((100 * trace.frames.length) / times_s.length) : 0;
    this.element.setAttribute("aria-label", `Trace so far: ${share} percent of the frames`);
    this.draw();
  }

  /** Draw a take during its recording, over the older trace. */
  set take(recorder) {
    this.#take = recorder;
  }

  set at_s(value) {
    this.#at_s = value;
    this.draw();
  }

  draw() {
    const canvas = this.element;
    const [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, devicePixelRatio || 1];
    if (!width) return;
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    const colour = (name) => resolve(canvas, name);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const x = (frame) => 4 + ((width - 8) * (this.#times_s[frame] ?? 0)) / this.#length;
    const y = (value) => height / 2 - value * (height / 2 - 7);
    context.strokeStyle = colour("--line");
    line(context, [[0, height / 2], [width, height / 2]], []);
    for (const [axis, dash] of [["valence", []], ["arousal", [6, 4]]]) {
      context.strokeStyle = colour(`--${axis}`);
      context.lineWidth = 2;
      for (const piece of this.#pieces(axis)) line(context, piece.map(([frame, value]) => [x(frame), y(value)]), dash);
    }
    context.strokeStyle = colour("--ink");
    context.lineWidth = 1.5;
    const now = 4 + ((width - 8) * this.#at_s) / this.#length;
    line(context, [[now, 2], [now, height - 2]], []);
  }

  // The line is broken if half a second has no value, so that gaps are visible.
  *#pieces(axis) {
    let piece = [];
    for (const [frame, value] of this.#values(axis)) {
      if (piece.length && this.#times_s[frame] - this.#times_s[piece.at(-1)[0]] > 0.5) {
        yield piece;
        piece = [];
      }
      piece.push([frame, value]);
    }
    if (piece.length) yield piece;
  }

  *#values(axis) {
    const taken = this.#take && [axis, "both"].includes(this.#take.axis) ? this.#take.samples : [];
    const old = this.#trace.frames.map((frame, i) => [frame, this.#trace[axis][i]]).filter(([, value]) => value !== null);
    if (!taken.length) return yield* old;
    const [first, last] = [taken[0][0], taken.at(-1)[0]];
    yield* old.filter(([frame]) => frame < first);
    for (const sample of taken) yield [sample[0], sample[axis === "valence" ? 3 : 4]];
    yield* old.filter(([frame]) => frame > last);
  }
}

function line(context, points, dash) {
  context.setLineDash(dash);
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
}

// A canvas does not support light-dark(), but the computed colour of an element does.
const probes = new WeakMap();
function resolve(canvas, name) {
  if (!probes.has(canvas)) {
    const probe = h("span", { hidden: true });
    canvas.after(probe);
    probes.set(canvas, probe);
  }
  const probe = probes.get(canvas);
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}
