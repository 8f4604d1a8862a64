// The plane of valence (to the right) and arousal (upwards): a square to click on, with number fields.
//
// The field is [-1, 1] on both axes. It has a margin of a twelfth of its width, which counts as the end of the scale. A
// hand that slides over the edge stays at the end, as with a joystick. Nothing is recorded beyond the margin.

import { h, s, signed } from "./dom.js";

export const EXPLAIN = "Valence is how pleasant the shown feeling is. Arousal is how excited or calm it is.";
const MARGIN = 1 / 6;
const VIEW = 1 + MARGIN;
const round = (value) => Math.round(value * 1000) / 1000;

export class Plane extends EventTarget {
  #svg;
  #layers = {};
  #inputs = {};
  #pointer = null;
  #typing = false;

  constructor() {
    super();
    this.#svg = s("svg", {
      viewBox: `${-VIEW} ${-VIEW} ${2 * VIEW} ${2 * VIEW}`,
      tabindex: "0",
      role: "group",
      "aria-label": "Plane of valence and arousal. Arrow keys move a point, Shift makes small steps, Enter saves it.",
    });
    this.#drawField();
    for (const name of ["prior", "suggestion", "reference", "trail", "answer", "pending", "hover", "dot"]) {
      this.#layers[name] = s("g", { class: name, "aria-hidden": "true" });
      this.#svg.append(this.#layers[name]);
    }
    this.figure = h(
      "div",
      { class: "plane" },
      h("span", { class: "end top" }, h("b", {}, "excited"), " (arousal +1)"),
      h("span", { class: "end left" }, h("b", {}, "unpleasant"), " (valence \u22121)"),
      this.#svg,
      h("span", { class: "end right" }, h("b", {}, "pleasant"), " (valence +1)"),
      h("span", { class: "end bottom" }, h("b", {}, "calm"), " (arousal \u22121)"),
    );
    this.readout = this.#makeReadout();
    this.element = h("div", { class: "plane-box" }, this.figure, this.readout);
    this.#listen();
  }

  /** The position of the pointer as [valence, arousal], or null if it is not on the plane. */
  get pointer() {
    return this.#pointer;
  }

  set pointer(point) {
    this.#pointer = point;
    this.#drawHover(point);
    this.#show(point);
  }

  set axis(axis) {
    this.figure.dataset.axis = axis;
  }

  setAnswer(point) {
    this.answer = point;
    this.#draw("answer", point, ([v, a]) => [
      s("path", { d: `M${v} ${-VIEW}V${VIEW}M${-VIEW} ${-a}H${VIEW}` }),
      s("circle", { cx: v, cy: -a, r: 0.045 }),
    ]);
    this.#show(point);
  }

  setPending(point) {
    this.pending = point;
    this.#draw("pending", point, ([v, a]) => [s("circle", { cx: v, cy: -a, r: 0.06 })]);
    this.#show(point ?? this.answer);
  }

  setSuggestion(point, words = "suggested") {
    this.#draw("suggestion", point, ([v, a]) => [
      s("circle", { cx: v, cy: -a, r: 0.075 }),
      label(v, a, words),
    ]);
  }

  setReference(point, words = "reference") {
    this.#draw("reference", point, ([v, a]) => [
      s("path", { d: `M${v} ${-a - 0.07}l.07 .07l-.07 .07l-.07 -.07z` }),
      label(v, a, words),
    ]);
  }

  setPriors(points) {
    this.#draw("prior", points, (all) => {
      // A label is on the left if it would cover a neighbour on the right.
      const crowded = (one) => Object.values(all).some((other) => other.valence > one.valence && other.valence - one.valence < 0.3 && Math.abs(other.arousal - one.arousal) < 0.09);
      return Object.entries(all).map(([name, point]) =>
        s("g", {}, s("title", {}, `${name}: ${point.source}`), s("circle", { cx: point.valence, cy: -point.arousal, r: 0.018 }), label(point.valence, point.arousal, name, 0.045, crowded(point) || point.valence > 0.55)),
      );
    });
  }

  /** Draw the last positions of the pointer: a list of [valence, arousal, age], from 0 (now) to 1 (oldest). */
  setTrail(points) {
    const pieces = [];
    for (let i = 1; i < points.length; i++) {
      const [[v0, a0], [v1, a1, age]] = [points[i - 1], points[i]];
      pieces.push(s("path", { class: "trail", d: `M${v0} ${-a0}L${v1} ${-a1}`, opacity: 1 - 0.85 * age }));
    }
    this.#layers.trail.replaceChildren(...pieces);
  }

  /** Draw the recorded point as a dot; null removes it. */
  setDot(point) {
    this.#draw("dot", point, ([v, a]) => [s("circle", { cx: v, cy: -a, r: 0.04 })]);
  }

  focus() {
    this.#svg.focus({ preventScroll: true });
  }

  #draw(layer, content, make) {
    this.#layers[layer].replaceChildren(...(content ? make(content) : []));
  }

  #drawField() {
    const lines = [-0.5, 0.5].map((at) => s("path", { class: "grid", d: `M${at} -1V1M-1 ${at}H1` }));
    const ticks = [-1, -0.5, 0.5, 1].flatMap((at) => [
      s("text", { class: "tick", x: at, y: 0.075, "text-anchor": at < -0.9 ? "start" : at > 0.9 ? "end" : "middle", dx: at < -0.9 ? 0.02 : at > 0.9 ? -0.02 : 0 }, signed(at)),
      s("text", { class: "tick", x: 0.025, y: -at + (at > 0.9 ? 0.07 : at < -0.9 ? -0.025 : 0.02) }, signed(at)),
    ]);
    this.#svg.append(
      s("rect", { class: "field", x: -1, y: -1, width: 2, height: 2 }),
      ...lines,
      s("path", { class: "axis horizontal", d: "M-1 0H1" }),
      s("path", { class: "axis vertical", d: "M0 -1V1" }),
      ...ticks.map((tick) => (tick.setAttribute("aria-hidden", "true"), tick)),
    );
  }

  #makeReadout() {
    const field = (name) => {
      const input = h("input", {
        type: "number", min: "-1", max: "1", step: "0.01", inputmode: "decimal", "aria-label": `${name}, from \u22121 to 1`,
        oninput: () => (this.#typing = true),
        onkeydown: (event) => {
          if (event.key !== "Enter" || event.repeat) return;
          event.stopPropagation();
          if (this.#typed()) this.focus();
        },
      });
      this.#inputs[name.toLowerCase()] = input;
      return h("label", {}, name, input);
    };
    // Moving between the two fields is still typing; leaving both ends it.
    const leave = (event) => this.readout.contains(event.relatedTarget) || this.#typed();
    return h("div", { class: "readout", onfocusout: leave }, field("Valence"), field("Arousal"));
  }

  /** Apply the typed values once; returns whether they are valid. */
  #typed() {
    if (!this.#typing) return true;
    const values = [this.#inputs.valence, this.#inputs.arousal].map((input) => (input.value === "" ? NaN : Number(input.value)));
    const wrong = values.findIndex((value) => Number.isFinite(value) && Math.abs(value) > 1);
    if (wrong >= 0) this.dispatchEvent(new CustomEvent("fault", { detail: `${["Valence", "Arousal"][wrong]} must be between \u22121 and 1.` }));
    if (wrong >= 0 || !values.every(Number.isFinite)) return false;
    this.#typing = false;
    this.#choose(values, "typed");
    return true;
  }

  /** Discard the typed values, for example for the next face. */
  reset() {
    this.#typing = false;
    this.#show(null);
  }

  #show(point) {
    if (this.#typing) return;
    const [valence, arousal] = point ?? this.answer ?? [null, null];
    this.#inputs.valence.value = valence === null ? "" : valence.toFixed(2);
    this.#inputs.arousal.value = arousal === null ? "" : arousal.toFixed(2);
  }

  #drawHover(point) {
    this.#draw("hover", point, ([v, a]) => [s("path", { class: "hover", d: `M${v} ${-VIEW}V${VIEW}M${-VIEW} ${-a}H${VIEW}` })]);
  }

  #at(event) {
    const box = this.#svg.getBoundingClientRect();
    const place = (at, start, size) => ((at - start) / size) * 2 * VIEW - VIEW;
    const [x, y] = [place(event.clientX, box.left, box.width), place(event.clientY, box.top, box.height)];
    if (Math.abs(x) > VIEW || Math.abs(y) > VIEW) return null;
    const end = (value) => round(Math.max(-1, Math.min(1, value)));
    return [end(x), end(-y)];
  }

  #choose(point, how) {
    this.dispatchEvent(new CustomEvent("choose", { detail: { point, how } }));
  }

  #listen() {
    const follow = (event) => (this.pointer = this.#at(event));
    this.#svg.addEventListener("pointermove", follow);
    this.#svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      // Capture the pointer, so that a finger is followed wherever it goes.
      this.#svg.setPointerCapture(event.pointerId);
      follow(event);
    });
    this.#svg.addEventListener("pointerup", (event) => {
      const point = this.#at(event);
      if (event.button === 0 && point) this.#choose(point, "pointed");
      if (event.pointerType === "touch") this.pointer = null;
    });
    for (const name of ["pointerleave", "pointercancel"]) this.#svg.addEventListener(name, () => (this.pointer = null));
  }
}

/** Return `point` moved by an arrow key, as [valence, arousal], or null for another key. */
export function nudged(point, key, small) {
  const step = small ? 0.01 : 0.05;
  const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[key];
  if (!move) return null;
  const [valence, arousal] = point ?? [0, 0];
  const end = (value) => round(Math.max(-1, Math.min(1, value)));
  return [end(valence + move[0]), end(arousal + move[1])];
}

function label(v, a, words, gap = 0.1, left = v > 0.55) {
  return s("text", { x: v + (left ? -gap : gap), y: -a + 0.024, "text-anchor": left ? "end" : "start" }, words);
}
