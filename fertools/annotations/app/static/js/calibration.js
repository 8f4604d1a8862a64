// Calibration: show the known rating of a face after it was rated.

import { get } from "./api.js";
import { signed } from "./dom.js";

export class Calibration {
  #references = new Map();

  constructor(app) {
    this.app = app;
  }

  /**
   * Return the known rating of a face once the server has the event `id`: null if the event was refused, undefined if
   * there is no known rating to show. Calls `unreachable` if the server cannot be reached.
   */
  async reference(item, id, unreachable) {
    if (this.#references.has(item)) return this.#references.get(item);
    const { app } = this;
    try {
      if ((await app.outbox.tried(id)) === null) unreachable();
      if (!(await app.outbox.saved(id))) return null;
      const { reference } = await get("/api/reference", { rater: app.rater, face: item.face });
      if (!reference) return undefined; // the rating was undone in the meantime
      this.#references.set(item, reference);
      const { valence, arousal, origin } = reference;
      if (valence !== null) app.ledger.do("feedback", { faces: [item.face], part: item.part, valence, arousal, origin });
      return reference;
    } catch {
      unreachable();
      return undefined;
    }
  }
}

/** Return a sentence with the known rating, its origin, and the distance of the rater's answer. */
export function compare(reference, answer) {
  const from = reference.origin === "people" ? "the mean of people's ratings" : `from ${reference.origin.replace("import:", "")}`;
  const words = [`Known rating (${from}):`];
  if (reference.valence !== null) {
    words.push(`valence ${signed(reference.valence)}, arousal ${signed(reference.arousal)}.`);
    if (answer.valence !== null) words.push(`Yours is ${Math.hypot(answer.valence - reference.valence, answer.arousal - reference.arousal).toFixed(2)} away.`);
  }
  if (reference.emotion) words.push(`Expression: ${reference.emotion}${answer.emotion ? `; you chose ${answer.emotion}` : ""}.`);
  return words.join(" ");
}
