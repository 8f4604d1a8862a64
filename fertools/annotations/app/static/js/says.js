// The line beside the plane: a hint, a warning that can be kept to, or feedback.

import { h, tell } from "./dom.js";

export class Says {
  constructor() {
    this.element = h("div", { class: "says", "data-kind": "hint" });
    this.hint("");
  }

  hint(words) {
    this.#set("hint", words, null);
  }

  /** Say a warning; `keep` is called when the rater keeps what was done. */
  warn(words, keep = null) {
    this.#set("warning", words, keep && h("button", { type: "button", onclick: keep }, "Keep it ", h("kbd", {}, "Enter")));
    tell(words);
  }

  /** Say what is suggested; `take` is called when the rater takes it. */
  suggest(words, take) {
    this.#set("hint", words, h("button", { type: "button", onclick: take }, "Take it ", h("kbd", {}, "Enter")));
  }

  feedback(words, go) {
    this.#set("feedback", words, h("button", { type: "button", onclick: go }, "Go on ", h("kbd", {}, "Enter")));
    tell(words);
  }

  get kind() {
    return this.element.dataset.kind;
  }

  #set(kind, words, button) {
    this.element.dataset.kind = kind;
    this.element.replaceChildren(h("span", { class: "what" }, words), ...(button ? [button] : []));
  }
}
