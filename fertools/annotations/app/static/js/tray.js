// The faces of one page of the queue, as thumbnails next to the question.

import { h, signed } from "./dom.js";

export class Tray {
  /** `go` shows the face of an item, `turn` another page (-1 or 1), `next` the next open face. */
  constructor(items, { go, turn, next }) {
    this.items = items;
    this.go = go;
    this.thumbs = h("div", { class: "thumbs", role: "group", "aria-label": "Faces of this page" });
    this.where = h("span", { class: "number small muted" });
    const page = (way, sign, words) => h("button", { type: "button", class: "quiet", onclick: () => turn(way) }, sign, h("span", { class: "visually-hidden" }, words));
    this.element = h(
      "section",
      { class: "panel tray", "aria-label": "Queue" },
      h("div", { class: "row apart" }, page(-1, "\u2039", "Previous page"), this.where, page(1, "\u203a", "Next page")),
      this.thumbs,
      h("button", { type: "button", onclick: next }, "Next open face ", h("kbd", {}, "Space")),
    );
  }

  /** Draw the items of a page that starts at position `start` of `total`. */
  draw(page, start, current, total) {
    const focused = [...this.thumbs.children].indexOf(document.activeElement);
    // The Tab key reaches all thumbnails as one element; arrow keys move between them.
    const stop = Math.max(0, page.indexOf(current));
    const buttons = page.map((item, place) => this.#thumb(item, item === current, place === stop));
    this.thumbs.replaceChildren(...buttons);
    if (focused >= 0) buttons[focused]?.focus();
    scrollWithin(this.thumbs, buttons[page.indexOf(current)]);
    this.where.textContent = page.length ? `${start + 1}\u2013${start + page.length} of ${total}` : "";
  }

  /** Move the focus to the previous or next thumbnail. */
  walk(key) {
    const buttons = [...this.thumbs.children];
    buttons[buttons.indexOf(document.activeElement) + (["ArrowLeft", "ArrowUp"].includes(key) ? -1 : 1)]?.focus();
  }

  #thumb(item, current, stop) {
    const answer = this.items.answer(item);
    const done = this.items.isDone(item);
    const words = [`Face ${item.place + 1}`, done ? "rated" : "open"];
    if (answer.valence !== null) words.push(`valence ${signed(answer.valence)}, arousal ${signed(answer.arousal)}`);
    if (answer.emotion) words.push(answer.emotion);
    return h(
      "button",
      { type: "button", class: "thumb", tabindex: stop ? "0" : "-1", title: words.join(", "), "aria-label": words.join(", "), "aria-current": current ? "true" : null, onclick: () => this.go(item) },
      h("img", { src: `/face/${item.face}`, alt: "", loading: "lazy", draggable: "false" }),
      item.part === "calibration" ? h("span", { class: "tag" }, "first") : null,
      h("span", { class: "badge" }, done ? "\u2713" : answer.flags.size ? "!" : ""),
    );
  }
}

/** Scroll a list until an element is visible, without scrolling the page. */
export function scrollWithin(list, element) {
  if (!element) return;
  const [outer, inner] = [list.getBoundingClientRect(), element.getBoundingClientRect()];
  if (inner.top < outer.top) list.scrollTop -= outer.top - inner.top;
  else if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom;
}
