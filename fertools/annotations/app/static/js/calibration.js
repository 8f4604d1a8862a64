// Calibration: after a face with a known rating was answered, the rating is shown.

import { get } from "./api.js";
import { signed } from "./dom.js";

export class Calibration {
  #told = new Map();

  constructor(app) {
    this.app = app;
  }

  /**
   * Return the known rating of a face once the server has the answer `id`; null if the answer was refused, undefined if
   * the rating cannot be had. Calls `unreachable` if that takes a server that does not answer now.
   */
  async reference(item, id, unreachable) {
    if (this.#told.has(item)) return this.#told.get(item);
    const { app } = this;
    try {
      if ((await app.outbox.tried(id)) === null) unreachable();
      if (!(await app.outbox.saved(id))) return null;
      const { reference } = await get("/api/reference", { rater: app.rater, face: item.face });
      if (!reference) return undefined; // the answer was taken back meanwhile
      this.#told.set(item, reference);
      const { valence, arousal, origin } = reference;
      if (valence !== null) app.ledger.do("feedback", { faces: [item.face], part: item.part, valence, arousal, origin });
      return reference;
    } catch {
      unreachable();
      return undefined;
    }
  }
}

/** Return a sentence that says what a rating is, where it is from, and how far an answer is from it. */
export function compare(reference, answer) {
  const from = reference.origin === "people" ? "the mean of people's ratings" : `from ${reference.origin.replace("import:", "")}`;
  const words = [`Known rating (${from}):`];
  if (reference.valence !== null) {
    words.push(`valence ${signed(reference.valence)}, arousal ${signed(reference.arousal)}.`);
    if (answer.valence !== null) words.push(`Yours is ${Math.hypot(answer.valence - reference.valence, answer.arousal - reference.arousal).toFixed(2)} away.`);
  }
  if (reference.emotion) words.push(`Expression: ${reference.emotion}${answer.emotion ? `; you said ${answer.emotion}` : ""}.`);
  return words.join(" ");
}
