// The view of the agreement between raters: only numbers, never the ratings of others.

import { get } from "./api.js";
import { h, signed } from "./dom.js";

const MEASURES = { ccc: "CCC", pcc: "PCC", icc_2_1: "ICC(2,1)", icc_2_k: "ICC(2,k)", icc_3_k: "ICC(3,k)", alpha: "alpha", same: "same label" };

export class AgreementView {
  static keys = [["M", "Back to the faces"]];

  constructor(app) {
    this.app = app;
    this.body = h("div", { class: "tables", "aria-live": "polite" });
    this.element = h(
      "div",
      { class: "view agreement" },
      h("div", { class: "row apart" }, h("h2", {}, "Agreement"), h("button", { type: "button", onclick: () => this.open() }, "Compute again")),
      this.body,
    );
  }

  async open() {
    this.body.replaceChildren(h("p", { class: "muted" }, "Computing…"));
    await this.app.outbox.drained();
    try {
      this.#draw(await get("/api/agreement", { rater: this.app.rater }));
    } catch (error) {
      this.body.replaceChildren(h("p", {}, `There is no agreement to show: ${error.message}`));
    }
  }

  #draw({ estimates, videos, disagreements, notes }) {
    const parts = Object.entries(videos).flatMap(([about, count]) => {
      const own = estimates.filter((one) => one.about === about);
      const words = `${about}, from ${count} ${count === 1 ? "video" : "videos"}`;
      return [
        table(words, "measure", own.filter((one) => one.who === "all"), (one) => MEASURES[one.measure], (one) => one.axis),
        table(`${about}, per pair, and per rater with the others`, "raters", own.filter((one) => one.who !== "all"), (one) => one.who, (one) => `${one.axis} ${MEASURES[one.measure]}`),
      ];
    });
    this.body.replaceChildren(
      h("p", { class: "muted small" }, "n is the number of faces or frames. Raters without common faces are left out. Square brackets contain 95 % intervals over videos. Traces are also compared by their differences from frame to frame, because a shared slow drift does not affect these."),
      ...parts,
      disagreements.length ? h("h3", {}, "Faces on which raters differ most") : "",
      h("div", { class: "row" }, ...disagreements.map((one) => this.#face(one))),
      ...notes.map((note) => h("p", { class: "muted small" }, `${note}.`)),
    );
  }

  #face(one) {
    const path = `/faces/main/${one.face}`;
    const follow = (event) => {
      event.preventDefault();
      this.app.go(path);
    };
    return h("a", { href: path, class: "disputed", onclick: follow }, h("img", { src: `/face/${one.face}`, alt: "Open this face", width: "72", height: "72" }), h("span", { class: "small number" }, one.spread === null ? "different labels" : `spread ${one.spread.toFixed(2)}`));
  }

  reveal() {}

  key() {
    return false;
  }

  close() {}
}

function table(caption, head, estimates, rowOf, columnOf) {
  if (!estimates.length) return "";
  const columns = [...new Set(estimates.map(columnOf))];
  const rows = new Map();
  for (const one of estimates) rows.set(rowOf(one), { ...rows.get(rowOf(one)), [columnOf(one)]: one });
  // Raters with too few common items have no row.
  for (const [name, cells] of rows) if (Object.values(cells).every((one) => one.value === null)) rows.delete(name);
  if (!rows.size) return "";
  const cell = (one) => {
    if (!one || one.value === null) return h("td", {}, "–");
    const interval = one.low === null ? "" : ` [${signed(one.low)}, ${signed(one.high)}]`;
    return h("td", {}, h("b", {}, signed(one.value)), h("span", { class: "muted" }, `${interval} n\u00a0=\u00a0${one.items.toLocaleString("en")}`));
  };
  return h(
    "div",
    { class: "card scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, head), ...columns.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, ...[...rows].map(([name, cells]) => h("tr", {}, h("th", { scope: "row" }, name), ...columns.map((column) => cell(cells[column]))))),
    ),
  );
}
