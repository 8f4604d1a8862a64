// The line next to the plane: a hint, a suggestion, a warning or feedback.

import { h, tell } from "./dom.js";

export class Says {
  constructor() {
    this.element = h("div", { class: "says", "data-kind": "hint" });
    this.hint("");
  }

  hint(words) {
    this.#set("hint", words, null);
  }

  /** Show a warning; `keep` is called if the rater keeps the rating. */
  warn(words, keep = null) {
    this.#set("warning", words, keep && h("button", { type: "button", onclick: keep }, "Keep it ", h("kbd", {}, "Enter")));
    tell(words);
  }

  /** Show a suggestion; `accept` is called if the rater accepts it. */
  suggest(words, accept) {
    this.#set("hint", words, h("button", { type: "button", onclick: accept }, "Accept ", h("kbd", {}, "Enter")));
  }

  feedback(words, go) {
    this.#set("feedback", words, h("button", { type: "button", onclick: go }, "Continue ", h("kbd", {}, "Enter")));
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
