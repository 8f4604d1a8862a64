// The pause between a rating and the next face. A key pressed in the pause is meant for the next face and waits for it.
// A second press of the key that gave the rating confirms it.

const SHOW_MS = 260; // how long a rating is visible before the next face
const MOST = 20;

export class Pause {
  #timer = null;
  #moving = null;
  #answered = null;
  #keys = [];

  /** Whether the current face is rated and the next one is coming. */
  get on() {
    return this.#timer !== null || this.moving;
  }

  /** Whether the next face is being fetched. */
  get moving() {
    return this.#moving !== null;
  }

  /** Begin the pause after a rating by `key` (null without a key); `go` shows the next face. */
  begin(go, key) {
    this.stop();
    this.#answered = key;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      go();
    }, SHOW_MS);
  }

  /** Stay on this face. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Stay on this face and drop the keys for the next one. */
  cancel() {
    this.stop();
    this.#keys = [];
  }

  /** Show another face with `move`, after a move that is in progress. */
  async move(move) {
    while (this.#moving) await this.#moving;
    this.stop();
    this.#moving = move().finally(() => (this.#moving = null));
    await this.#moving;
  }

  /** Keep a key for the next face, unless it confirms the last rating. */
  keep({ key, shiftKey, target }) {
    if (key.toLowerCase() !== this.#answered && this.#keys.length < MOST) this.#keys.push({ key, shiftKey, target });
  }

  /** Pass the kept keys to `take` one by one, until one begins another pause. */
  replay(take) {
    while (this.#keys.length && !this.on) take(this.#keys.shift());
  }
}
