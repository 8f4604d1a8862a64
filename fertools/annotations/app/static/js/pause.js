// The pause between an answer and the next face. A key that is pressed in it is meant for the next face, and waits for
// it; a second press of the key that gave the answer confirms it.

const SHOW_MS = 260; // how long a mark is seen before the next face comes
const MOST = 20;

export class Pause {
  #timer = null;
  #moving = null;
  #answered = null;
  #keys = [];

  /** Whether the face that is shown is answered and the next one is on its way. */
  get on() {
    return this.#timer !== null || this.moving;
  }

  /** Whether the next face is being fetched. */
  get moving() {
    return this.#moving !== null;
  }

  /** Begin the pause after an answer that `key` gave (null if none did); `go` brings the next face. */
  begin(go, key) {
    this.stop();
    this.#answered = key;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      go();
    }, SHOW_MS);
  }

  /** Stay on this face for now. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Stay on this face after all, and forget the keys that were meant for the next one. */
  cancel() {
    this.stop();
    this.#keys = [];
  }

  /** Bring another face by `move`, after one that is on its way. */
  async move(move) {
    while (this.#moving) await this.#moving;
    this.stop();
    this.#moving = move().finally(() => (this.#moving = null));
    await this.#moving;
  }

  /** Keep a key for the next face, unless it confirms the answer that was just given. */
  keep({ key, shiftKey, target }) {
    if (key.toLowerCase() !== this.#answered && this.#keys.length < MOST) this.#keys.push({ key, shiftKey, target });
  }

  /** Hand the keys that were kept to `take`, one after the other, until one begins another pause. */
  replay(take) {
    while (this.#keys.length && !this.on) take(this.#keys.shift());
  }
}
